//! Watches every program that reaches the ring, whether it is then cut or not.

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use medsec_core::flash::ring::{CLASS_RESUME, MAGIC};
use medsec_core::hal::{EraseProgress, Flash};

use super::super::ring::hash;
use crate::exhaust::Violation;

/// What was written so far.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// The session that wrote last, and what it wrote under which sequence number.
    session: u32,
    written: Vec<(u16, u64)>,
    salts: Vec<u64>,
    broken: Option<&'static str>,
}

impl Seen {
    pub(super) fn check(&self) -> Result<(), Violation> {
        self.broken.map_or(Ok(()), |what| Err(Violation::new("number", what)))
    }

    fn program(&mut self, bytes: &[u8]) {
        if bytes.starts_with(&MAGIC.to_le_bytes()) {
            return;
        }
        let (Some(head), Some(resume)) = (bytes.first_chunk(), bytes.get(8..40)) else { return };
        let [length, _, class, _, low, high, _, _] = *head;
        let number = u16::from_le_bytes([low, high]);
        if class == CLASS_RESUME {
            let session = u32::from_le_bytes(resume[..4].try_into().unwrap_or_default());
            let salt = hash(&resume[16..]);
            if session <= self.session {
                self.broken = Some("a session index was used twice");
            }
            if self.salts.contains(&salt) {
                self.broken = Some("a salt was used twice, so a seed was");
            }
            self.session = session;
            self.salts.push(salt);
            self.written.clear();
        }
        let stored = hash(&bytes[..usize::from(length) + 24]);
        if self.written.iter().any(|(other, before)| *other == number && *before != stored) {
            self.broken = Some("two records under one number");
        }
        self.written.push((number, stored));
    }
}

/// The part, watched from `from` on.
pub(super) struct Tap<'a, F> {
    pub(super) flash: &'a mut F,
    pub(super) seen: &'a mut Seen,
    pub(super) from: u32,
}

impl<F: ErrorType> ErrorType for Tap<'_, F> {
    type Error = F::Error;
}

impl<F: ReadNorFlash> ReadNorFlash for Tap<'_, F> {
    const READ_SIZE: usize = F::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.flash.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.flash.capacity()
    }
}

impl<F: NorFlash> NorFlash for Tap<'_, F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.flash.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        if offset >= self.from {
            self.seen.program(bytes);
        }
        self.flash.write(offset, bytes)
    }
}

impl<F: Flash> Flash for Tap<'_, F> {
    fn erase_step(&mut self, offset: u32, ms_max: u32) -> Result<EraseProgress, Self::Error> {
        self.flash.erase_step(offset, ms_max)
    }
}
