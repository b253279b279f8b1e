//! What should open, from what was sent, and what did.

use core::ops::AddAssign;
use std::collections::{BTreeSet, HashMap};

use medsec_core::Secret;
use medsec_core::suite::{CipherState, ReceiveKey, Suite};
use medsec_transport::frame::Receiver;

/// Counts of runs.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) frames: u64,
    pub(crate) packets: u64,
    pub(crate) opened: u64,
    /// Frames that did not open and should not: damaged, mixed, doubled, late.
    pub(crate) dropped: u64,
    /// Links on which what was sent last has arrived.
    pub(crate) links_alive: u64,
    /// Bytes that a tap has heard.
    pub(crate) tapped: u64,
    /// Opened again.
    pub(crate) twice: u64,
    /// Opened as something else than was sent, or out of its place.
    pub(crate) changed: u64,
    /// Sent by the peer, due, and not opened.
    pub(crate) refused: u64,
    /// Plaintext on a wire.
    pub(crate) leaks: u64,
}

impl Tally {
    pub(crate) const fn violations(&self) -> u64 {
        self.twice + self.changed + self.refused + self.leaks
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.packets += other.packets;
        self.opened += other.opened;
        self.dropped += other.dropped;
        self.links_alive += other.links_alive;
        self.tapped += other.tapped;
        self.twice += other.twice;
        self.changed += other.changed;
        self.refused += other.refused;
        self.leaks += other.leaks;
    }
}

impl core::fmt::Display for Tally {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { frames, packets, opened, dropped, links_alive, tapped, .. } = self;
        write!(f, "{frames} frames")?;
        if *packets > 0 {
            write!(f, " in {packets} packets")?;
        }
        write!(f, ", {opened} opened, {dropped} dropped, {links_alive} links alive at the end; ")?;
        write!(f, "{tapped} bytes tapped; ")?;
        let Self { twice, changed, refused, leaks, .. } = self;
        write!(f, "{twice} twice, {changed} changed, {refused} wrongly refused, {leaks} leaks")
    }
}

/// Opens frames, well or not.
pub(crate) trait Opens {
    /// Number and body.
    fn open(&mut self, frame: &mut [u8]) -> Option<(u64, Vec<u8>)>;
}

impl<S: Suite, const WORDS: usize> Opens for Receiver<S, WORDS> {
    fn open(&mut self, frame: &mut [u8]) -> Option<(u64, Vec<u8>)> {
        let next = self.next();
        let opened =
            Self::open(self, frame).ok().map(|opened| (opened.number, opened.body.to_vec()));
        assert!(opened.is_some() || self.next() == next, "a frame that did not open moved it");
        opened
    }
}

/// Opens what is authentic, and asks no window.
pub(crate) struct Unguarded<S: Suite>(ReceiveKey<S>);

impl<S: Suite> Unguarded<S> {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self(CipherState::new(&Secret::new(key)).into_receiver())
    }
}

impl<S: Suite> Opens for Unguarded<S> {
    fn open(&mut self, frame: &mut [u8]) -> Option<(u64, Vec<u8>)> {
        let (header, rest) = frame.split_at_mut_checked(3)?;
        let (text, tag) = rest.split_last_chunk_mut::<16>()?;
        let number = u64::from(u16::from_le_bytes([header[1], header[2]]));
        self.0.decrypt(number, header, text, tag).ok()?;
        Some((number, text.to_vec()))
    }
}

/// Counts frames of which it does not know yet who sealed them.
pub(crate) struct Shifting<S: Suite> {
    key: ReceiveKey<S>,
    next: u64,
}

impl<S: Suite> Shifting<S> {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key: CipherState::new(&Secret::new(key)).into_receiver(), next: 0 }
    }
}

impl<S: Suite> Opens for Shifting<S> {
    fn open(&mut self, frame: &mut [u8]) -> Option<(u64, Vec<u8>)> {
        let (header, rest) = frame.split_at_mut_checked(1)?;
        let (text, tag) = rest.split_last_chunk_mut::<16>()?;
        let number = self.next;
        self.next += 1;
        self.key.decrypt(number, header, text, tag).ok()?;
        Some((number, text.to_vec()))
    }
}

/// Knows all that was sent on one direction of a link, and what has arrived.
pub(crate) struct Judge {
    words: usize,
    bodies: Vec<Vec<u8>>,
    numbers: HashMap<Vec<u8>, usize>,
    opened: BTreeSet<usize>,
    pub(crate) tally: Tally,
}

impl Judge {
    pub(crate) fn new(words: usize) -> Self {
        let (bodies, numbers, opened) = (Vec::new(), HashMap::new(), BTreeSet::new());
        Self { words, bodies, numbers, opened, tally: Tally::default() }
    }

    pub(crate) fn sent(&mut self, frame: &[u8], body: &[u8]) {
        self.numbers.insert(frame.to_vec(), self.bodies.len());
        self.bodies.push(body.to_vec());
        self.tally.frames += 1;
    }

    /// Whether what was sent last has arrived.
    pub(crate) fn has_newest(&self) -> bool {
        self.bodies.len().checked_sub(1).is_some_and(|newest| self.opened.contains(&newest))
    }

    /// Whether all that was sent up to what arrived last has arrived.
    pub(crate) fn has_prefix(&self) -> bool {
        self.opened.iter().zip(0..).all(|(number, place)| *number == place)
    }

    pub(crate) fn arrived<O: Opens>(&mut self, opener: &mut O, frame: &mut [u8]) {
        let number = self.numbers.get(&*frame).copied();
        let next = self.opened.last().map_or(0, |highest| highest + 1);
        let is_due = number.is_some_and(|number| match self.words {
            0 => number == next,
            words => !self.opened.contains(&number) && number + 64 * words >= next,
        });
        match (opener.open(frame), number) {
            (None, _) if is_due => self.tally.refused += 1,
            (None, _) => self.tally.dropped += 1,
            (Some((as_number, body)), Some(number))
                if u64::try_from(number) == Ok(as_number) && body == self.bodies[number] =>
            {
                let is_new = self.opened.insert(number);
                self.tally.twice += u64::from(!is_new);
                self.tally.changed += u64::from(is_new && !is_due);
                self.tally.opened += 1;
            }
            (Some(_), _) => self.tally.changed += 1,
        }
    }
}
