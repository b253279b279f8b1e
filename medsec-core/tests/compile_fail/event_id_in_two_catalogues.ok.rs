//@ compiles
//! Two vocabularies of one maker that share an id.
use medsec_core::event::catalogues_are_disjoint;
use medsec_core::events;

events! {
    /// What the pump records.
    pub enum PumpEvent {
        /// It started.
        Started = 0x4001 [ControlSystem, Operational, Success],
    }
}
events! {
    /// What the charger records.
    pub enum ChargerEvent {
        /// It started.
        Started = 0x4002 [ControlSystem, Operational, Success],
    }
}
const _: () = assert!(catalogues_are_disjoint(&[PumpEvent::CATALOGUE, ChargerEvent::CATALOGUE]));
