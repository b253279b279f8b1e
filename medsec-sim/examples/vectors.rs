//! Writes `docs/vectors` anew: `cargo run -p medsec-sim --example vectors`, from the root of the repository. A released
//! vector is never rewritten.

use std::io;

fn main() -> io::Result<()> {
    let files = medsec_sim::tamper::vectors::files();
    let files = files.ok_or_else(|| io::Error::other("the device or the verifier refused"))?;
    for (name, bytes) in files {
        std::fs::write(format!("docs/vectors/{name}"), bytes)?;
    }
    Ok(())
}
