//! A layout file: where the log lies in a raw flash image. Text, read strictly.
//!
//! ```text
//! medsec-layout-1
//! suite 1
//! model 1346961409
//! page 4096
//! unit 4
//! cell 0
//! log 16384 65536
//! ```
//!
//! All lines, in this order, figures in decimal without leading zeros. `suite` is 1 (AES-256-GCM) or 2
//! (ChaCha20-Poly1305); `page` and `unit` are the part's erase page and the unit that offsets are rounded up to, in bytes;
//! `cell` is the offset of the four pages that hold the log's state; `log` is offset and length of the pages of the log.

use medsec_audit::record::BODY_BYTES_MAX;
use medsec_core::flash::cell;
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::Plan;

const WORD: &str = "medsec-layout-1";
/// Bytes of the longest layout file.
pub const FILE_BYTES_MAX: u64 = 1_024;
/// Bytes of the largest page.
const PAGE_BYTES_MAX: u32 = 1 << 20;

/// What is wrong with a layout file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// There are bytes other than printable ASCII.
    #[error("the file holds bytes that are no plain text")]
    NotText,
    /// It begins with another line.
    #[error("the first line is not medsec-layout-1")]
    WrongKind,
    /// A line is missing, or is another than belongs there.
    #[error("the line `{name}` is missing, repeated, or out of order")]
    Line {
        /// Which one.
        name: &'static str,
    },
    /// A figure is malformed.
    #[error("the line `{name}` does not hold the right number of decimal figures")]
    Figure {
        /// In which line.
        name: &'static str,
    },
    /// There is more than belongs there.
    #[error("there are lines behind `log`")]
    MoreLines,
    /// No suite has this number.
    #[error("no suite has this number; 1 is AES-256-GCM, 2 is ChaCha20-Poly1305")]
    Suite,
    /// The sizes do not fit together.
    #[error("page, unit and log do not fit together")]
    Sizes,
    /// The cell and the log share bytes.
    #[error("the cell and the log overlap")]
    Overlap,
}

/// Where things lie in a flash image, and how they are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// Number of the suite.
    pub suite: u8,
    /// Model of the device, part of its id.
    pub model: u32,
    /// Bytes in a page.
    pub page_bytes: u32,
    /// The unit of the part.
    pub unit: u32,
    /// Offset of the cell.
    pub cell_offset: u32,
    /// Offset of the log.
    pub log_offset: u32,
    /// Bytes of the log.
    pub log_bytes: u32,
}

impl Layout {
    /// Reads the bytes of a layout file.
    ///
    /// # Errors
    /// Each [`LayoutError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, LayoutError> {
        if !bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
            return Err(LayoutError::NotText);
        }
        let text = str::from_utf8(bytes).map_err(|_| LayoutError::NotText)?;
        let mut lines = text.strip_suffix('\n').unwrap_or(text).split('\n');
        if lines.next() != Some(WORD) {
            return Err(LayoutError::WrongKind);
        }
        let [suite] = figures(lines.next(), "suite")?;
        let suite = u8::try_from(suite).ok().filter(|suite| matches!(suite, 1 | 2));
        let [model] = figures(lines.next(), "model")?;
        let [page_bytes] = figures(lines.next(), "page")?;
        let [unit] = figures(lines.next(), "unit")?;
        let [cell_offset] = figures(lines.next(), "cell")?;
        let [log_offset, log_bytes] = figures(lines.next(), "log")?;
        if lines.next().is_some() {
            return Err(LayoutError::MoreLines);
        }
        let suite = suite.ok_or(LayoutError::Suite)?;
        let layout = Self { suite, model, page_bytes, unit, cell_offset, log_offset, log_bytes };
        layout.check()?;
        Ok(layout)
    }

    /// The file that holds this layout.
    #[must_use]
    pub fn to_file(&self) -> String {
        let Self { suite, model, page_bytes, unit, cell_offset, log_offset, log_bytes } = self;
        format!(
            "{WORD}\nsuite {suite}\nmodel {model}\npage {page_bytes}\nunit {unit}\n\
             cell {cell_offset}\nlog {log_offset} {log_bytes}\n"
        )
    }

    /// The pages of the log, and where things lie in them.
    ///
    /// # Errors
    /// [`LayoutError::Sizes`].
    pub fn plan(&self) -> Result<Plan, LayoutError> {
        let pages = self.log_bytes.checked_div(self.page_bytes).ok_or(LayoutError::Sizes)?;
        let geometry = Geometry::of_image(self.page_bytes, self.unit, pages)
            .map_err(|_| LayoutError::Sizes)?;
        Plan::new(geometry, u32::from(BODY_BYTES_MAX)).map_err(|_| LayoutError::Sizes)
    }

    /// The pages of the cell.
    ///
    /// # Errors
    /// [`LayoutError::Sizes`].
    pub fn cell(&self) -> Result<Geometry, LayoutError> {
        Geometry::of_image(self.page_bytes, self.unit, cell::PAGES).map_err(|_| LayoutError::Sizes)
    }

    /// Bytes of the cell.
    #[must_use]
    pub const fn cell_bytes(&self) -> u32 {
        self.page_bytes.saturating_mul(cell::PAGES)
    }

    fn check(&self) -> Result<(), LayoutError> {
        let (cell_bytes, page) = (self.cell_bytes(), self.page_bytes);
        let is_whole = |bytes: u32| bytes.checked_rem(page) == Some(0);
        let cell_end = self.cell_offset.checked_add(cell_bytes).ok_or(LayoutError::Sizes)?;
        let log_end = self.log_offset.checked_add(self.log_bytes).ok_or(LayoutError::Sizes)?;
        let are_whole = [self.cell_offset, self.log_offset, self.log_bytes].map(is_whole);
        if page > PAGE_BYTES_MAX || are_whole != [true; 3] {
            return Err(LayoutError::Sizes);
        }
        if self.cell_offset < log_end && self.log_offset < cell_end {
            return Err(LayoutError::Overlap);
        }
        self.plan().and(self.cell()).map(|_| ())
    }
}

