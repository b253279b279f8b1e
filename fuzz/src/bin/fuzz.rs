//! One target under libFuzzer, named by `FUZZ_TARGET`. With `FUZZ_SEEDS`, writes the target's first inputs there instead.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use medsec_fuzz::{TARGETS, Target, seeds};

/// The target that was asked for.
fn chosen() -> &'static Target {
    static CHOSEN: OnceLock<&Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let target = TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            eprintln!("FUZZ_TARGET is one of: {}", names.join(" "));
            std::process::exit(2)
        });
        if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
            for (number, seed) in seeds::of(target.name).iter().enumerate() {
                std::fs::write(Path::new(&folder).join(format!("seed-{number:02}")), seed)
                    .expect("a folder to write to");
            }
            std::process::exit(0);
        }
        target
    })
}

fuzz_target!(init: { chosen(); }, |data: &[u8]| {
    let target = chosen();
    (target.run)(data.get(..target.bytes_max).unwrap_or(data));
});
