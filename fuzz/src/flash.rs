//! Flash structures mounted from whatever an attacker or a cut can leave, and gone on with.

use medsec_audit::state::read_public;
use medsec_audit::verify::{Image, Unreadable};
use medsec_core::Secret;
use medsec_core::flash::Region;
use medsec_core::flash::cell::{self, Cell};
use medsec_core::flash::page::Geometry;
use medsec_core::flash::ring::{
    Adopted, Author, Config, ENTRY_HEADER_BYTES, EntryHeader, HEADER_BYTES, Header, Place, Plan,
    RESUME_BYTES, Resume, Retention, Ring, RingError, Session, Void, seq_low,
};
use medsec_core::key::{Label, MacKey};
use medsec_core::suite::SealError;
use medsec_core::time::Pause;
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;

use crate::input::Input;

const CELL_VALUE: usize = 24;
const CELL_KIND: u8 = 1;

type CellFlash = FaultFlash<4, 8, 512>;

fn mac(label: Label) -> MacKey {
    MacKey::derive(&Secret::new([0x11; 32]), label)
}

/// One copy as the device makes it, at any place, with any epoch.
fn copy_of(page: u32, copy: u32, role: u8, epoch: u32, value: u8) -> Vec<u8> {
    let mut bytes = [&b"MSC1"[..], &[1, CELL_KIND, role, 0], &epoch.to_le_bytes()].concat();
    bytes.extend([value; CELL_VALUE]);
    let place = [page.to_le_bytes()[0], copy.to_le_bytes()[0]];
    let tag = mac(Label::Lifecycle).tag(&[&bytes, &place]);
    bytes.extend(tag);
    bytes
}

/// A part of four pages: authentic copies here and there, then any bytes anywhere.
fn cell_image(input: &mut Input<'_>) -> Vec<u8> {
    let mut image = vec![0xFF; 2048];
    let steps = input.below(20);
    for _ in 0..steps {
        let choice = input.u8();
        let (page, copy) = (u32::from(choice & 3), u32::from(choice >> 2 & 3) % 3);
        // A slot is a copy of 52 bytes, rounded up to words of 8.
        let start = usize::try_from(page * 512 + copy * 56).expect("a small number");
        match choice >> 4 & 7 {
            0..=3 => {
                let (epoch, value) = (input.number(), input.u8());
                let made = copy_of(page, copy, 1, epoch, value);
                image[start..start + made.len()].copy_from_slice(&made);
            }
            4 | 5 => {
                let made = copy_of(page, copy, 2, input.number(), 0);
                image[start..start + made.len()].copy_from_slice(&made);
            }
            6 => {
                // A copy of one place at another.
                let from = usize::from(input.u8() & 3) * 512;
                image.copy_within(from..from + 56, start);
            }
            _ => write(&mut image, input),
        }
    }
    image
}

/// Any bytes at any place.
fn write(image: &mut [u8], input: &mut Input<'_>) {
    let at = usize::from(input.u16()) % image.len();
    for (to, from) in image[at..].iter_mut().zip(input.chunk()) {
        *to = *from;
    }
}

