//! What a port implements for this crate, and nothing else.

use crate::detect::Detection;

/// Hears of what [`crate::detect`] found.
///
/// # Limits
/// It is called at most once per rule and event, on the path of an append, after the append: set a flag or wake a task,
/// and return. It is given no handle to the log.
///
/// # Security
/// What follows from a detection is the maker's to say, and it never is that therapy stops: an attacker who can cause a
/// detection must not gain the means to stop the device (invariant 1).
pub trait Watcher {
    /// `detection` has just been made. The default hears nothing; the detection is recorded all the same.
    fn on_detection(&mut self, detection: &Detection) {
        let _ = detection;
    }
}

/// Nobody listens.
impl Watcher for () {}

impl<W: Watcher> Watcher for &mut W {
    fn on_detection(&mut self, detection: &Detection) {
        W::on_detection(self, detection);
    }
}
