//@ error: E0308
//! A personal value to the peer of a device, without saying what for.
use medsec::core::Purpose;
use medsec::core::suite::Aes256Gcm;
use medsec::link::Endpoint;
use medsec::Sensitive;

pub fn program(end: &mut Endpoint<'_, Aes256Gcm, 0>, patient: &Sensitive<[u8; 16]>) -> bool {
    let (mut out, _) = ([0; 64], &Purpose::TREATMENT);
    end.send(true, patient, &mut out).is_ok()
}
