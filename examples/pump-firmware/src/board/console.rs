//! Lines to the host's console. A line goes out in one call, so a power cut leaves it whole or absent.

use core::sync::atomic::{AtomicUsize, Ordering};

use super::semihosting::File;

/// Longest line in bytes; what is longer is cut.
pub const LINE_BYTES_MAX: usize = 120;

static CONSOLE: AtomicUsize = AtomicUsize::new(usize::MAX);

/// A line in the making. There is no `core::fmt` in it, which would bring calls through pointers and panic paths.
#[derive(Debug)]
pub struct Line {
    bytes: [u8; LINE_BYTES_MAX],
    length: usize,
}

impl Line {
    /// A line that starts with `text`.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; LINE_BYTES_MAX], length: 0 }
    }

    /// Appends text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            self.push(byte);
        }
        self
    }

    /// Appends a number in decimal.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        let mut digits = [b'0'; 20];
        let mut rest = number;
        let mut used = 0_usize;
        for digit in digits.iter_mut().rev() {
            *digit = b'0'.wrapping_add(u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
            used = used.wrapping_add(1);
            if rest == 0 {
                break;
            }
        }
        for digit in digits.iter().skip(20_usize.wrapping_sub(used)) {
            self.push(*digit);
        }
        self
    }

    /// Appends bytes in hexadecimal.
    #[must_use]
    pub fn hex(mut self, bytes: &[u8]) -> Self {
        for byte in bytes {
            for nibble in [byte >> 4, byte & 15] {
                let base = if nibble < 10 { b'0' } else { b'a'.wrapping_sub(10) };
                self.push(base.wrapping_add(nibble));
            }
        }
        self
    }

    /// Sends the line. A console that is gone is no reason to stop.
    pub fn send(mut self) {
        let end = self.length.min(LINE_BYTES_MAX.wrapping_sub(1));
        if let Some(last) = self.bytes.get_mut(end) {
            *last = b'\n';
        }
        let mut handle = CONSOLE.load(Ordering::Relaxed);
        if handle == usize::MAX {
            let Ok(console) = File::console() else { return };
            handle = console.handle();
            CONSOLE.store(handle, Ordering::Relaxed);
        }
        let bytes = self.bytes.get(..=end).unwrap_or_default();
        let _sent: Result<(), _> = File::from_handle(handle).write(bytes);
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = byte;
            self.length = self.length.wrapping_add(1);
        }
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}
