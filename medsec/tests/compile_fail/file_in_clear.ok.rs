//@ compiles
//! A part of a file that is not encrypted.
use medsec::core::key::DeviceKey;
use medsec::core::suite::Aes256Gcm;
use medsec::transport::sealed_file::FileWriter;

pub fn program(file: FileWriter<Aes256Gcm>, key: &DeviceKey, plain: &[u8]) -> bool {
    let mut file = file;
    let (mut out, mut more) = ([0; 8192], [0; 8192]);
    let _ = file.chunk(plain, &mut more).is_ok();
    let is_whole = file.finish(key, plain, &mut out).is_ok();
    is_whole && !more.is_empty()
}
