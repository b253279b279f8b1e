//! Entries of the ring in `medsec-core`.

use medsec_core::Secret;
use medsec_core::codec::{DecodeError, Overflow};
use medsec_core::event::{self, FieldValue, Fields, PersonalSealer, SystemEvent};
use medsec_core::flash::page::{self, Geometry, GeometryError};
use medsec_core::flash::ring::{
    Config, EntryHeader, HEADER_BYTES, Header, Place, Plan, Progress, RESUME_BYTES, Resume, Ring,
    RingError, Session, Void,
};
use medsec_core::key::{Label, MacKey};
use medsec_core::time::Pause;

use crate::opaque::{OpaqueAuthor, OpaqueFlash};

#[unsafe(no_mangle)]
fn entry_ring_mount(
    flash: &mut OpaqueFlash,
    config: &Config,
    root: &Secret<32>,
    void: Void,
) -> Result<Ring, GeometryError> {
    Ring::mount(flash, config, MacKey::derive(root, Label::AuditMount), void)
}

#[unsafe(no_mangle)]
fn entry_ring_remount(ring: &mut Ring, flash: &mut OpaqueFlash, void: Void) -> u32 {
    ring.remount(flash, void);
    ring.next_page()
}

#[unsafe(no_mangle)]
fn entry_ring_begin(ring: &mut Ring, session: Session, clear: bool) -> Result<(), RingError> {
    ring.check_start(session.index, clear)?;
    ring.begin(session, clear)
}

#[unsafe(no_mangle)]
fn entry_ring_step(
    ring: &mut Ring,
    flash: &mut OpaqueFlash,
    pause: &Pause<'_>,
) -> Result<Progress, RingError> {
    ring.step(flash, &mut OpaqueAuthor, pause)
}

#[unsafe(no_mangle)]
fn entry_ring_append(
    ring: &mut Ring,
    flash: &mut OpaqueFlash,
    class: u8,
    body: &[u8],
) -> Result<Place, RingError> {
    ring.append(flash, &mut OpaqueAuthor, class, body)
}

#[unsafe(no_mangle)]
fn entry_ring_reserve(
    ring: &mut Ring,
    flash: &mut OpaqueFlash,
    length: u16,
) -> Result<(), RingError> {
    ring.reserve(flash, &mut OpaqueAuthor, length)
}

#[unsafe(no_mangle)]
fn entry_ring_erase_ahead(
    ring: &mut Ring,
    flash: &mut OpaqueFlash,
    clear: bool,
    pause: &Pause<'_>,
) -> Result<Progress, RingError> {
    if ring.wants_erase(clear) {
        return ring.erase_ahead(flash, clear, pause);
    }
    Err(RingError::NotReady)
}

#[unsafe(no_mangle)]
fn entry_ring_clear(ring: &mut Ring, flash: &mut OpaqueFlash) -> Result<(), RingError> {
    ring.clear(flash, &mut OpaqueAuthor)
}

#[unsafe(no_mangle)]
fn entry_ring_state(ring: &Ring) -> (Option<u32>, Option<(u32, Place)>, bool) {
    let flag = ring.is_running() ^ ring.is_starting() ^ ring.is_erased_ahead();
    (ring.bytes_left(), ring.position(), flag ^ ring.tail().is_some())
}

#[unsafe(no_mangle)]
fn entry_plan(geometry: &Geometry, body: u32, page: u32) -> Result<[u32; 5], GeometryError> {
    let plan = Plan::new(*geometry, body)?;
    let offset = plan.cell_offset(page);
    let resume = plan.resume_offset(offset, page).unwrap_or(0);
    Ok([plan.slot(page), plan.at(page, offset), plan.entry_bytes(body), plan.cells(), resume])
}

#[unsafe(no_mangle)]
fn entry_plan_of_image(page: u32, unit: u32, pages: u32) -> Result<u32, GeometryError> {
    let geometry = Geometry::of_image(page, unit, pages)?;
    Ok(geometry.round_up(page) ^ geometry.at(pages, unit))
}

#[unsafe(no_mangle)]
fn entry_header_encode(header: &Header) -> Result<[u8; HEADER_BYTES], Overflow> {
    header.encode()
}

#[unsafe(no_mangle)]
fn entry_header_parse(bytes: &[u8; HEADER_BYTES]) -> Result<Header, DecodeError> {
    Header::parse(bytes)
}

#[unsafe(no_mangle)]
fn entry_resume_encode(
    resume: &Resume,
    page: u32,
    offset: u32,
) -> Result<[u8; RESUME_BYTES], Overflow> {
    resume.encode(page, offset)
}

#[unsafe(no_mangle)]
fn entry_resume_parse(
    bytes: &[u8; RESUME_BYTES],
    page: u32,
    offset: u32,
) -> Result<Resume, DecodeError> {
    Resume::parse(bytes, page, offset)
}

#[unsafe(no_mangle)]
fn entry_entry_header(bytes: &[u8; 8], page: u32, offset: u32) -> Result<[u8; 8], DecodeError> {
    EntryHeader::parse(bytes, page, offset).map(|header| header.encode(page, offset))
}

#[unsafe(no_mangle)]
fn entry_page_erase(
    flash: &mut OpaqueFlash,
    geometry: &Geometry,
    index: u32,
) -> Result<(), medsec_core::flash::Error> {
    page::erase(flash, geometry, index)
}

#[unsafe(no_mangle)]
fn entry_event_encode(
    event: &SystemEvent,
    buffer: &mut [u8],
    sealer: &mut dyn PersonalSealer,
) -> Result<usize, event::EncodeError> {
    event::encode(event, buffer, sealer)
}

#[unsafe(no_mangle)]
fn entry_event_decode(bytes: &[u8]) -> Result<u32, event::DecodeError> {
    let mut kinds = 0_u32;
    for field in Fields::new(bytes) {
        let field: FieldValue<'_> = field?;
        kinds ^= u32::from(field.kind().code());
    }
    Ok(kinds)
}

#[unsafe(no_mangle)]
fn entry_event_unpad(padded: &[u8]) -> Result<&[u8], event::DecodeError> {
    event::unpad(padded)
}

#[unsafe(no_mangle)]
fn entry_event_catalogue(index: usize, bytes: &[u8]) -> Result<(), event::DecodeError> {
    SystemEvent::CATALOGUE.get(index).map_or(Ok(()), |info| info.verify(bytes))
}
