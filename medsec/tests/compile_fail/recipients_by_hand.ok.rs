//@ compiles
//! Recipients of a file that nobody has judged.
use medsec::transport::sealed_file::Recipients;

pub fn program(judged: Recipients) -> Recipients {
    judged
}
