//! The log in a sealed file, for a medium that anybody may pick up.

use medsec_audit::export::{Cursor, ExportError};
use medsec_audit::hal::Watcher;
use medsec_core::event::{PrincipalId, RecordError, SystemEvent};
use medsec_core::identity::certificate::Certificate;
use medsec_transport::frame::Outgoing;
use medsec_transport::sealed_file::{
    CHUNK_OVERHEAD, Content, FileWriter, HEADER_BYTES_MAX, Recipients, Sender, TRAILER_BYTES,
    WriteError,
};

use crate::link::budget::Due;
use crate::{Device, Port};

/// Bytes of the log in a chunk.
const PART_BYTES: usize = 1_024;
/// Bytes of the buffer that [`Device::begin_log_file`] and [`LogFile::next`] are lent, at least.
pub const FILE_PART_BYTES: usize = {
    let chunk = PART_BYTES + CHUNK_OVERHEAD + TRAILER_BYTES;
    if chunk > HEADER_BYTES_MAX { chunk } else { HEADER_BYTES_MAX }
};

/// Why there is no file, or none that is whole. Begin again: a file has no second half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum LogFileError {
    /// It could not be recorded who reads the log.
    Record(RecordError),
    /// The log gives nothing out, or has gone on too far.
    Export(ExportError),
    /// Nothing was sealed.
    Write(WriteError),
}

impl core::fmt::Display for LogFileError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Record(error) => error.fmt(f),
            Self::Export(error) => error.fmt(f),
            Self::Write(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LogFileError {}

/// A file with the log as it was when the file was begun.
///
/// # Limits
/// RAM: a cipher and about 100 bytes; a call needs 1 KiB of stack, and reads so much of the part. The file has the bytes of the
/// [export](medsec_audit::export), 18 for each 1,024 of it, and at most 1,073 beside.
///
/// # Power loss
/// The file is torn, and every reader says so.
#[derive(Debug)]
pub struct LogFile<P: Port> {
    writer: Option<FileWriter<P::Suite>>,
    cursor: Cursor,
}

impl<P: Port, W: Watcher> Device<P, W> {
    /// Records that `by` takes the log away, once in ten minutes, then begins a file of it, and writes its header to `out`.
    ///
    /// # Trust
    /// Whether `by` may is for the caller to know. Who can read it is for `recipients`, which the device keeps.
    ///
    /// # Errors
    /// [`LogFileError`], as it says.
    pub fn begin_log_file<'m>(
        &mut self,
        by: PrincipalId,
        certificate: &Certificate,
        recipients: &Recipients,
        out: &'m mut [u8],
    ) -> Result<(LogFile<P>, Outgoing<'m>), LogFileError> {
        self.record_export(by).map_err(LogFileError::Record)?;
        let (log, _) = self.log_mut();
        let cursor = log.export_start().map_err(LogFileError::Export)?;
        let (key, random) = self.sender();
        let sender = Sender { key, certificate };
        let begun = FileWriter::begin(sender, Content::Audit, recipients, random, out);
        let (writer, header) = begun.map_err(LogFileError::Write)?;
        Ok((LogFile { writer: Some(writer), cursor }, header))
    }

    /// Records that `by` reads the log, unless that is known; of a full log from its reserve.
    ///
    /// A log whose reserve is used up is read all the same: nothing else gets it emptied, and the device's health says that a record was refused.
    pub(crate) fn record_export(&mut self, by: PrincipalId) -> Result<(), RecordError> {
        let now = self.now();
        match self.budgets().export(by, now) {
            Due::Now => {}
            Due::Known => return Ok(()),
            Due::TooMuch => return Err(RecordError::NotReady),
        }
        let event = SystemEvent::ExportStarted { by };
        let recorded = match self.log(&event) {
            Err(RecordError::Full) => self.log_reserved(&event),
            recorded => recorded,
        };
        match recorded {
            Ok(_) | Err(RecordError::Full) => {
                self.budgets().export_recorded(by, now);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl<P: Port> LogFile<P> {
    /// Writes the next part of the file to `out`; none if it was written whole.
    ///
    /// # Errors
    /// [`LogFileError`], as it says; the file is then given up.
    pub fn next<'m, W: Watcher>(
        &mut self,
        device: &mut Device<P, W>,
        out: &'m mut [u8],
    ) -> Result<Option<Outgoing<'m>>, LogFileError> {
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        let mut part = [0; PART_BYTES];
        let (log, flash) = device.log_mut();
        let count = log
            .export(flash, P::PROFILE.model, &mut self.cursor, &mut part)
            .map_err(LogFileError::Export)?;
        let is_last = self.cursor.offset >= log.export_bytes();
        let part = part.get(..count).unwrap_or_default();
        if is_last {
            let (key, _) = device.sender();
            return writer.finish(key, part, out).map(Some).map_err(LogFileError::Write);
        }
        let chunk = writer.chunk(part, out).map_err(LogFileError::Write)?;
        self.writer = Some(writer);
        Ok(Some(chunk))
    }
}
