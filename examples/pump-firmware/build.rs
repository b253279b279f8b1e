//! Puts the linker scripts where the linker looks: each image has its own memory map.
use std::path::PathBuf;
use std::{env, fs};

/// Images that share a memory map, by the map's name.
const MAPS: [(&str, &[&str]); 3] =
    [("pump", &["pump", "canary", "flood"]), ("small", &["small"]), ("icount", &["icount"])];

fn main() -> std::io::Result<()> {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    for (map, images) in MAPS {
        let (from, to) = (format!("memory/{map}.x"), out.join(map));
        fs::create_dir_all(&to)?;
        fs::copy(&from, to.join("memory.x"))?;
        println!("cargo:rerun-if-changed={from}");
        for image in images {
            println!("cargo:rustc-link-arg-bin={image}=-L{}", to.display());
        }
    }
    // In a folder of its own: a map that an earlier build left in `out` would be found there before any other.
    let all = out.join("all");
    fs::create_dir_all(&all)?;
    fs::copy("sizes.x", all.join("sizes.x"))?;
    println!("cargo:rerun-if-changed=sizes.x");
    println!("cargo:rustc-link-search={}", all.display());
    Ok(())
}
