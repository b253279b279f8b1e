//@ error: E0277 "cannot be encrypted into a record"
//! An encrypted field of an integer that is not wrapped.
use medsec_core::event::{Count, Outcome};
use medsec_core::{Sensitive, events};

pub type Patient = Sensitive<[u8; 16]>;
pub type Unused = (Count, Outcome);

events! {
    /// What the pump records.
    pub enum PumpEvent {
        /// A setting was changed.
        Changed = 0x4001 [ConfigurationChange, Security, Success] {
            /// What it is about.
            encrypt subject: Sensitive<u32>,
        },
    }
}
