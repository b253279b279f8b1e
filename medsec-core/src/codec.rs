//! Reading and writing fixed layouts without a panic path.
//!
//! All integers are little-endian. A [`Reader`] only ever moves forward and reports a short or over-long input as an
//! error; a [`Writer`] never writes past the buffer it was lent.

/// The bytes did not have the layout that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ended inside a field.
    Short,
    /// Bytes were left over after the last field.
    Trailing,
    /// A reserved byte was not zero.
    Reserved,
}

impl core::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Short => "input ended inside a field",
            Self::Trailing => "bytes left over after the last field",
            Self::Reserved => "reserved byte is not zero",
        })
    }
}

impl core::error::Error for DecodeError {}

/// The buffer is too small for what was to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overflow;

impl core::fmt::Display for Overflow {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("buffer too small")
    }
}

impl core::error::Error for Overflow {}

/// Takes fields off the front of a byte slice.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the first byte of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not read yet.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`]: fewer are left; nothing was taken.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Short)?;
        self.rest = rest;
        Ok(head)
    }

    /// The next `N` bytes, copied.
    ///
    /// # Errors
    /// [`DecodeError::Short`]: fewer are left; nothing was taken.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Short)?;
        self.rest = rest;
        Ok(*head)
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`DecodeError::Short`]: none is left.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array().map(u8::from_le_bytes)
    }

    /// The next 2 bytes as an integer.
    ///
    /// # Errors
    /// [`DecodeError::Short`]: fewer are left.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next 4 bytes as an integer.
    ///
    /// # Errors
    /// [`DecodeError::Short`]: fewer are left.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next 8 bytes as an integer.
    ///
    /// # Errors
    /// [`DecodeError::Short`]: fewer are left.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    /// Takes `count` reserved bytes, which must be zero.
    ///
    /// # Errors
    /// [`DecodeError::Short`]: fewer are left. [`DecodeError::Reserved`]: one of them is not zero.
    pub fn zeros(&mut self, count: usize) -> Result<(), DecodeError> {
        if self.bytes(count)?.iter().any(|byte| *byte != 0) {
            return Err(DecodeError::Reserved);
        }
        Ok(())
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`]: bytes are left.
    pub const fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

/// Puts fields one after the other into a lent buffer.
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    /// Writes from the first byte of `buffer`.
    #[must_use]
    pub const fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, at: 0 }
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.at
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Overflow`]: they do not fit; nothing was written.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Overflow> {
        let end = self.at.checked_add(bytes.len()).ok_or(Overflow)?;
        self.buffer.get_mut(self.at..end).ok_or(Overflow)?.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    /// Appends one byte.
    ///
    /// # Errors
    /// [`Overflow`]: it does not fit.
    pub fn u8(&mut self, value: u8) -> Result<(), Overflow> {
        self.bytes(&[value])
    }

    /// Appends 2 bytes.
    ///
    /// # Errors
    /// [`Overflow`]: they do not fit.
    pub fn u16(&mut self, value: u16) -> Result<(), Overflow> {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends 4 bytes.
    ///
    /// # Errors
    /// [`Overflow`]: they do not fit.
    pub fn u32(&mut self, value: u32) -> Result<(), Overflow> {
        self.bytes(&value.to_le_bytes())
    }

    /// Appends 8 bytes.
    ///
    /// # Errors
    /// [`Overflow`]: they do not fit.
    pub fn u64(&mut self, value: u64) -> Result<(), Overflow> {
        self.bytes(&value.to_le_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let mut buffer = [0; 16];
        let mut writer = Writer::new(&mut buffer);
        writer.u8(1).and_then(|()| writer.u16(2)).and_then(|()| writer.u32(3)).unwrap();
        writer.u64(4).unwrap();
        assert_eq!(writer.u16(5), Err(Overflow));
        assert_eq!(writer.written(), 15);
        let mut reader = Reader::new(&buffer);
        assert_eq!(
            (reader.u8(), reader.u16(), reader.u32(), reader.u64()),
            (Ok(1), Ok(2), Ok(3), Ok(4))
        );
        assert_eq!(reader.finish(), Err(DecodeError::Trailing));
        assert_eq!(reader.u16(), Err(DecodeError::Short));
        assert_eq!(reader.zeros(1), Ok(()));
        assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn reserved_bytes_that_are_not_zero_are_refused() {
        assert_eq!(Reader::new(&[0, 1]).zeros(2), Err(DecodeError::Reserved));
    }
}