/// The `N` figures of the line called `name`.
fn figures<const N: usize>(
    line: Option<&str>,
    name: &'static str,
) -> Result<[u32; N], LayoutError> {
    let mut words = line.ok_or(LayoutError::Line { name })?.split(' ');
    if words.next() != Some(name) {
        return Err(LayoutError::Line { name });
    }
    let figures: Option<Vec<u32>> = words.map(figure).collect();
    figures.and_then(|figures| figures.try_into().ok()).ok_or(LayoutError::Figure { name })
}

/// A decimal figure in its one form.
fn figure(word: &str) -> Option<u32> {
    let figure: u32 = word.parse().ok()?;
    (figure.to_string() == word).then_some(figure)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "medsec-layout-1\nsuite 1\nmodel 7\npage 4096\nunit 4\ncell 0\nlog 16384 65536\n";

    #[test]
    fn a_layout_is_read_back() {
        let layout = Layout::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(layout.to_file(), GOOD);
        assert_eq!(Layout::parse(GOOD.trim_end().as_bytes()), Ok(layout));
        assert_eq!(layout.plan().unwrap().geometry().pages(), 16);
    }

    #[test]
    fn each_malformed_layout_is_refused_for_its_own_reason() {
        for (from, to, error) in [
            ("medsec-layout-1", "medsec-layout-2", LayoutError::WrongKind),
            ("suite 1", "suite 1\r", LayoutError::NotText),
            ("suite 1\n", "", LayoutError::Line { name: "suite" }),
            ("model 7\npage 4096", "page 4096\nmodel 7", LayoutError::Line { name: "model" }),
            ("\nlog 16384 65536", "", LayoutError::Line { name: "log" }),
            ("page 4096", "page 04096", LayoutError::Figure { name: "page" }),
            ("page 4096", "page +4096", LayoutError::Figure { name: "page" }),
            ("page 4096", "page 4096 1", LayoutError::Figure { name: "page" }),
            ("unit 4", "unit", LayoutError::Figure { name: "unit" }),
            ("unit 4", "unit  4", LayoutError::Figure { name: "unit" }),
            ("model 7", "model 4294967296", LayoutError::Figure { name: "model" }),
            ("65536\n", "65536\n\n", LayoutError::MoreLines),
            ("65536", "65536\nkey 1", LayoutError::MoreLines),
        ] {
            refuse(from, to, error);
        }
    }

    #[test]
    fn sizes_that_do_not_fit_together_are_refused() {
        for (from, to, error) in [
            ("suite 1", "suite 3", LayoutError::Suite),
            ("suite 1", "suite 257", LayoutError::Suite),
            ("unit 4", "unit 3", LayoutError::Sizes),
            ("page 4096", "page 0", LayoutError::Sizes),
            ("page 4096", "page 2097152", LayoutError::Sizes),
            ("log 16384 65536", "log 16384 65535", LayoutError::Sizes),
            ("log 16384 65536", "log 16384 8192", LayoutError::Sizes),
            ("log 16384 65536", "log 4294963200 65536", LayoutError::Sizes),
            ("cell 0", "cell 2", LayoutError::Sizes),
            ("cell 0", "cell 4096", LayoutError::Overlap),
            ("cell 0", "cell 77824", LayoutError::Overlap),
        ] {
            refuse(from, to, error);
        }
    }

    fn refuse(from: &str, to: &str, error: LayoutError) {
        let text = GOOD.replace(from, to);
        assert_eq!(Layout::parse(text.as_bytes()), Err(error), "{text}");
    }
}
