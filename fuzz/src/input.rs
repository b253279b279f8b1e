//! Reading a fuzzer's bytes as choices. What is missing at the end reads as zero, so that every input is a case.

/// What is left of an input.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next `count` bytes, or what is left.
    pub(crate) fn take(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        head
    }

    /// A stretch whose length, below 256, stands before it.
    pub(crate) fn chunk(&mut self) -> &'a [u8] {
        let count = self.u8();
        self.take(usize::from(count))
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        self.take(usize::MAX)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let bytes = self.take(N);
        array[..bytes.len()].copy_from_slice(bytes);
        array
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    pub(crate) fn bool(&mut self) -> bool {
        self.u8() & 1 == 1
    }

    /// A number below `count`, from one byte.
    pub(crate) fn below(&mut self, count: u32) -> u32 {
        u32::from(self.u8()) % count
    }

    /// A small number mostly, any at times: edges are where bugs are.
    pub(crate) fn number(&mut self) -> u32 {
        match self.u8() {
            0xFF => self.u32(),
            0xFE => u32::MAX - u32::from(self.u8()),
            small => u32::from(small),
        }
    }
}
