//@ compiles
//! A debug port that nobody looked at.
use medsec_core::hal::DebugLock;
use medsec_core::lifecycle::Lifecycle;
use medsec_core::local_port::debug::{DebugChecked, DebugOpen, DebugPort, check};

pub fn program(part: &mut impl DebugLock, life: Lifecycle) -> Result<DebugChecked, DebugOpen> {
    let _ = (&part, life, DebugPort::Locked, check::<&mut Never>);
    check(part, life)
}

pub struct Never;

impl DebugLock for Never {
    const LOCKABLE: bool = false;

    fn read_state(&mut self) -> medsec_core::hal::DebugState {
        medsec_core::hal::DebugState::Open
    }

    fn lock(&mut self) {}
}