/// Mounting a cell writes nothing; a value replaced is there after the next mount, and no word was programmed twice.
pub(crate) fn cell(data: &[u8]) {
    let mut input = Input::new(data);
    let (forgets, breaks) = (input.bool(), input.u16());
    let image = cell_image(&mut input);
    let mut flash = CellFlash::from_image(image.clone(), Model::None, 1);
    if breaks & 1 == 1 {
        flash.break_word(u32::from(breaks >> 1) % 2048 / 8 * 8);
    }
    let region = Region::new(0, 2048);
    let mounted = Cell::<CELL_VALUE>::mount(&mut flash, region, CELL_KIND, mac(Label::Lifecycle));
    assert_eq!((flash.counts().programs, flash.counts().erases), (0, 0), "mounting wrote");
    assert_eq!(flash.image(), image);
    let mut cell = match mounted {
        Ok(cell) => cell,
        Err(cell::MountError::Lost) => return,
        Err(error) => panic!("{error} on a part that fits"),
    };
    let held = cell.value().expose()[0];
    assert_eq!(cell.value().expose(), &[held; CELL_VALUE], "a value that nobody wrote");
    assert!(cell.live_pages() <= 4);
    let next = held.wrapping_add(1);
    cell.begin_replace(Secret::new([next; CELL_VALUE]));
    if forgets {
        cell.begin_forget();
    }
    let mut outcome = Err(());
    for _ in 0..64 {
        let mut lender = ();
        match cell.step(&mut flash, &Pause::lend(&mut lender, 1)) {
            Ok(cell::Progress::More) => {}
            Ok(_) => {
                outcome = Ok(());
                break;
            }
            Err(_) => break,
        }
    }
    assert_eq!(flash.counts().double_programs, 0, "a word programmed twice");
    let again = Cell::<CELL_VALUE>::mount(&mut flash, region, CELL_KIND, mac(Label::Lifecycle));
    if outcome.is_ok() {
        assert_eq!(cell.value().expose()[0], next);
        let again = again.expect("an acknowledged value is found");
        assert_eq!(again.value().expose(), &[next; CELL_VALUE], "an acknowledged value was lost");
        assert!(!again.needs_settle() || breaks & 1 == 1);
    } else if breaks & 1 == 0 {
        assert!(cell.epoch() > u32::MAX - 4 || again.is_ok(), "a sound part failed");
    }
}

/// An image of pages of 1024 bytes, some of which cannot be read.
struct Patchy<'a> {
    bytes: &'a [u8],
    lost: u32,
}

impl Image for Patchy<'_> {
    fn read(&mut self, slot: u32, offset: u32, out: &mut [u8]) -> Result<(), Unreadable> {
        if self.lost & 1 << (slot & 31) != 0 {
            return Err(Unreadable);
        }
        (1024_u32, self.bytes).read(slot, offset, out)
    }
}

/// The public state found without a key is bytes of the image, under a header of the state's cell.
pub(crate) fn state(data: &[u8]) {
    let mut input = Input::new(data);
    let lost = input.u32() & 7 << input.below(30);
    let mut image = vec![0xFF; 4096];
    let unit = 4 << input.below(5);
    let geometry = Geometry::of_image(1024, unit, 4).expect("sizes that fit");
    for _ in 0..input.below(16) {
        let choice = input.u8();
        let slot = geometry.round_up(244) * (u32::from(choice >> 2 & 3) % 3);
        let start = usize::try_from(u32::from(choice & 3) * 1024 + slot).expect("a small number");
        if choice >> 4 & 7 == 7 {
            write(&mut image, &mut input);
            continue;
        }
        let epoch = input.number();
        let head = [&b"MSC1"[..], &[1, 1, 1 + (choice >> 7), 0], &epoch.to_le_bytes()].concat();
        image[start..start + 12].copy_from_slice(&head);
        let value = input.u8();
        let end = (start + 228).min(image.len());
        image[start + 12..end].fill(value);
    }
    let mut patchy = Patchy { bytes: &image, lost };
    if let Some(found) = read_public(&mut patchy, &geometry) {
        assert!(image.windows(found.len()).any(|window| window == found), "bytes from nowhere");
    }
    if let Some(found) = read_public(&mut (1024_u32, data), &geometry) {
        assert!(data.windows(found.len()).any(|window| window == found), "bytes from nowhere");
    }
}

const RING_ID: u8 = 1;
const BODY_MAX: u16 = 72;

type RingFlash = FaultFlash<4, 4, 1024>;

/// Seals nothing; the ring asks it for bytes only.
struct Plain;

impl Author for Plain {
    fn turn(&mut self) -> [u8; 32] {
        [7; 32]
    }

    fn segment(&mut self, _: u32, _: u32, _: u32, _: &[u8]) -> Result<[u8; 16], SealError> {
        Ok([8; 16])
    }

