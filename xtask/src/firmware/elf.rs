//! The parts of a 32-bit little-endian ELF file that the gate looks at.

/// A section.
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) address: u32,
    pub(crate) bytes: Vec<u8>,
    /// Bytes in memory; those of `.bss` are not in the file.
    pub(crate) size: u32,
    /// Whether it takes room in the part.
    pub(crate) allocated: bool,
}

/// An image.
pub(crate) struct Elf {
    pub(crate) sections: Vec<Section>,
}

const NO_BITS: u32 = 8;
const ALLOCATED: u32 = 2;

impl Elf {
    /// Parses an image.
    pub(crate) fn parse(file: &[u8]) -> Result<Self, String> {
        if file.get(..6) != Some(b"\x7FELF\x01\x01") {
            return Err("not a 32-bit little-endian ELF file".to_owned());
        }
        let table = word(file, 32).ok_or("no section table")?;
        let entry_bytes = half(file, 46).ok_or("no section table")?;
        let count = half(file, 48).ok_or("no section table")?;
        let names_index = half(file, 50).ok_or("no section names")?;
        let header = |index: u32| -> Option<[u32; 6]> {
            let start = usize::try_from(table + index * entry_bytes).ok()?;
            let mut fields = [0; 6];
            for (at, field) in fields.iter_mut().enumerate() {
                *field = word(file, start + 4 * at)?;
            }
            Some(fields)
        };
        let [_, _, _, _, names, _] = header(names_index).ok_or("no section names")?;
        let mut sections = Vec::new();
        for index in 0..count {
            let [name, kind, flags, address, offset, size] =
                header(index).ok_or("section table is cut off")?;
            let bytes = if kind == NO_BITS { Some(&[][..]) } else { slice(file, offset, size) };
            sections.push(Section {
                name: text(file, names + name),
                address,
                bytes: bytes.ok_or("section is cut off")?.to_vec(),
                size,
                allocated: flags & ALLOCATED != 0,
            });
        }
        Ok(Self { sections })
    }

    /// The section called `name`.
    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// Bytes of the sections of which `which` holds.
    pub(crate) fn bytes_of(&self, which: impl Fn(&Section) -> bool) -> u64 {
        let chosen = self.sections.iter().filter(|section| section.allocated && which(section));
        chosen.map(|section| u64::from(section.size)).sum()
    }

    /// `length` bytes at `address`, if an allocated section holds them.
    pub(crate) fn at(&self, address: u32, length: u32) -> Option<&[u8]> {
        let holds = |section: &&Section| {
            section.allocated
                && (section.address..section.address + section.size).contains(&address)
        };
        let section = self.sections.iter().find(holds)?;
        slice(&section.bytes, address - section.address, length)
    }

    /// The stack that the compiler gave each function, by address.
    pub(crate) fn stack_sizes(&self) -> Result<Vec<(u32, u32)>, String> {
        let section = self.section(".stack_sizes").ok_or("the image has no .stack_sizes")?;
        let mut sizes = Vec::new();
        let mut rest = section.bytes.as_slice();
        while let Some((address, after)) = rest.split_first_chunk() {
            let (mut size, mut shift, mut length) = (0_u32, 0_u32, 0_usize);
            for byte in after {
                size |= u32::from(byte & 0x7F) << shift;
                shift += 7;
                length += 1;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            sizes.push((u32::from_le_bytes(*address) & !1, size));
            rest = after.get(length..).unwrap_or_default();
        }
        Ok(sizes)
    }
}

/// The word at `offset`.
pub(crate) fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|word| u32::from_le_bytes(*word))
}

fn half(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|half| u32::from(u16::from_le_bytes(*half)))
}

fn slice(bytes: &[u8], offset: u32, length: u32) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    bytes.get(start..)?.get(..usize::try_from(length).ok()?)
}

fn text(file: &[u8], offset: u32) -> String {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let bytes = file.get(start..).unwrap_or_default();
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(0);
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}
