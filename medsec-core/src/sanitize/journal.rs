//! What outlives the secrets: how far sanitizing has come, as the value of a cell.

use super::{MODULES_MAX, ModuleId, NONCE_BYTES, Outcome};
use crate::codec::{DecodeError, Overflow, Reader, Writer};
use crate::event::LifecycleState;
use crate::secret::Secret;

/// Bytes of the journal's value.
pub(super) const BYTES: usize = 88;
/// Which cell of the device it is.
pub(super) const KIND: u8 = 3;

const VERSION: u8 = 1;

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Nothing is erased; the state of life is kept elsewhere.
    Idle,
    /// The intent is stored.
    Erasing,
    /// The certificate is stored.
    Certified,
}

/// Whether somebody else has the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Evidence {
    /// There is a receipt for all records.
    Exported,
    /// There is none for some or all records; that was recorded and accepted.
    Lost,
    /// There was no record.
    Nothing,
}

impl Evidence {
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Exported => 1,
            Self::Lost => 2,
            Self::Nothing => 3,
        }
    }

    /// What these numbers of records are.
    pub(super) const fn of(exported: u64, records: u64) -> Self {
        match (exported, records) {
            (_, 0) => Self::Nothing,
            (exported, records) if exported >= records => Self::Exported,
            _ => Self::Lost,
        }
    }
}

/// The journal's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record {
    pub(super) phase: Phase,
    pub(super) outcome: Outcome,
    /// The state of life before.
    pub(super) from: LifecycleState,
    /// The word of the state of life; 0 as long as none was stored here.
    pub(super) word: u32,
    /// How often sanitizing was begun.
    pub(super) number: u32,
    /// Items at the front that were erased and read back, each in one boot.
    pub(super) done: u8,
    /// Modules that were, one bit each.
    pub(super) modules_done: u8,
    pub(super) nonce: [u8; NONCE_BYTES],
    pub(super) exported: u64,
    pub(super) records: u64,
    pub(super) modules: [Option<ModuleId>; MODULES_MAX],
}

impl Record {
    /// Of a device that was never sanitized and knows no module.
    pub(super) const FIRST: Self = Self {
        phase: Phase::Idle,
        outcome: Outcome::ChangeOfOwner,
        from: LifecycleState::Unreadable,
        word: 0,
        number: 0,
        done: 0,
        modules_done: 0,
        nonce: [0; NONCE_BYTES],
        exported: 0,
        records: 0,
        modules: [None; MODULES_MAX],
    };

    fn write(&self, writer: &mut Writer<'_>) -> Result<(), Overflow> {
        let phase = match self.phase {
            Phase::Idle => 1,
            Phase::Erasing => 2,
            Phase::Certified => 3,
        };
        writer.bytes(&[VERSION, phase, self.outcome.code(), self.from.code()])?;
        writer.u32(self.word)?;
        writer.u32(self.number)?;
        writer.bytes(&[self.done, self.modules_done, 0, 0])?;
        writer.bytes(&self.nonce)?;
        writer.u64(self.exported)?;
        writer.u64(self.records)?;
        self.modules.iter().try_for_each(|module| {
            writer.bytes(module.as_ref().map_or(&[0_u8; 8], ModuleId::bytes).as_slice())
        })?;
        writer.u64(0)
    }

    /// The value that stands for it.
    pub(super) fn encode(&self) -> Secret<BYTES> {
        let mut value = Secret::new([0; BYTES]);
        // The buffer has the length of the layout.
        self.write(&mut Writer::new(value.expose_mut())).unwrap_or_default();
        value
    }

    /// What a value stands for; nothing if it is of another version.
    pub(super) fn decode(value: &Secret<BYTES>) -> Option<Self> {
        Self::read(&mut Reader::new(value.expose())).ok().flatten()
    }

    fn read(reader: &mut Reader<'_>) -> Result<Option<Self>, DecodeError> {
        let version = reader.u8()?;
        let phase = match reader.u8()? {
            1 => Some(Phase::Idle),
            2 => Some(Phase::Erasing),
            3 => Some(Phase::Certified),
            _ => None,
        };
        let outcome = Outcome::from_code(reader.u8()?);
        let from = LifecycleState::from_code(reader.u8()?);
        let (word, number) = (reader.u32()?, reader.u32()?);
        let (done, modules_done) = (reader.u8()?, reader.u8()?);
        reader.zeros(2)?;
        let nonce = reader.array()?;
        let (exported, records) = (reader.u64()?, reader.u64()?);
        let mut modules = [None; MODULES_MAX];
        for module in &mut modules {
            *module = ModuleId::new(reader.array()?);
        }
        reader.zeros(8)?;
        let (Some(phase), Some(outcome), Some(from), VERSION) = (phase, outcome, from, version)
        else {
            return Ok(None);
        };
        Ok(Some(Self {
            phase,
            outcome,
            from,
            word,
            number,
            done,
            modules_done,
            nonce,
            exported,
            records,
            modules,
        }))
    }

    /// The modules that are known, each with its number from 0.
    pub(super) fn known(&self) -> impl Iterator<Item = (u8, ModuleId)> {
        let modules = (0_u8..).zip(self.modules);
        modules.filter_map(|(number, module)| module.map(|id| (number, id)))
    }

    /// The modules that are still to be erased.
    pub(super) fn open(&self) -> impl Iterator<Item = (u8, ModuleId)> {
        let done = self.modules_done;
        self.known().filter(move |(number, _)| done & bit(*number) == 0)
    }

    /// Its number, if it is known.
    pub(super) fn number_of(&self, id: ModuleId) -> Option<u8> {
        self.known().find(|(_, known)| *known == id).map(|(number, _)| number)
    }
}

/// The bit of a module's number.
pub(super) fn bit(number: u8) -> u8 {
    1_u8.checked_shl(u32::from(number)).unwrap_or(0)
}
