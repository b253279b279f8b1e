//! Fixed layouts: codec, fields of events, headers of the ring, records, geometry.

use medsec_audit::checkpoint::{CheckpointBody, Statement};
use medsec_audit::record::{RecordHeader, is_clear};
use medsec_audit::state::{Escrow, PUBLIC_BYTES, PublicState};
use medsec_core::Secret;
use medsec_core::codec::{DecodeError, Reader, Writer};
use medsec_core::event::{
    Category, Class, Coded, Count, Event, EventInfo, FieldValue, Fields, FlashOperation, Kind,
    Outcome, PersonalSealer, PrincipalId, RandomTest, ResetCause, SelfTest, SystemEvent, Unit,
    unpad,
};
use medsec_core::flash::Region;
use medsec_core::flash::page::{self, Geometry};
use medsec_core::flash::ring::{
    EntryHeader, HEADER_BYTES, Header, Plan, RESUME_BYTES, Resume, committed, seq_low,
};
use medsec_core::suite::SealError;
use medsec_core::time::{TimeSource, WallTime};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;

use crate::input::Input;

/// Reads by a drawn plan; a slice and an index are the model.
pub(crate) fn codec(data: &[u8]) {
    let mut input = Input::new(data);
    let (plan, payload) = (input.chunk(), input.rest());
    let mut reader = Reader::new(payload);
    let mut at = 0;
    for step in plan {
        let size = usize::from(step >> 3);
        let next = |count: usize| payload.get(at..).and_then(|rest| rest.get(..count));
        let model = match step & 7 {
            0 => reader
                .u8()
                .map(|value| assert_eq!(Some(&value.to_le_bytes()[..]), next(1)))
                .is_ok()
                .then_some(1),
            1 => reader
                .u16()
                .map(|value| assert_eq!(Some(&value.to_le_bytes()[..]), next(2)))
                .is_ok()
                .then_some(2),
            2 => reader
                .u32()
                .map(|value| assert_eq!(Some(&value.to_le_bytes()[..]), next(4)))
                .is_ok()
                .then_some(4),
            3 => reader
                .u64()
                .map(|value| assert_eq!(Some(&value.to_le_bytes()[..]), next(8)))
                .is_ok()
                .then_some(8),
            4 => reader
                .array::<16>()
                .map(|value| assert_eq!(Some(&value[..]), next(16)))
                .is_ok()
                .then_some(16),
            5 => reader
                .bytes(size)
                .map(|value| assert_eq!(Some(value), next(size)))
                .is_ok()
                .then_some(size),
            6 => match reader.zeros(size) {
                Ok(()) => {
                    assert_eq!(next(size), Some(&vec![0; size][..]));
                    Some(size)
                }
                Err(DecodeError::Reserved) => {
                    assert_ne!(next(size), Some(&vec![0; size][..]));
                    Some(size)
                }
                Err(_) => None,
            },
            _ => reader.bytes(usize::MAX - size).is_ok().then_some(0),
        };
        at += model.unwrap_or(0);
        assert_eq!(reader.remaining(), payload.len() - at);
    }
    assert_eq!(reader.finish().is_ok(), at == payload.len());
    write_by(plan, payload);
}

/// Writes what was read, into a buffer of a drawn size; a vector is the model.
fn write_by(plan: &[u8], payload: &[u8]) {
    let size = payload.first().map_or(0, |byte| usize::from(*byte));
    let mut buffer = vec![0; size];
    let mut model = Vec::new();
    let mut writer = Writer::new(&mut buffer);
    for (step, part) in plan.iter().zip(payload.chunks(5)) {
        let bytes: Vec<u8> = match step & 7 {
            0 => vec![*step],
            1 => u16::from(*step).to_le_bytes().to_vec(),
            2 => u32::from(*step).to_le_bytes().to_vec(),
            3 => u64::from(*step).to_le_bytes().to_vec(),
            _ => part.to_vec(),
        };
        let written = match step & 7 {
            0 => writer.u8(*step),
            1 => writer.u16(u16::from(*step)),
            2 => writer.u32(u32::from(*step)),
            3 => writer.u64(u64::from(*step)),
            _ => writer.bytes(part),
        };
        assert_eq!(written.is_ok(), model.len() + bytes.len() <= size);
        if written.is_ok() {
            model.extend(bytes);
        }
        assert_eq!(writer.written(), model.len());
    }
    assert_eq!(buffer.get(..model.len()), Some(&model[..]));
}

