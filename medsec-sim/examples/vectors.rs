//! Writes `docs/vectors` anew: `cargo run -p medsec-sim --example vectors`, from the root of the repository. A released
//! vector is never rewritten: a file that is there and differs is left as it is, and named.

use std::io;
use std::path::Path;

use medsec_sim::tamper::vectors;

fn main() -> io::Result<()> {
    let refused = || io::Error::other("the device or the verifier refused");
    let first = vectors::files().ok_or_else(refused)?;
    let second = vectors::logs().ok_or_else(refused)?;
    let mut differing = Vec::new();
    for (name, bytes) in first.into_iter().chain(second) {
        let path = Path::new("docs/vectors").join(&name);
        if !path.exists() {
            std::fs::write(&path, bytes)?;
        } else if std::fs::read(&path)? != bytes {
            differing.push(name);
        }
    }
    if differing.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!("not written, since another is there: {}", differing.join(", "))))
}
