//@ compiles
//! A session that ends while its port is used.
use medsec_core::local_port::{LocalPort, Port, PortClosed, Sessions};
use medsec_core::time::Ticks;

pub struct Table(bool);

impl Sessions for Table {
    fn is_open(&self, _: [u8; 8], _: Ticks) -> bool {
        self.0
    }
}

impl Table {
    fn log_off(&mut self) {
        self.0 = false;
    }
}

pub fn program<P: LocalPort>(port: &mut Port<P>, table: &mut Table, now: Ticks) -> Result<(), PortClosed> {
    let mut enabled = port.enabled(table, now)?;
    enabled.part(now)?;
    table.log_off();
    Ok(())
}
