//@ compiles
//! An event with a personal field derives `Debug`.
use medsec_core::event::Count;
use medsec_core::{Sensitive, events};

pub type Unused = (Count, Sensitive<[u8; 8]>);

events! {
    /// What the pump records.
    #[derive(Debug)]
    pub enum PumpEvent {
        /// A dose was given.
        Dosed = 0x4001 [ControlSystem, Security, Success] {
            /// To whom, or how often.
            public times: Count,
        },
    }
}
