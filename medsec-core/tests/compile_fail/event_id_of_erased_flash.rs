//@ error: E0080 "outside the range"
//! The id `0xFFFF`, which is not a maker's.
use medsec_core::event::{Count, Outcome};
use medsec_core::{Sensitive, events};

pub type Patient = Sensitive<[u8; 16]>;
pub type Unused = (Count, Outcome);

events! {
    /// What the pump records.
    pub enum PumpEvent {
        /// A setting was changed.
        Changed = 0xFFFF [ConfigurationChange, Security, Success] {
            /// What it is about.
            public subject: Count,
        },
    }
}
