//! What the cell of attempts holds, and the records in its slots.

use medsec_core::Secret;
use medsec_core::codec::{Overflow, Reader, Writer};
use medsec_core::flash::cell::slots::CONTENT_BYTES;

use super::policy::{CLASSES, FACTORS};
use super::{Class, Factor};

/// Principals that are counted.
pub const PRINCIPALS: usize = 16;

/// Bytes of the cell's value.
pub const VALUE_BYTES: usize = STATE_BYTES + ROWS * LANES + 4 * PRINCIPALS + 2 * PRINCIPALS;

/// Bytes of the state word.
pub const STATE_BYTES: usize = 4;

const ROWS: usize = PRINCIPALS + 1;
const LANES: usize = CLASSES * FACTORS;

/// Whose attempts are counted: one of [`PRINCIPALS`], or nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row(u8);

impl Row {
    /// All who ask by a name that is not known. It is counted as a principal is, and no attempt of it ever passes.
    pub const GHOST: Self = Self(16);

    /// The row of principal `index`, counted from 0; nothing from [`PRINCIPALS`] on.
    #[must_use]
    pub const fn of(index: u8) -> Option<Self> {
        if index < Self::GHOST.0 { Some(Self(index)) } else { None }
    }

    /// The index of the principal, or [`PRINCIPALS`] for [`Row::GHOST`].
    #[must_use]
    pub const fn index(self) -> u8 {
        self.0
    }

    fn at(self) -> usize {
        usize::from(self.0)
    }
}

const _: () = assert!(PRINCIPALS == 16, "the ghost's row is behind the last principal's");

/// What is counted apart within a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) class: Class,
    pub(super) factor: Factor,
}

impl Lane {
    const fn code(self) -> u8 {
        let class = match self.class {
            Class::Local => 0,
            Class::Remote => 2,
            Class::Service => 4,
        };
        match self.factor {
            Factor::Knowledge => class,
            Factor::Code => class | 1,
        }
    }

    fn of(code: u8) -> Option<Self> {
        let lanes = Class::ALL
            .into_iter()
            .flat_map(|class| Factor::ALL.into_iter().map(move |factor| Self { class, factor }));
        lanes.into_iter().find(|lane| lane.code() == code)
    }

    fn at(self) -> usize {
        usize::from(self.code())
    }
}

/// One cell for each row and lane.
#[derive(Clone, Copy)]
pub(super) struct Grid<T>([[T; LANES]; ROWS]);

impl<T: Copy> Grid<T> {
    pub(super) const fn of(all: T) -> Self {
        Self([[all; LANES]; ROWS])
    }

    pub(super) fn get(&self, row: Row, lane: Lane) -> Option<T> {
        self.0.get(row.at()).and_then(|lanes| lanes.get(lane.at())).copied()
    }

    pub(super) fn set(&mut self, row: Row, lane: Lane, value: T) {
        let found = self.0.get_mut(row.at()).and_then(|lanes| lanes.get_mut(lane.at()));
        if let Some(found) = found {
            *found = value;
        }
    }
}

/// What a slot says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// Somebody tries; a failure, unless an outcome behind it says otherwise. Those of one page are numbered, so that one
    /// that was programmed again, because it did not read back, counts once.
    Attempt { row: Row, lane: Lane, number: u8 },
    /// It was right. Step 0 is none.
    Outcome { row: Row, lane: Lane, step: u32 },
}

const ATTEMPT: u8 = 1;
const OUTCOME: u8 = 2;

impl Entry {
    pub(super) const fn to_bytes(self) -> [u8; CONTENT_BYTES] {
        match self {
            Self::Attempt { row, lane, number } => {
                [ATTEMPT, row.0, lane.code(), number, 0, 0, 0, 0]
            }
            Self::Outcome { row, lane, step } => {
                let [a, b, c, d] = step.to_le_bytes();
                [OUTCOME, row.0, lane.code(), 0, a, b, c, d]
            }
        }
    }

