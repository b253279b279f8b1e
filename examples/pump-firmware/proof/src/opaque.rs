//! What a board or a caller gives to medsec, and of which the optimiser knows nothing.

use core::hint::black_box;

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use medsec_audit::checkpoint::Statement;
use medsec_audit::verify::{Image, Keys, Observer, Opened, Range, Unreadable};
use medsec_core::Secret;
use medsec_core::flash::ring::{Author, ENTRY_HEADER_BYTES, Place};
use medsec_core::hal::{Clock, EntropySource, EraseProgress, Flash, SourceFault};
use medsec_core::suite::SealError;
use medsec_core::time::Ticks;
use medsec_transport::frame::Outgoing;
use medsec_transport::hal::{ByteChannel, ChannelLost, PacketChannel};

/// A part that may answer anything.
pub struct OpaqueFlash;

fn answer() -> Result<(), NorFlashErrorKind> {
    black_box(Err(NorFlashErrorKind::Other))
}

impl ErrorType for OpaqueFlash {
    type Error = NorFlashErrorKind;
}

impl ReadNorFlash for OpaqueFlash {
    const READ_SIZE: usize = 4;

    #[inline(never)]
    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        black_box((offset, bytes));
        answer()
    }

    fn capacity(&self) -> usize {
        black_box(0)
    }
}

impl NorFlash for OpaqueFlash {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    #[inline(never)]
    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        black_box((from, to));
        answer()
    }

    #[inline(never)]
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        black_box((offset, bytes));
        answer()
    }
}

impl Flash for OpaqueFlash {
    #[inline(never)]
    fn erase_step(&mut self, offset: u32, ms_max: u32) -> Result<EraseProgress, Self::Error> {
        black_box((offset, ms_max));
        answer().map(|()| black_box(EraseProgress::More))
    }
}

/// Noise that may be anything or missing.
pub struct OpaqueNoise;

impl EntropySource for OpaqueNoise {
    const ENTROPY_PER_BIT_MILLI: u16 = 500;

    #[inline(never)]
    fn sample(&mut self, out: &mut [u8]) -> Result<(), SourceFault> {
        black_box(out);
        black_box(Err(SourceFault))
    }
}

/// A time that may be anything.
pub struct OpaqueClock;

impl Clock for OpaqueClock {
    #[inline(never)]
    fn now(&mut self) -> Ticks {
        black_box(Ticks::from_millis(0))
    }
}

/// An author whose tags may be anything, and who may refuse.
pub struct OpaqueAuthor;

fn tag() -> Result<[u8; 16], SealError> {
    black_box(Err(SealError::NumberUsed))
}

impl Author for OpaqueAuthor {
    #[inline(never)]
    fn turn(&mut self) -> [u8; 32] {
        black_box([0; 32])
    }

    #[inline(never)]
    fn segment(
        &mut self,
        page: u32,
        offset: u32,
        ordinal: u32,
        committed: &[u8],
    ) -> Result<[u8; 16], SealError> {
        black_box((page, offset, ordinal, committed));
        tag()
    }

    #[inline(never)]
    fn seal(
        &mut self,
        place: &Place,
        header: &[u8; ENTRY_HEADER_BYTES],
        body: &mut [u8],
    ) -> Result<[u8; 16], SealError> {
        black_box((place, header, body));
        tag()
    }

    #[inline(never)]
    fn stored(&mut self, bytes: &[u8]) {
        black_box(bytes);
    }
}

/// A log's pages that may hold anything.
pub struct OpaqueImage;

impl Image for OpaqueImage {
    #[inline(never)]
    fn read(&mut self, slot: u32, offset: u32, out: &mut [u8]) -> Result<(), Unreadable> {
        black_box((slot, offset, out));
        black_box(Err(Unreadable))
    }
}

/// Somebody who may or may not be able to open a session.
pub struct OpaqueKeys;

impl Keys for OpaqueKeys {
    #[inline(never)]
    fn is_keyed(&self) -> bool {
        black_box(true)
    }

    #[inline(never)]
    fn audit(&mut self, session: u32, chain: usize) -> Option<Secret<32>> {
        black_box((session, chain));
        black_box(None)
    }

    #[inline(never)]
    fn vouch(&mut self, chain: usize) {
        black_box(chain);
    }

    #[inline(never)]
    fn is_vouched(&self, chain: usize) -> bool {
        black_box(chain) == 0
    }

    #[inline(never)]
    fn begin(&mut self) {
        black_box(());
    }
}

/// Takes what is found.
pub struct OpaqueObserver;

impl Observer for OpaqueObserver {
    #[inline(never)]
    fn range(&mut self, range: &Range) {
        black_box(range);
    }

    #[inline(never)]
    fn record(&mut self, record: &Opened<'_>) {
        black_box((record.session, record.fields));
    }

    #[inline(never)]
    fn checkpoint(&mut self, statement: &Statement, signature: &[u8; 64]) {
        black_box((statement, signature));
    }
}

/// A channel that may take anything or nothing.
pub struct OpaqueChannel;

impl ByteChannel for OpaqueChannel {
    #[inline(never)]
    fn send(&mut self, outgoing: &Outgoing<'_>) -> Result<usize, ChannelLost> {
        black_box(outgoing.bytes());
        black_box(Err(ChannelLost))
    }

    #[inline(never)]
    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, ChannelLost> {
        black_box(bytes);
        black_box(Err(ChannelLost))
    }
}

impl PacketChannel for OpaqueChannel {
    #[inline(never)]
    fn packet_bytes(&self) -> Result<usize, ChannelLost> {
        black_box(Err(ChannelLost))
    }

    #[inline(never)]
    fn send(&mut self, packet: &Outgoing<'_>) -> Result<bool, ChannelLost> {
        black_box(packet.bytes());
        black_box(Err(ChannelLost))
    }

    #[inline(never)]
    fn receive(&mut self, packet: &mut [u8]) -> Result<usize, ChannelLost> {
        black_box(packet);
        black_box(Err(ChannelLost))
    }
}
