//@ error: E0061
//! The log on a medium, for nobody in particular.
use medsec::core::event::PrincipalId;
use medsec::core::identity::certificate::Certificate;
use medsec::transport::sealed_file::Recipients;
use medsec::{Device, Port};

pub fn program<P: Port>(device: &mut Device<P>, by: PrincipalId, own: &Certificate, to: &Recipients) -> bool {
    let (mut out, _) = ([0; 2048], to);
    device.begin_log_file(by, own, &mut out).is_ok()
}
