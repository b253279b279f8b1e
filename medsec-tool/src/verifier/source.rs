//! The log in its file: an export, or a raw image of the flash with a layout.

use medsec_audit::export::{self, ExportHeader};
use medsec_audit::record::CLASS_CHECKPOINT;
use medsec_audit::state::{self, PUBLIC_BYTES};
use medsec_core::flash::ring::{ENTRY_HEADER_BYTES, EntryHeader, HEADER_BYTES, Header, Plan};

use crate::error::Error;
use crate::layout::Layout;
use crate::model::Evidence;
use crate::untrusted::Untrusted;

/// Where a log was found.
pub(super) struct Source<'a> {
    pub(super) suite: u8,
    pub(super) model: u32,
    pub(super) plan: Plan,
    /// The pages, slot by slot.
    pub(super) pages: &'a [u8],
    pub(super) state: Option<[u8; PUBLIC_BYTES]>,
    /// The device that the file states, if it states one.
    pub(super) device: Option<[u8; 16]>,
}

impl<'a> Source<'a> {
    pub(super) fn find(evidence: &Evidence<'a>) -> Result<Self, Error> {
        let is_export = evidence.bytes.starts_with(&export::MAGIC.to_le_bytes());
        match (evidence.layout, is_export) {
            (None, true) => Self::of_export(evidence.bytes),
            (Some(layout), false) => Self::of_image(evidence.bytes, layout),
            (None, false) => {
                Err(not_a_log("it does not begin as an export; a raw flash image needs --layout"))
            }
            (Some(_), true) => {
                let reason = "the file is an export; --layout belongs to a raw flash image";
                Err(Error::Usage { reason: Untrusted::from(reason) })
            }
        }
    }

    fn of_export(bytes: &'a [u8]) -> Result<Self, Error> {
        let (header, pages) = ExportHeader::parse(bytes).map_err(|_| {
            not_a_log("the export is of another version, or not as long as its header says")
        })?;
        let sizes = |_| not_a_log("the sizes in the export's header do not fit together");
        if header.ring != medsec_audit::log::RING_ID {
            return Err(not_a_log("the export is of another ring than the log"));
        }
        Ok(Self {
            suite: header.suite,
            model: header.model,
            plan: header.plan().map_err(sizes)?,
            pages,
            state: Some(header.state),
            device: Some(header.device),
        })
    }

    fn of_image(bytes: &'a [u8], layout: Layout) -> Result<Self, Error> {
        let sizes = |_| not_a_log("the sizes in the layout do not fit together");
        let shorter = || not_a_log("the image is shorter than the layout says");
        let pages = region(bytes, layout.log_offset, layout.log_bytes).ok_or_else(shorter)?;
        let cell = region(bytes, layout.cell_offset, layout.cell_bytes()).ok_or_else(shorter)?;
        let geometry = layout.cell().map_err(sizes)?;
        Ok(Self {
            suite: layout.suite,
            model: layout.model,
            plan: layout.plan().map_err(sizes)?,
            pages,
            state: state::read_public(&mut (layout.page_bytes, cell), &geometry),
            device: None,
        })
    }

    /// The pages as the verifier reads them.
    pub(super) fn image(&self) -> (u32, &'a [u8]) {
        (self.plan.geometry().page_bytes(), self.pages)
    }

    /// Whether any slot holds a page of a log, whosever it is.
    pub(super) fn holds_page(&self) -> bool {
        self.headers().next().is_some()
    }

    /// Whether there is what looks like a checkpoint, signed by whomever. Looks at every place where an entry may begin.
    pub(super) fn holds_checkpoint(&self) -> bool {
        self.headers().any(|(header, page)| {
            let mut offset = self.plan.header_bytes();
            while offset < self.plan.geometry().page_bytes() {
                if is_checkpoint(page, header.page, offset) {
                    return true;
                }
                offset += self.plan.geometry().unit();
            }
            false
        })
    }

    fn headers(&self) -> impl Iterator<Item = (Header, &'a [u8])> {
        let page_bytes = usize::try_from(self.plan.geometry().page_bytes()).unwrap_or(usize::MAX);
        self.pages.chunks(page_bytes).filter_map(|page| {
            let header: &[u8; HEADER_BYTES] = page.first_chunk()?;
            Some((Header::parse(header).ok()?, page))
        })
    }
}

fn is_checkpoint(page: &[u8], sequence: u32, offset: u32) -> bool {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let bytes = page.get(start..).and_then(<[u8]>::first_chunk::<ENTRY_HEADER_BYTES>);
    bytes
        .and_then(|bytes| EntryHeader::parse(bytes, sequence, offset).ok())
        .is_some_and(|entry| entry.class == CLASS_CHECKPOINT)
}

fn region(bytes: &[u8], offset: u32, length: u32) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

fn not_a_log(reason: &str) -> Error {
    Error::NotALog { reason: Untrusted::from(reason) }
}