    /// The entry that is stored so, and nothing for what this version does not write.
    pub(super) fn of(bytes: [u8; CONTENT_BYTES]) -> Option<Self> {
        let [kind, row, lane, number, a, b, c, d] = bytes;
        let row = if row == Row::GHOST.0 { Row::GHOST } else { Row::of(row)? };
        let (lane, step) = (Lane::of(lane)?, u32::from_le_bytes([a, b, c, d]));
        match (kind, number, step) {
            (ATTEMPT, number, 0) => Some(Self::Attempt { row, lane, number }),
            (OUTCOME, 0, step) if row != Row::GHOST => Some(Self::Outcome { row, lane, step }),
            _ => None,
        }
    }
}

/// The value: what the owner keeps in it, and what is counted.
#[derive(Clone, Copy)]
pub(super) struct Table {
    pub(super) state: [u8; STATE_BYTES],
    failures: Grid<u8>,
    steps: [u32; PRINCIPALS],
    lifetimes: [u16; PRINCIPALS],
}

impl Table {
    pub(super) const fn new(state: [u8; STATE_BYTES]) -> Self {
        Self { state, failures: Grid::of(0), steps: [0; PRINCIPALS], lifetimes: [0; PRINCIPALS] }
    }

    pub(super) fn encode(&self) -> Secret<VALUE_BYTES> {
        let mut value = Secret::new([0; VALUE_BYTES]);
        // It has the length of the layout, so nothing overflows; what did would read as no failures at all.
        if self.write(&mut Writer::new(value.expose_mut())).is_err() {
            value.expose_mut().fill(0xFF);
        }
        value
    }

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Overflow> {
        writer.bytes(&self.state)?;
        for lanes in &self.failures.0 {
            writer.bytes(lanes)?;
        }
        self.steps.iter().try_for_each(|step| writer.u32(*step))?;
        self.lifetimes.iter().try_for_each(|failures| writer.u16(*failures))
    }

    /// Any bytes are a table; that they are ours is said by the cell.
    pub(super) fn decode(value: &Secret<VALUE_BYTES>) -> Self {
        let mut reader = Reader::new(value.expose());
        let mut table = Self::new(reader.array().unwrap_or_default());
        // A value has the length of the layout; what were missing would be the most that can be counted.
        for lanes in &mut table.failures.0 {
            *lanes = reader.array().unwrap_or([u8::MAX; LANES]);
        }
        for step in &mut table.steps {
            *step = reader.u32().unwrap_or(u32::MAX);
        }
        for failures in &mut table.lifetimes {
            *failures = reader.u16().unwrap_or(u16::MAX);
        }
        table
    }

    /// Takes over what slots say, one after the other. `last` is the number of the attempt before.
    pub(super) fn take(&mut self, entry: Entry, last: &mut Option<u8>) {
        match entry {
            Entry::Attempt { row, lane, number } => {
                if *last != Some(number) {
                    self.charge(row, lane);
                }
                *last = Some(number);
            }
            Entry::Outcome { row, lane, step } => self.pass(row, lane, step),
        }
    }

    /// Counts a failure.
    pub(super) fn charge(&mut self, row: Row, lane: Lane) {
        self.failures.set(row, lane, self.failures(row, lane).saturating_add(1));
        if let Some(failures) = self.lifetimes.get_mut(row.at()) {
            *failures = failures.saturating_add(1);
        }
    }

    /// The attempt that was counted last was none: it was right. Its lane begins anew.
    pub(super) fn pass(&mut self, row: Row, lane: Lane, step: u32) {
        // An outcome that was programmed again finds none.
        let was_charged = self.failures(row, lane) > 0;
        self.failures.set(row, lane, 0);
        if let Some(failures) = self.lifetimes.get_mut(row.at()).filter(|_| was_charged) {
            *failures = failures.saturating_sub(1);
        }
        if let Some(last) = self.steps.get_mut(row.at()) {
            *last = step.max(*last);
        }
    }

