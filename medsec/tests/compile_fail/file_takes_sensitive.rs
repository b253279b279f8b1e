//@ error: E0308
//! A personal value in a file, without saying what for.
use medsec::core::Purpose;
use medsec::core::suite::Aes256Gcm;
use medsec::transport::sealed_file::FileWriter;
use medsec::Sensitive;

pub fn program(file: &mut FileWriter<Aes256Gcm>, patient: &Sensitive<[u8; 16]>) -> bool {
    let (mut out, _) = ([0; 64], &Purpose::TREATMENT);
    file.chunk(patient, &mut out).is_ok()
}
