//@ error: E0308
//! A header field that is no outcome.
use medsec_core::event::{Count, Outcome};
use medsec_core::{Sensitive, events};

pub type Patient = Sensitive<[u8; 16]>;
pub type Unused = (Count, Outcome);

events! {
    /// What the pump records.
    pub enum PumpEvent {
        /// A setting was changed.
        Changed = 0x4001 [ConfigurationChange, Security, outcome] {
            /// What it is about.
            header outcome: Count,
        },
    }
}
