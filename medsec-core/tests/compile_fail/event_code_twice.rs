//@ error: E0080 "used twice"
//! A code that stands for two names.
use medsec_core::events;

events! {
    /// Why the pump stopped.
    pub codes StopCause {
        /// The line is blocked.
        Occlusion = 1,
        /// The reservoir is empty.
        Empty = 1,
    }
}
