//@ error: E0080 "used twice"
//! Two events with one id.
use medsec_core::events;

events! {
    /// What the pump records.
    pub enum PumpEvent {
        /// It started.
        Started = 0x4001 [ControlSystem, Operational, Success],
        /// It stopped.
        Stopped = 0x4001 [ControlSystem, Operational, Success],
    }
}