    fn seal(
        &mut self,
        _: &Place,
        _: &[u8; ENTRY_HEADER_BYTES],
        _: &mut [u8],
    ) -> Result<[u8; 16], SealError> {
        Ok([9; 16])
    }

    fn stored(&mut self, _: &[u8]) {}
}

/// What was written into a ring by who holds its keys.
#[derive(Default)]
struct Written {
    page_max: u32,
    session_max: u32,
    seq_max: u64,
    bytes: bool,
}

/// Authentic headers, resume records and entries here and there, then any bytes anywhere.
fn ring_image(input: &mut Input<'_>, plan: &Plan) -> (Vec<u8>, Written) {
    let mut image = vec![0xFF; usize::try_from(plan.geometry().pages()).unwrap_or(0) * 1024];
    let mut written = Written::default();
    // Where the next entry would go, so that a few bytes make a segment.
    let (mut page, mut offset, mut seq) = (1, plan.header_bytes(), 1);
    for _ in 0..input.below(24) {
        let choice = input.u8();
        match choice & 7 {
            0 | 1 => {
                if choice & 8 == 8 {
                    page = input.number();
                }
                let session = input.number();
                let floor = page.saturating_sub(input.below(4));
                (offset, seq) = (plan.header_bytes(), u64::from(input.number()));
                let header = Header {
                    ring: RING_ID,
                    floor,
                    page,
                    session,
                    ordinal: u32::from(choice >> 4),
                    suite: 1,
                    first_seq: seq,
                    salt: [1; 16],
                    previous: [0; 32],
                    commit: [2; 16],
                };
                let mut bytes = header.encode().expect("a floor at or below its page");
                let tag = mac(Label::AuditMount).tag(&[&bytes[..HEADER_BYTES - 16]]);
                bytes[HEADER_BYTES - 16..].copy_from_slice(&tag);
                let slot = if choice & 0x80 == 0 {
                    plan.slot(page)
                } else {
                    input.below(plan.geometry().pages())
                };
                put(&mut image, plan.geometry().at(slot, 0), &bytes);
                written.page_max = written.page_max.max(page);
                written.session_max = written.session_max.max(session);
            }
            2 => {
                let number = input.below(plan.cells());
                let session = input.number();
                offset = plan.cell_offset(number);
                seq = seq.wrapping_add(u64::from(input.number()));
                let adopted = Adopted { page, offset: 0, session: 0, count: 1, end: offset };
                let resume = Resume {
                    session,
                    ordinal: 0,
                    seq,
                    salt: [1; 16],
                    adopted,
                    suite: 1,
                    commit: [3; 16],
                };
                let mut bytes = resume.encode(page, offset).expect("a record fits its buffer");
                let parts: [&[u8]; 3] =
                    [&page.to_le_bytes(), &offset.to_le_bytes(), &bytes[..RESUME_BYTES - 16]];
                let tag = mac(Label::AuditMount).tag(&parts);
                bytes[RESUME_BYTES - 16..].copy_from_slice(&tag);
                put(&mut image, plan.at(page, offset), &bytes);
                offset = offset.saturating_add(plan.resume_bytes());
                seq = seq.wrapping_add(1);
                written.session_max = written.session_max.max(session);
            }
            3 => write_any(&mut image, input, &mut written),
            _ => {
                // An entry; the class of a resume record and a wrong number now and then.
                let length = u16::from(choice >> 3) * 3;
                let class = if choice == 0xFF { 0xB0 } else { 1 };
                let low = seq_low(seq).wrapping_add(u16::from(choice == 0xFE));
                let head = EntryHeader { length, class, seq_low: low }.encode(page, offset);
                put(&mut image, plan.at(page, offset), &head);
                offset = offset.saturating_add(plan.entry_bytes(u32::from(length)));
                written.seq_max = written.seq_max.max(seq);
                seq = seq.wrapping_add(1);
            }
        }
    }
    (image, written)
}

fn write_any(image: &mut [u8], input: &mut Input<'_>, written: &mut Written) {
    written.bytes = true;
    write(image, input);
}

fn put(image: &mut [u8], at: u32, bytes: &[u8]) {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    for (to, from) in image.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}

