//! Which parts and regions are taken, to the last size that still is.

use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
use medsec_core::flash::Region;
use medsec_core::flash::page::{Geometry, GeometryError};
use medsec_core::hal::Flash;

/// A part of these sizes that nobody reads.
struct Sizes<const READ: usize, const WRITE: usize, const PAGE: usize> {
    bytes: usize,
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> ErrorType
    for Sizes<READ, WRITE, PAGE>
{
    type Error = NorFlashErrorKind;
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> ReadNorFlash
    for Sizes<READ, WRITE, PAGE>
{
    const READ_SIZE: usize = READ;

    fn read(&mut self, _: u32, _: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        Err(NorFlashErrorKind::Other)
    }

    fn capacity(&self) -> usize {
        self.bytes
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> NorFlash
    for Sizes<READ, WRITE, PAGE>
{
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, _: u32, _: u32) -> Result<(), NorFlashErrorKind> {
        Err(NorFlashErrorKind::Other)
    }

    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), NorFlashErrorKind> {
        Err(NorFlashErrorKind::Other)
    }
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> Flash for Sizes<READ, WRITE, PAGE> {}

/// Two pages at the third page of a part of five, or why not.
fn unit<const READ: usize, const WRITE: usize, const PAGE: u32, const ERASE: usize>()
-> Result<u32, GeometryError> {
    let part = Sizes::<READ, WRITE, ERASE> { bytes: ERASE.saturating_mul(5) };
    let region = Region::new(PAGE.saturating_mul(2), PAGE.saturating_mul(2));
    Geometry::of(&part, region).map(|geometry| geometry.unit())
}

#[test]
fn words_and_reads_of_the_supported_sizes_only() {
    assert_eq!(unit::<1, 1, 1024, 1024>(), Ok(4));
    assert_eq!(unit::<8, 4, 1024, 1024>(), Ok(8));
    assert_eq!(unit::<1, 8, 1024, 1024>(), Ok(8));
    assert_eq!(unit::<1, 256, 1024, 1024>(), Ok(256));
    let refused = Err(GeometryError::Unit);
    assert_eq!(unit::<1, 3, 1024, 1024>(), refused);
    assert_eq!(unit::<1, 0, 1024, 1024>(), refused);
    assert_eq!(unit::<1, 512, 1024, 1024>(), refused);
    assert_eq!(unit::<3, 4, 1024, 1024>(), refused);
    assert_eq!(unit::<16, 4, 1024, 1024>(), refused);
}

#[test]
fn pages_are_made_of_whole_words() {
    assert_eq!(unit::<1, 8, 24, 24>(), Ok(8));
    assert_eq!(unit::<1, 8, 20, 20>(), Err(GeometryError::Unit));
    // A word of 2 bytes is taken as 4.
    assert_eq!(unit::<1, 2, 6, 6>(), Err(GeometryError::Unit));
}

#[test]
fn regions_are_made_of_whole_pages_within_the_part() {
    let part = Sizes::<1, 4, 1024> { bytes: 4 * 1024 };
    let of = |offset, bytes| Geometry::of(&part, Region::new(offset, bytes));
    assert_eq!(of(0, 4096).map(|geometry| geometry.pages()), Ok(4));
    assert_eq!(of(3072, 1024).map(|geometry| geometry.pages()), Ok(1));
    assert_eq!(of(1024, 2048).map(|geometry| geometry.at(1, 12)), Ok(1024 + 1024 + 12));
    for (offset, bytes) in [
        (0, 0),
        (4, 1024),
        (0, 1028),
        (0, 1020),
        (3072, 2048),
        (4096, 1024),
        (u32::MAX - 1023, 1024),
    ] {
        assert_eq!(of(offset, bytes), Err(GeometryError::Region), "{offset}, {bytes}");
    }
    let none = Sizes::<1, 4, 0> { bytes: 4096 };
    assert_eq!(Geometry::of(&none, Region::new(0, 4096)), Err(GeometryError::Region));
}

#[test]
fn an_image_is_held_to_the_same() {
    for (page_bytes, unit, pages) in [(4, 4, 1), (256, 256, 1), (1024, 8, 4)] {
        let geometry = Geometry::of_image(page_bytes, unit, pages);
        let seen = geometry.map(|of| (of.page_bytes(), of.unit(), of.pages(), of.at(pages, 0)));
        assert_eq!(seen, Ok((page_bytes, unit, pages, page_bytes.saturating_mul(pages))));
    }
    for (page_bytes, unit) in [(1024, 0), (1024, 2), (1024, 12), (1024, 512)] {
        assert_eq!(Geometry::of_image(page_bytes, unit, 4), Err(GeometryError::Unit), "{unit}");
    }
    for (page_bytes, unit, pages) in
        [(0, 4, 4), (1024, 4, 0), (1020, 8, 4), (1 << 16, 4, 1 << 16), (1 << 31, 4, 2)]
    {
        assert_eq!(Geometry::of_image(page_bytes, unit, pages), Err(GeometryError::Region));
    }
}
