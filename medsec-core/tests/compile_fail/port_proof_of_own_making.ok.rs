//@ compiles
//! A proof of a type of one's own.
use medsec_core::event::PrincipalId;
use medsec_core::local_port::{Lapsed, LocalPort, Opening, OpensPort};
use medsec_core::time::Ticks;

pub struct Mine(Opening);

pub trait Other<P: LocalPort> {
    fn by(&self) -> PrincipalId;
    fn exercise(self, now: Ticks) -> Result<Opening, Lapsed>;
}

impl<P: LocalPort> Other<P> for Mine {
    fn by(&self) -> PrincipalId {
        PrincipalId::DEVICE
    }

    fn exercise(self, _: Ticks) -> Result<Opening, Lapsed> {
        Ok(self.0)
    }
}

pub fn program<P: LocalPort>(proof: impl OpensPort<P>) -> PrincipalId {
    proof.by()
}