/// Fields of an event: what parses is written again byte for byte.
pub(crate) fn fields(data: &[u8]) {
    let mut whole = true;
    let mut again = Vec::new();
    let mut count = 0;
    for field in Fields::new(data) {
        match field {
            Ok(field) => {
                assert!(Kind::from_code(field.kind().code()) == Some(field.kind()));
                put(&mut again, &field);
                count += 1;
            }
            Err(_) => whole = false,
        }
    }
    assert_eq!(data.get(..again.len()), Some(&again[..]));
    assert_eq!(whole, again.len() == data.len());
    for info in SystemEvent::CATALOGUE {
        if info.verify(data).is_ok() {
            assert!(whole && count == stored(info), "{} is not those fields", info.name);
        }
    }
    if let Ok(value) = unpad(data) {
        let mut padded = vec![u8::try_from(value.len()).unwrap_or(u8::MAX)];
        padded.extend(value);
        padded.resize(padded.len().next_multiple_of(16), 0);
        assert_eq!(padded, data);
    }
    let first = data.first().copied().unwrap_or(0);
    codes::<Category>(first, Category::from_code);
    codes::<Class>(first, Class::from_code);
    codes::<Outcome>(first, Outcome::from_code);
    codes::<Unit>(first, Unit::from_code);
    codes::<Kind>(first, Kind::from_code);
    codes::<ResetCause>(first, ResetCause::from_code);
    codes::<FlashOperation>(first, FlashOperation::from_code);
    codes::<RandomTest>(first, RandomTest::from_code);
    codes::<SelfTest>(first, SelfTest::from_code);
    write_event(data);
}

fn codes<C: Coded>(byte: u8, from: fn(u8) -> Option<C>) {
    let listed = C::VALUES.iter().any(|value| value.code == byte);
    assert_eq!(from(byte).is_some(), listed);
}

/// Fields that stand in the record.
fn stored(info: &EventInfo) -> usize {
    use medsec_core::event::Privacy;
    info.fields.iter().filter(|field| field.privacy != Privacy::Header).count()
}

fn put(out: &mut Vec<u8>, field: &FieldValue<'_>) {
    out.push(field.kind().code());
    match field {
        FieldValue::Code(code) => out.push(*code),
        FieldValue::Metric(metric) => {
            out.extend(metric.value().to_le_bytes());
            out.push(metric.unit().code());
        }
        FieldValue::Count(count) => out.extend(count.value().to_le_bytes()),
        FieldValue::Duration(duration) => out.extend(duration.as_millis().to_le_bytes()),
        FieldValue::Principal(id) => out.extend(id.bytes()),
        FieldValue::Device(id) => out.extend(id.bytes()),
        FieldValue::Digest(digest) => out.extend(digest.bytes()),
        FieldValue::Time(time) => {
            out.extend(time.unix_seconds.to_le_bytes());
            out.push(time.source.code());
            out.extend(time.uncertainty_seconds.to_le_bytes());
        }
        FieldValue::Omitted => {}
        FieldValue::Sealed { ciphertext, tag } => {
            out.push(u8::try_from(ciphertext.len()).unwrap_or(u8::MAX));
            out.extend(*ciphertext);
            out.extend(tag);
        }
        _ => panic!("a kind of field that this harness does not know"),
    }
}

struct NoSeal;

impl PersonalSealer for NoSeal {
    fn seal(&mut self, _padded: &mut [u8]) -> Result<[u8; 16], SealError> {
        Err(SealError::TooLong)
    }
}

/// An event with any numbers is written as its catalogue says.
fn write_event(data: &[u8]) {
    let mut input = Input::new(data);
    let size = usize::from(input.u8());
    let sources = [TimeSource::Unknown, TimeSource::Person, TimeSource::RealTimeClock];
    let mut wall = || WallTime {
        unix_seconds: input.u64(),
        source: sources[usize::from(input.u8() % 3)],
        uncertainty_seconds: input.u16(),
    };
    let (from, to) = (wall(), wall());
    let by = PrincipalId::new(from.unix_seconds.to_le_bytes());
    let count = Count::new(u32::from(to.uncertainty_seconds));
    for event in [
        SystemEvent::ClockSet { from, to },
        SystemEvent::ExportStarted { by },
        SystemEvent::RecordsSuppressed { count },
    ] {
        let mut out = vec![0; size];
        let Ok(length) = medsec_core::event::encode(&event, &mut out, &mut NoSeal) else {
            continue;
        };
        let info = SystemEvent::CATALOGUE.iter().find(|info| info.id == event.id());
        assert_eq!(info.map(|info| info.verify(&out[..length])), Some(Ok(())));
    }
}

/// Page header, entry header, resume record: what parses is written again byte for byte.
pub(crate) fn headers(data: &[u8]) {
    let mut input = Input::new(data);
    let (choice, page, offset) = (input.u8(), input.number(), input.number());
    if choice & 1 == 0 {
        let bytes: [u8; HEADER_BYTES] = input.array();
        if let Ok(header) = Header::parse(&bytes) {
            assert!(header.floor <= header.page);
            let again = header.encode().expect("a header that was parsed can be written");
            assert_eq!(again[..96], bytes[..96]);
        }
        assert_eq!(committed(&bytes).len(), 80);
        return;
    }
    let mut bytes: [u8; RESUME_BYTES] = input.array();
    if choice & 2 == 2 {
        // With a right checksum, so that what is behind it is reached.
        let [a, b, class, _, c, d, ..] = bytes;
        let (length, low) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        let head = EntryHeader { length, class, seq_low: low }.encode(page, offset);
        bytes[..8].copy_from_slice(&head);
    }
    let head = bytes.first_chunk().expect("a resume record is longer than its header");
    if let Ok(entry) = EntryHeader::parse(head, page, offset) {
        assert_eq!(entry.encode(page, offset), *head);
    }
    if let Ok(resume) = Resume::parse(&bytes, page, offset) {
        let again = resume.encode(page, offset).expect("a record that was parsed can be written");
        assert_eq!(again[..80], bytes[..80]);
        assert_eq!(
            EntryHeader::parse(head, page, offset).map(|entry| entry.seq_low),
            Ok(seq_low(resume.seq))
        );
    }
}

