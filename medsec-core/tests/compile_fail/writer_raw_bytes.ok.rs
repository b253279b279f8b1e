//@ compiles
//! The buffer behind the fields.
use medsec_core::event::{Count, EncodeError, FieldWriter};
use medsec_core::Sensitive;

pub fn program(out: &mut FieldWriter<'_>, patient: &Sensitive<[u8; 16]>) -> Result<(), EncodeError> {
    let _ = (Count::new(1), patient);
    Ok(out.public(&Count::new(4))?)
}
