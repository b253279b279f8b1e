//! Channels between two devices, with the faults of real ones.
//!
//! | channel | carries | faults |
//! |---|---|---|
//! | [`serial::Serial`] | bytes | changed, dropped, put in between; few at a time |
//! | [`tcp::Tcp`] | bytes | pieces of any length; a real connection |
//! | [`gatt::Gatt`] | packets of 20 to 244 bytes | the connection ends, and what was on its way with it |
//! | [`radio::Radio`] | packets of 20 to 244 bytes | lost, doubled, late, damaged |
//!
//! All but TCP do the same again from the same seed. Each end can be tapped: what it sends goes to a closure too.

pub mod gatt;
pub mod radio;
pub mod serial;
pub mod tcp;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Hears all bytes that an end sends, before anything happens to them.
pub type Tap = Box<dyn FnMut(&[u8]) + Send>;

/// What a tap has heard, kept for a search.
#[derive(Clone, Default, Debug)]
pub struct Recording(Arc<Mutex<Vec<u8>>>);

impl Recording {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A tap that is kept here. Those of several ends may be.
    #[must_use]
    pub fn tap(&self) -> Tap {
        let recording = self.clone();
        Box::new(move |bytes| held(&recording.0).extend_from_slice(bytes))
    }

    /// All bytes so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        held(&self.0).clone()
    }
}

/// What two ends share.
fn held<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two directions, as each end sees them: where it sends, and where it receives.
fn crossed<T>(there: T, back: T) -> [[Arc<Mutex<T>>; 2]; 2] {
    let (there, back) = (Arc::new(Mutex::new(there)), Arc::new(Mutex::new(back)));
    [[Arc::clone(&there), Arc::clone(&back)], [back, there]]
}
