//@ error: E0369
//! An event with a personal field derives `PartialEq`.
use medsec_core::event::Count;
use medsec_core::{Sensitive, events};

pub type Unused = (Count, Sensitive<[u8; 8]>);

events! {
    /// What the pump records.
    #[derive(PartialEq)]
    pub enum PumpEvent {
        /// A dose was given.
        Dosed = 0x4001 [ControlSystem, Security, Success] {
            /// To whom, or how often.
            encrypt patient: Sensitive<[u8; 8]>,
        },
    }
}