/// Bodies of entries and the public state: what parses is written again byte for byte.
pub(crate) fn record(data: &[u8]) {
    if let Ok((header, fields)) = RecordHeader::parse(data) {
        let mut again = [0; 10];
        header.encode(&mut Writer::new(&mut again)).expect("a header takes ten bytes");
        assert_eq!((&again[..], fields), data.split_at(10));
    }
    if let Ok(statement) = Statement::parse(data) {
        assert_eq!(statement.encode()[..], *data);
    }
    if let Ok(body) = CheckpointBody::parse(data) {
        assert_eq!([&body.at.as_millis().to_le_bytes()[..], &body.signature].concat(), data);
    }
    if let Ok(escrow) = Escrow::parse(data) {
        assert_eq!(escrow.encode().map(|bytes| bytes.to_vec()), Ok(data.to_vec()));
    }
    let class = data.first().copied().unwrap_or(0);
    assert_eq!(is_clear(class), class == 0xC0 || class == 0xC1);
    let bytes: [u8; PUBLIC_BYTES] = Input::new(data).array();
    let secret = Secret::new([9; 32]);
    if let Ok(state) = PublicState::parse(&bytes) {
        let again = state.encode(&secret).expect("a state that was parsed can be written");
        assert_eq!(again[..108], bytes[..108]);
        assert!(PublicState::verify_proof(&again, &secret).is_ok());
        let forged = again != bytes && PublicState::verify_proof(&bytes, &secret).is_ok();
        assert!(!forged, "a state that nobody proved");
    }
}

/// Sizes that a header states: a plan that is accepted never points out of its page.
pub(crate) fn geometry(data: &[u8]) {
    let mut input = Input::new(data);
    let shift = input.below(10);
    let unit = if input.bool() { input.number() } else { 1 << shift };
    let page_bytes = match input.u8() & 3 {
        0 => input.number(),
        1 => u32::from(input.u16()),
        _ => unit.saturating_mul(u32::from(input.u16())),
    };
    let (pages, body) = (input.number(), input.number());
    if let Ok(geometry) = Geometry::of_image(page_bytes, unit, pages) {
        assert!(geometry.unit() >= 4 && page_bytes.is_multiple_of(geometry.unit()));
        if let Ok(plan) = Plan::new(geometry, body) {
            check_plan(&plan, &mut input);
        }
    }
    let region = Region::new(input.number().wrapping_mul(256), input.number().wrapping_mul(256));
    on_part::<1, 1>(region, &mut input);
    on_part::<4, 16>(region, &mut input);
    on_part::<8, 256>(region, &mut input);
}

fn check_plan(plan: &Plan, input: &mut Input<'_>) {
    let page_bytes = plan.geometry().page_bytes();
    assert!(plan.cells() >= 9);
    assert!(plan.cell_offset(plan.cells()) <= page_bytes);
    assert!(plan.resume_bytes() <= plan.cell_bytes() && plan.cell_bytes() <= 256);
    assert!(plan.entry_bytes(plan.body_bytes_max()) <= plan.cell_bytes());
    let (end, silent, sequence) = (input.number(), input.number(), input.number());
    assert!(plan.slot(sequence) < plan.geometry().pages());
    if let Some(offset) = plan.resume_offset(end, silent) {
        assert!(offset >= end.saturating_add(plan.cell_bytes()), "no guard behind the last entry");
        assert!(offset + plan.resume_bytes() + plan.cell_bytes() <= page_bytes);
        assert_eq!((offset - plan.header_bytes()) % plan.cell_bytes(), 0);
    }
}

/// Raw operations at any place of a small part: refused, or done within its bounds.
fn on_part<const R: usize, const W: usize>(region: Region, input: &mut Input<'_>) {
    let mut flash = FaultFlash::<R, W, 512>::new(4, Model::None, 1);
    let Ok(geometry) = Geometry::of(&flash, region) else { return };
    assert!(region.offset() + region.bytes() <= 2048 && geometry.pages() >= 1);
    let (offset, index) = (input.number(), input.number());
    let record = input.chunk();
    if page::program_checked(&mut flash, &geometry, offset, record).is_ok() {
        let mut back = vec![0; record.len().next_multiple_of(R)];
        page::read(&mut flash, offset, &mut back).expect("what was programmed can be read");
        assert_eq!(&back[..record.len()], record);
    }
    // A program of nothing, or over what is there, is the part's to refuse.
    page::program(&mut flash, &geometry, offset, record).ok();
    page::erase_step(&mut flash, &geometry, index, 1).ok();
    if page::erase(&mut flash, &geometry, index).is_ok() {
        assert!(geometry.at(index, 0) < 2048);
    }
}