    /// The row has a new secret.
    pub(super) fn rebind(&mut self, row: Row, last_step: u32) {
        if let Some(lanes) = self.failures.0.get_mut(row.at()) {
            *lanes = [0; LANES];
        }
        if let Some(last) = self.steps.get_mut(row.at()) {
            *last = last_step;
        }
    }

    /// Failures since the last success.
    pub(super) fn failures(&self, row: Row, lane: Lane) -> u8 {
        self.failures.get(row, lane).unwrap_or(u8::MAX)
    }

    /// Failures of a principal in all; none of the ghost's, who has no secret to be found.
    pub(super) fn lifetime(&self, row: Row) -> u16 {
        self.lifetimes.get(row.at()).copied().unwrap_or(0)
    }

    /// The last step that was taken; none is left for the ghost.
    pub(super) fn last_step(&self, row: Row) -> u32 {
        self.steps.get(row.at()).copied().unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LANE: Lane = Lane { class: Class::Service, factor: Factor::Code };

    fn lanes() -> impl Iterator<Item = Lane> {
        (0..=u8::MAX).filter_map(Lane::of)
    }

    #[test]
    fn counts_stop_at_the_highest_they_can_hold_and_at_zero() {
        let mut table = Table::new([0; 4]);
        let row = Row::of(15).unwrap();
        for charged in 1..=70_000_u32 {
            table.charge(row, LANE);
            assert_eq!(u32::from(table.failures(row, LANE)), charged.min(255));
            assert_eq!(u32::from(table.lifetime(row)), charged.min(65_535));
        }
        table.pass(row, LANE, 0);
        assert_eq!((table.failures(row, LANE), table.lifetime(row)), (0, 65_534));
        let mut table = Table::new([0; 4]);
        table.pass(row, LANE, 9);
        table.pass(row, LANE, 4);
        assert_eq!((table.lifetime(row), table.last_step(row)), (0, 9));
        // An outcome that is there twice takes one attempt back, not two.
        table.charge(row, Lane { factor: Factor::Knowledge, ..LANE });
        table.charge(row, LANE);
        table.pass(row, LANE, 10);
        table.pass(row, LANE, 10);
        assert_eq!((table.lifetime(row), table.last_step(row)), (1, 10));
    }

    /// Every count has a byte of its own, and comes back from it.
    #[test]
    fn a_table_is_decoded_as_it_was_encoded() {
        let mut counts = 0;
        for row in (0..16).filter_map(Row::of).chain([Row::GHOST]) {
            for lane in lanes() {
                let mut table = Table::new([9, 8, 7, 6]);
                table.charge(row, lane);
                table.rebind(Row::of(3).unwrap(), 0x0102_0304);
                let value = table.encode();
                let other = Table::decode(&value);
                assert_eq!(other.encode().expose(), value.expose());
                let is_open = row == Row::of(3).unwrap();
                assert_eq!(other.failures(row, lane), u8::from(!is_open));
                assert_eq!(other.lifetime(row), u16::from(row != Row::GHOST));
                assert_eq!(
                    (other.state, other.last_step(Row::of(3).unwrap())),
                    ([9, 8, 7, 6], 0x0102_0304)
                );
                counts += 1;
            }
        }
        assert_eq!(counts, 102);
    }

    /// Of all that 3 bytes and a step can say, exactly what is written is read.
    #[test]
    fn no_other_entry_is_read_than_is_written() {
        let mut entries = 0;
        for kind in 0..=u8::MAX {
            for row in 0..=u8::MAX {
                for lane in 0..=u8::MAX {
                    for rest in [[0, 0], [1, 0], [0, 1], [1, 1]] {
                        let bytes = [kind, row, lane, rest[0], 0, 0, 0, rest[1]];
                        if let Some(entry) = Entry::of(bytes) {
                            assert_eq!(entry.to_bytes(), bytes);
                            entries += 1;
                        }
                    }
                }
            }
        }
        // An attempt has any number and no step, an outcome any step and no number.
        assert_eq!(entries, 2 * 17 * 6 + 2 * 16 * 6);
    }
}
