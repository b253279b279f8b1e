//! What leaves a device, and the search for values that must not.

use std::collections::HashSet;

/// Bytes of a value that count as found.
const WINDOW_BYTES: usize = 8;

/// Values that must not be found, in every form in which they are looked for: any 8 bytes of one, as they are or in
/// hexadecimal digits of either case.
#[derive(Clone, Default)]
pub struct Canaries {
    windows: HashSet<Vec<u8>>,
}

impl Canaries {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value of at least 8 bytes.
    pub fn add(&mut self, value: &[u8]) {
        for window in value.windows(WINDOW_BYTES) {
            self.windows.insert(window.to_vec());
            for digits in ["0123456789abcdef", "0123456789ABCDEF"] {
                let digit = |nibble: u8| digits.as_bytes()[usize::from(nibble)];
                let hex = window.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
                self.windows.insert(hex.collect());
            }
        }
    }

    /// Where a part of a value begins in `bytes`, if there is one.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<usize> {
        let at = |length| bytes.windows(length).position(|window| self.windows.contains(window));
        at(WINDOW_BYTES).or_else(|| at(2 * WINDOW_BYTES))
    }
}

/// All that went over the wires of a device, by wire: a clip on the flash, the console, the export, what a host made of it.
#[derive(Clone, Default)]
pub struct Wires {
    sent: Vec<(&'static str, Vec<u8>)>,
}

impl Wires {
    /// Nothing sent yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `bytes` go over the wire called `name`.
    pub fn send(&mut self, name: &'static str, bytes: &[u8]) {
        match self.sent.iter_mut().find(|(wire, _)| *wire == name) {
            Some((_, sent)) => sent.extend_from_slice(bytes),
            None => self.sent.push((name, bytes.to_vec())),
        }
    }

    /// Bytes that went over the wire called `name`.
    #[must_use]
    pub fn bytes(&self, name: &str) -> &[u8] {
        self.sent.iter().find(|(wire, _)| *wire == name).map_or(&[], |(_, sent)| sent)
    }

    /// The first wire on which a value was found, and where.
    #[must_use]
    pub fn leak(&self, canaries: &Canaries) -> Option<(&'static str, usize)> {
        self.sent.iter().find_map(|(wire, sent)| Some((*wire, canaries.find(sent)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_as_it_is_and_in_digits_and_not_without_need() {
        let mut canaries = Canaries::new();
        canaries.add(b"PATIENT-00471193");
        let mut wires = Wires::new();
        wires.send("console", b"alarm: occlusion, bed 4");
        assert_eq!(wires.leak(&canaries), None);
        for leak in [&b"NT-00471"[..], b"x4e542d3030343731", b"4E542D3030343731"] {
            let mut wires = wires.clone();
            wires.send("console", leak);
            assert!(matches!(wires.leak(&canaries), Some(("console", 23..))));
        }
    }
}
