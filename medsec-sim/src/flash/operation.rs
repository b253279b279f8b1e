//! One operation: done, cut, or failed.

use super::{Cut, FaultFlash, FlashError};
use crate::fault::{Left, Model, Moment, OperationKind, Place, disturb, tear_erase, tear_program};

impl<const READ: usize, const WRITE: usize, const PAGE: usize> FaultFlash<READ, WRITE, PAGE> {
    pub(super) fn powered(&self) -> Result<(), FlashError> {
        if self.off { Err(FlashError::PowerCut) } else { Ok(()) }
    }

    pub(super) fn healthy(&self, offset: usize) -> Result<(), FlashError> {
        let page = u32::try_from(offset / PAGE).unwrap_or(u32::MAX);
        if self.worn.contains(&page) { Err(FlashError::Worn) } else { Ok(()) }
    }

    /// Counts one operation, and tells what is to happen to it.
    pub(super) fn begin(&mut self, kind: OperationKind, offset: usize) -> Fate {
        self.operations += 1;
        self.since_power_on += 1;
        let fails = self.to_failure == 1;
        self.to_failure = self.to_failure.saturating_sub(1);
        let cut = self.to_cut == 1;
        self.to_cut = self.to_cut.saturating_sub(1);
        if cut {
            self.off = true;
            self.fallen[self.model.index()][kind.index()] += 1;
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            self.last_cut = Some(Cut { kind, offset });
            return Fate::Cut;
        }
        if fails { Fate::Fails } else { Fate::Done }
    }

    /// Lays unstable content over `out`, the stored bytes from `start`; false if a word cannot be read.
    pub(super) fn overlay(&self, start: usize, out: &mut [u8]) -> bool {
        let end = start + out.len();
        let now = Moment { boot: self.boot, read: self.counts.reads, word: WRITE };
        let mut readable = true;
        for zone in self.zones.iter().filter(|zone| zone.within(start, end)) {
            readable &= zone.overlay(start, out, now);
        }
        let hit = |word: &usize| word * WRITE < end && start < (word + 1) * WRITE;
        readable && !self.dead.iter().any(hit) && !self.broken.iter().any(hit)
    }

    pub(super) fn finish_erase(&mut self, start: usize) {
        self.bytes[start..start + PAGE].fill(0xFF);
        self.programmed.clear(start / WRITE, (start + PAGE) / WRITE);
        self.forget_instability(start);
    }

    pub(super) fn forget_instability(&mut self, start: usize) {
        if !self.zones.is_empty() {
            self.zones.retain(|zone| !zone.within(start, start + PAGE));
        }
        if !self.dead.is_empty() {
            self.dead.retain(|word| word * WRITE < start || word * WRITE >= start + PAGE);
        }
    }

    /// Leaves the page at `start` as a torn erase leaves it. What it shows now is what may remain of it.
    pub(super) fn tear_page(&mut self, start: usize, model: Model) {
        let mut page = self.bytes[start..start + PAGE].to_vec();
        self.overlay(start, &mut page);
        let left = tear_erase(model, &mut self.prng, Place { start, word: WRITE }, &mut page);
        if let Left::Untouched = left {
            return;
        }
        self.finish_erase(start);
        if let Left::Complete = left {
            return;
        }
        self.bytes[start..start + PAGE].copy_from_slice(&page);
        self.programmed.set(start / WRITE, (start + PAGE) / WRITE);
        if let Left::Unstable(zone) = left {
            self.zones.push(zone);
        }
    }

    /// Flips bits in a page other than the one at `start`.
    pub(super) fn disturb_neighbour(&mut self, start: usize) {
        let pages = self.bytes.len() / PAGE;
        if pages < 2 {
            return;
        }
        let page = (start / PAGE + 1 + self.prng.below(pages - 1)) % pages;
        let word = page * PAGE + self.prng.below(PAGE / WRITE) * WRITE;
        disturb(&mut self.prng, &mut self.bytes[word..word + WRITE]);
    }

    pub(super) fn cut_page(&mut self, start: usize) {
        self.tear_page(start, self.model);
        if self.model == Model::Neighbour {
            self.disturb_neighbour(start);
        }
    }

    /// Erases the page at `start`, unless the operation is cut or fails.
    pub(super) fn erase_page(&mut self, start: usize) -> Result<(), FlashError> {
        self.healthy(start)?;
        self.counts.erases += 1;
        let fate = self.begin(OperationKind::Erase, start);
        self.wear[start / PAGE] += 1;
        self.erasing = None;
        match fate {
            Fate::Cut => self.cut_page(start),
            Fate::Fails => self.tear_page(start, Model::PartlyOld),
            Fate::Done => self.finish_erase(start),
        }
        fate.outcome()
    }

    /// Stores `data`, and marks its words; returns the content before it where that matters.
    pub(super) fn program(&mut self, start: usize, data: &[u8]) {
        let end = start + data.len();
        for (byte, programmed) in self.bytes[start..end].iter_mut().zip(data) {
            *byte &= programmed;
        }
        for zone in self.zones.iter_mut().filter(|zone| zone.within(start, end)) {
            zone.clear_bits(start, data);
        }
    }

    pub(super) fn mark(&mut self, start: usize, end: usize) {
        let (from, to) = (start / WRITE, end / WRITE);
        let again = self.programmed.count(from, to);
        if again != 0 {
            self.counts.double_programs += again;
            if self.model == Model::Ecc {
                let programmed = &self.programmed;
                self.dead.extend((from..to).filter(|word| programmed.is_set(*word)));
            }
        }
        self.programmed.set(from, to);
    }

    pub(super) fn tear_words(&mut self, start: usize, data: &[u8], model: Model) {
        let end = start + data.len();
        let old = self.bytes[start..end].to_vec();
        let mut done: Vec<u8> = old.iter().zip(data).map(|(old, new)| old & new).collect();
        let place = Place { start, word: WRITE };
        let left = tear_program(model, &mut self.prng, place, &old, &mut done);
        if let Left::Untouched = left {
            return;
        }
        self.mark(start, end);
        self.bytes[start..end].copy_from_slice(&done);
        if let Left::Unstable(zone) = left {
            self.zones.push(zone);
        }
    }

    pub(super) fn cut_words(&mut self, start: usize, data: &[u8]) {
        self.tear_words(start, data, self.model);
        let page = start / PAGE * PAGE;
        match self.model {
            Model::SectorLoss => {
                self.forget_instability(page);
                self.prng.fill(&mut self.bytes[page..page + PAGE]);
                self.programmed.set(page / WRITE, (page + PAGE) / WRITE);
            }
            Model::Neighbour => self.disturb_neighbour(page),
            Model::None
            | Model::BytePrefix
            | Model::RandomBits
            | Model::HalfErase
            | Model::RandomWords
            | Model::PartlyOld
            | Model::Metastable
            | Model::ReadError
            | Model::Ecc
            | Model::EarlyErased => {}
        }
    }
}

/// What happens to an operation.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    Done,
    Cut,
    Fails,
}

impl Fate {
    pub(super) const fn outcome(self) -> Result<(), FlashError> {
        match self {
            Self::Done => Ok(()),
            Self::Cut => Err(FlashError::PowerCut),
            Self::Fails => Err(FlashError::Worn),
        }
    }
}
