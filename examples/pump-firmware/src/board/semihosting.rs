//! Files and exit on the host, by the emulator's semihosting ("Semihosting for AArch32 and AArch64", Arm).
#![expect(unsafe_code, reason = "the breakpoint that calls the host, and the pointers it takes")]

use core::arch::asm;
use core::ffi::CStr;

use super::Outcome;

const OPEN: usize = 0x01;
const WRITE: usize = 0x05;
const READ: usize = 0x06;
const SEEK: usize = 0x0A;
const LENGTH: usize = 0x0C;
const COMMAND_LINE: usize = 0x15;
const EXIT_EXTENDED: usize = 0x20;

const STOPPED_APPLICATION_EXIT: usize = 0x2_0026;

/// The host refused a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostFault;

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Read and write what is there.
    Update,
    /// Write, from empty.
    Create,
}

/// One call of the host.
///
/// # Safety
/// `block` holds the words that `operation` takes, and each pointer and length among them names memory that the host
/// may read, or write where the operation says so.
unsafe fn call<const N: usize>(operation: usize, block: &mut [usize; N]) -> usize {
    let result: usize;
    // SAFETY: the emulator serves this breakpoint; it reads and writes only what the caller vouches for, and no
    // register but r0. Without `nomem`, so memory is taken as changed.
    unsafe {
        asm!(
            "bkpt 0xAB",
            inlateout("r0") operation => result,
            in("r1") block.as_mut_ptr(),
            options(nostack, preserves_flags),
        );
    }
    result
}

/// An open file of the host.
#[derive(Clone, Copy, Debug)]
pub struct File(usize);

impl File {
    /// Opens a file in the emulator's working directory.
    ///
    /// # Errors
    /// [`HostFault`]: there is none, or it cannot be made.
    pub fn open(name: &CStr, mode: Mode) -> Result<Self, HostFault> {
        let mode = match mode {
            Mode::Update => 3,
            Mode::Create => 5,
        };
        let mut block = [name.as_ptr().expose_provenance(), mode, name.to_bytes().len()];
        // SAFETY: pointer and length of a live C string, which the host only reads.
        let handle = unsafe { call(OPEN, &mut block) };
        if handle == usize::MAX { Err(HostFault) } else { Ok(Self(handle)) }
    }

    /// The host's console, for output.
    ///
    /// # Errors
    /// [`HostFault`]: there is none.
    pub fn console() -> Result<Self, HostFault> {
        let name = c":tt";
        let mut block = [name.as_ptr().expose_provenance(), 4, name.to_bytes().len()];
        // SAFETY: as in `open`.
        let handle = unsafe { call(OPEN, &mut block) };
        if handle == usize::MAX { Err(HostFault) } else { Ok(Self(handle)) }
    }

    /// The handle, for a place that cannot hold a `File`.
    #[must_use]
    pub const fn handle(self) -> usize {
        self.0
    }

    /// The file of a handle.
    #[must_use]
    pub const fn from_handle(handle: usize) -> Self {
        Self(handle)
    }

    /// Length in bytes.
    ///
    /// # Errors
    /// [`HostFault`].
    pub fn length(self) -> Result<usize, HostFault> {
        // SAFETY: the one word is the handle; no memory is passed.
        let length = unsafe { call(LENGTH, &mut [self.0]) };
        if length == usize::MAX { Err(HostFault) } else { Ok(length) }
    }

    /// Writes all of `bytes` where the file stands, in one call: a power cut sees all or nothing of it.
    ///
    /// # Errors
    /// [`HostFault`].
    pub fn write(self, bytes: &[u8]) -> Result<(), HostFault> {
        let mut block = [self.0, bytes.as_ptr().expose_provenance(), bytes.len()];
        // SAFETY: pointer and length of a live slice, which the host only reads.
        let left = unsafe { call(WRITE, &mut block) };
        if left == 0 { Ok(()) } else { Err(HostFault) }
    }

    /// Writes `bytes` at byte `offset`.
    ///
    /// # Errors
    /// [`HostFault`].
    pub fn write_at(self, offset: usize, bytes: &[u8]) -> Result<(), HostFault> {
        self.seek(offset)?;
        self.write(bytes)
    }

    /// Fills `out` from byte `offset`.
    ///
    /// # Errors
    /// [`HostFault`]: also if the file ends before.
    pub fn read_at(self, offset: usize, out: &mut [u8]) -> Result<(), HostFault> {
        self.seek(offset)?;
        let mut block = [self.0, out.as_mut_ptr().expose_provenance(), out.len()];
        // SAFETY: pointer and length of a slice lent for writing.
        let left = unsafe { call(READ, &mut block) };
        if left == 0 { Ok(()) } else { Err(HostFault) }
    }

    /// Writes `words` words of memory from `start` on.
    ///
    /// # Safety
    /// They are readable.
    pub(super) unsafe fn write_memory(self, start: usize, bytes: usize) -> Result<(), HostFault> {
        // SAFETY: the caller vouches for the memory, which the host only reads.
        let left = unsafe { call(WRITE, &mut [self.0, start, bytes]) };
        if left == 0 { Ok(()) } else { Err(HostFault) }
    }

    fn seek(self, offset: usize) -> Result<(), HostFault> {
        // SAFETY: handle and offset; no memory is passed.
        let result = unsafe { call(SEEK, &mut [self.0, offset]) };
        if result == 0 { Ok(()) } else { Err(HostFault) }
    }
}

/// Fetches the command line into `buffer`; returns its length.
///
/// # Errors
/// [`HostFault`]: it is longer than the buffer.
pub fn command_line(buffer: &mut [u8]) -> Result<usize, HostFault> {
    let mut block = [buffer.as_mut_ptr().expose_provenance(), buffer.len()];
    // SAFETY: pointer and length of a slice lent for writing; the host stores the length in the second word.
    let result = unsafe { call(COMMAND_LINE, &mut block) };
    let [_, length] = block;
    if result == 0 && length <= buffer.len() { Ok(length) } else { Err(HostFault) }
}

/// Ends the emulator's process.
pub fn exit(outcome: Outcome) -> ! {
    let code = usize::try_from(outcome.code()).unwrap_or(1);
    loop {
        // SAFETY: two plain words; the host does not return from this.
        unsafe { call(EXIT_EXTENDED, &mut [STOPPED_APPLICATION_EXIT, code]) };
    }
}
