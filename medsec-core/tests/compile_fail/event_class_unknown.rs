//@ error: E0599
//! A class of records that does not exist.
use medsec_core::event::{Count, Outcome};
use medsec_core::{Sensitive, events};

pub type Patient = Sensitive<[u8; 16]>;
pub type Unused = (Count, Outcome);

events! {
    /// What the pump records.
    pub enum PumpEvent {
        /// A setting was changed.
        Changed = 0x4001 [ConfigurationChange, Debug, Success] {
            /// What it is about.
            public subject: Count,
        },
    }
}