/// Mounting a ring writes nothing; a session that starts writes each word once, and its entries are found.
pub(crate) fn ring(data: &[u8]) {
    let mut input = Input::new(data);
    let choice = input.u8();
    let pages = 3 + u32::from(choice & 1);
    let retention = if choice & 2 == 2 { Retention::Block } else { Retention::Overwrite };
    let config = Config {
        region: Region::new(0, pages * 1024),
        id: RING_ID,
        body_bytes_max: BODY_MAX,
        retention,
    };
    let geometry = Geometry::of_image(1024, 4, pages).expect("sizes that fit");
    let plan = Plan::new(geometry, u32::from(BODY_MAX)).expect("pages of nine cells");
    let void = Void { page: input.number(), session: input.number() };
    let index = input.number();
    let (image, written) = ring_image(&mut input, &plan);
    let mut flash = RingFlash::from_image(image.clone(), Model::None, 1);
    let mount = |flash: &mut RingFlash, void| {
        Ring::mount(flash, &config, mac(Label::AuditMount), void).expect("a region that fits")
    };
    let mut ring = mount(&mut flash, void);
    if let Some(slot) = ring.damaged_slot(&mut flash, index) {
        assert!(slot < pages);
    }
    ring.check_start(index, choice & 4 == 4).ok();
    if let Some(room) = ring.room(index) {
        assert!(room <= pages * 1024 && retention == Retention::Block);
    }
    assert_eq!((flash.counts().programs, flash.counts().erases), (0, 0), "mounting wrote");
    assert_eq!(flash.image(), image);
    if let Some(tail) = ring.tail() {
        assert!(tail.count > 0 && tail.end <= 1024 && tail.offset < tail.end);
        assert!(!void.covers(tail.page, tail.session), "a void segment");
    }
    let page = ring.next_page();
    let session = Session { index, suite: 1, salt: [5; 16] };
    let appended = session_of(&mut ring, &mut flash, session, choice);
    assert_eq!(flash.counts().double_programs, 0, "a word programmed twice");
    // Found again, if the index is new and no page above ours claims to be written: only who holds the keys can do that.
    let newest = index > written.session_max && page >= written.page_max && page < u32::MAX - 4;
    if let (Ok(Some(place)), true, true) = (&appended, newest, written.seq_max < u64::MAX / 2) {
        let again = mount(&mut flash, Void { page, session: index });
        let tail = again.tail().expect("a segment that was written");
        assert_eq!((tail.session, tail.last_seq, tail.page), (index, place.seq, place.page));
    }
}

/// One session: starts, appends, turns the page, clears. The last place acknowledged.
fn session_of(
    ring: &mut Ring,
    flash: &mut RingFlash,
    session: Session,
    choice: u8,
) -> Result<Option<Place>, RingError> {
    use medsec_core::flash::ring::Progress;
    let mut lender = ();
    let pause = Pause::lend(&mut lender, 1);
    ring.begin(session, choice & 4 == 4)?;
    let mut steps = 0;
    while ring.step(flash, &mut Plain, &pause)? == Progress::More {
        steps += 1;
        assert!(steps < 8, "a start that does not end");
    }
    let mut last = None;
    for turn in 0..u8::from(choice & 8 == 8) * 16 + 3 {
        let body = [turn; 60];
        match ring.append(flash, &mut Plain, 1, &body) {
            Ok(place) => last = Some(place),
            Err(RingError::Full) => {
                ring.clear(flash, &mut Plain).ok();
            }
            Err(RingError::NotReady) => {}
            Err(error) => return Err(error),
        }
        assert!(ring.is_running(), "a session ended by itself");
        if ring.wants_erase(turn > 9) {
            while ring.erase_ahead(flash, turn > 9, &pause)? == Progress::More {}
        }
        assert!(ring.append(flash, &mut Plain, 0xB0, &body).is_err());
        assert!(ring.append(flash, &mut Plain, 1, &[0; 73]).is_err());
    }
    Ok(last)
}
