//! A ring keeps its entries across power cuts.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    reason = "a test stops at what it did not expect"
)]

use medsec_core::Secret;
use medsec_core::flash::Region;
use medsec_core::flash::page::{Geometry, GeometryError};
use medsec_core::flash::ring::{
    Adopted, Author, CLASS_RESUME, Config, ENTRY_HEADER_BYTES, PAGES_MAX, Place, Plan, Progress,
    Resume, Retention, Ring, RingError, Session, Void,
};
use medsec_core::key::{Label, MacKey};
use medsec_core::suite::SealError;
use medsec_core::time::Pause;
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::powercut;

type Part = FaultFlash<4, 4, 1024>;

/// Runs of the integration test. Lower it only with a reason: a driver that runs less finds less.
const RUNS_MIN: u64 = 6_000;
const PAGES: u32 = 4;

struct Plain;

impl Author for Plain {
    fn turn(&mut self) -> [u8; 32] {
        [9; 32]
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
        Ok([7; 16])
    }

    fn stored(&mut self, _: &[u8]) {}
}

fn config(retention: Retention) -> Config {
    Config { region: Region::new(0, PAGES * 1024), id: 1, body_bytes_max: 72, retention }
}

fn mac(byte: u8) -> MacKey {
    MacKey::derive(&Secret::new([byte; 32]), Label::AuditMount)
}

fn mount(part: &mut Part, retention: Retention, void: Void) -> Ring {
    Ring::mount(part, &config(retention), mac(1), void).unwrap()
}

fn start(part: &mut Part, ring: &mut Ring, index: u32) {
    ring.begin(Session { index, suite: 1, salt: [0; 16] }, false).unwrap();
    while ring.step(part, &mut Plain, &Pause::lend(&mut (), 1)).unwrap() == Progress::More {}
}

fn append(part: &mut Part, ring: &mut Ring) -> Result<Place, RingError> {
    while ring.wants_erase(false) {
        ring.erase_ahead(part, false, &Pause::lend(&mut (), 1)).unwrap();
    }
    ring.append(part, &mut Plain, 1, &[5; 40])
}

/// A record torn before the word of its session is no record to who cannot check its tag.
#[test]
fn a_session_that_was_never_programmed_is_none() {
    let resume = |session| Resume {
        session,
        ordinal: 1,
        seq: 61,
        salt: [1; 16],
        adopted: Adopted::default(),
        suite: 1,
        commit: [2; 16],
    };
    for (session, is_one) in [(7, true), (u32::MAX - 1, true), (u32::MAX, false)] {
        let bytes = resume(session).encode(4, 832).unwrap();
        assert_eq!(Resume::parse(&bytes, 4, 832).is_ok(), is_one, "{session}");
    }
}

#[test]
fn ring_has_three_to_4096_pages() {
    let plan = |pages| Plan::new(Geometry::of_image(1024, 4, pages).unwrap(), 72);
    for pages in [3, PAGES_MAX] {
        assert_eq!(plan(pages).unwrap().geometry().pages(), pages);
    }
    for pages in [1, 2, PAGES_MAX + 1, u32::MAX / 1024] {
        assert_eq!(plan(pages), Err(GeometryError::Pages), "{pages}");
    }
}

/// At each byte of a page: a whole cell of guard, three cells for each silent session, and a cell behind the record.
#[test]
fn a_session_resumes_at_the_first_cell_that_leaves_its_guards() {
    let mut compared = 0;
    for (page_bytes, unit, body) in
        [(1024, 4, 72), (1072, 4, 72), (2048, 4, 100), (4096, 32, 72), (4096, 256, 72)]
    {
        let plan = Plan::new(Geometry::of_image(page_bytes, unit, 3).unwrap(), body).unwrap();
        let (header, cell) = (112_u32.next_multiple_of(unit), plan.cell_bytes());
        assert_eq!(
            (cell, plan.header_bytes()),
            ((body + 24).max(96).next_multiple_of(unit), header)
        );
        let offsets = || (0..).map(|number| header + number * cell);
        assert!(offsets().zip(0..plan.cells()).all(|(at, number)| at == plan.cell_offset(number)));
        let resume = 96_u32.next_multiple_of(unit);
        for (end, silent) in (header..=page_bytes).flat_map(|end| (0..3).map(move |n| (end, n))) {
            let first = offsets().position(|at| at >= end + cell).unwrap();
            let at = offsets().nth(first + 3 * silent).unwrap();
            let expected = (at + resume + cell <= page_bytes).then_some(at);
            let silent = u32::try_from(silent).unwrap();
            assert_eq!(plan.resume_offset(end, silent), expected, "{end}, {silent}");
            compared += 1;
        }
    }
    assert_eq!(compared, 3 * (913 + 961 + 1937 + 3969 + 3841));
}

#[test]
fn no_cut_breaks_a_rule() {
    let tally = powercut::ring::run(RUNS_MIN, 1);
    assert!(tally.runs() >= RUNS_MIN && tally.cuts() >= tally.runs(), "{tally}");
    assert_eq!(tally.violations(), 0, "{tally}");
}

#[test]
fn a_session_goes_on_behind_a_guard_and_skips_for_each_silent_one() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut ring = mount(&mut part, Retention::Overwrite, Void::default());
    assert!(ring.tail().is_none());
    start(&mut part, &mut ring, 1);
    let place = append(&mut part, &mut ring).unwrap();
    // Header 112, resume record 96.
    assert_eq!((place.page, place.offset, place.seq), (1, 208, 3));
    for (index, offset) in [(2, 400), (3, 688)] {
        let mut ring = mount(&mut part, Retention::Overwrite, Void::default());
        assert_eq!(ring.tail().unwrap().end, 272);
        start(&mut part, &mut ring, index);
        assert_eq!(ring.position().unwrap().1.offset, offset + 96);
    }
}

#[test]
fn an_append_programs_once_and_erases_never() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut ring = mount(&mut part, Retention::Overwrite, Void::default());
    start(&mut part, &mut ring, 1);
    for _ in 0..100 {
        while ring.wants_erase(false) {
            ring.erase_ahead(&mut part, false, &Pause::lend(&mut (), 1)).unwrap();
        }
        let (before, page) = (part.counts(), ring.position().unwrap().1.page);
        let place = ring.append(&mut part, &mut Plain, 1, &[5; 40]).unwrap();
        let after = part.counts();
        assert_eq!(after.erases, before.erases);
        assert_eq!(after.programs, before.programs + 1 + u64::from(place.page != page));
    }
}

#[test]
fn a_blocking_ring_refuses_and_keeps_what_it_has() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut ring = mount(&mut part, Retention::Block, Void::default());
    start(&mut part, &mut ring, 1);
    let mut count = 0;
    while append(&mut part, &mut ring).is_ok() {
        count += 1;
    }
    assert_eq!(append(&mut part, &mut ring), Err(RingError::Full));
    // One page of four is kept for clearing.
    assert_eq!(ring.position().unwrap().1.page, PAGES - 1);
    assert!(count > 2 * 12);
    assert_eq!(ring.bytes_left().unwrap() / 64, 0);
}

#[test]
fn another_key_or_ring_finds_nothing() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut ring = mount(&mut part, Retention::Overwrite, Void::default());
    start(&mut part, &mut ring, 1);
    append(&mut part, &mut ring).unwrap();
    let overwrite = config(Retention::Overwrite);
    let other = Config { id: 2, ..overwrite };
    for (config, byte) in [(overwrite, 2), (other, 1)] {
        let ring = Ring::mount(&mut part, &config, mac(byte), Void::default()).unwrap();
        assert!(ring.tail().is_none());
    }
    let void = Void { page: 1, session: 2 };
    assert!(mount(&mut part, Retention::Overwrite, void).tail().is_none());
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let refused =
        |part: &mut Part, config: &Config| Ring::mount(part, config, mac(1), Void::default()).err();
    let good = config(Retention::Overwrite);
    let long = Config { body_bytes_max: 77, ..good };
    assert_eq!(refused(&mut part, &long), Some(GeometryError::Pages));
    let small = Config { region: Region::new(0, 2 * 1024), ..good };
    assert_eq!(refused(&mut part, &small), Some(GeometryError::Pages));
    let mut ring = mount(&mut part, Retention::Overwrite, Void::default());
    assert_eq!(ring.append(&mut part, &mut Plain, 1, &[]), Err(RingError::NotReady));
    start(&mut part, &mut ring, 1);
    assert_eq!(ring.append(&mut part, &mut Plain, 1, &[0; 73]), Err(RingError::TooLong));
    assert_eq!(ring.append(&mut part, &mut Plain, CLASS_RESUME, &[]), Err(RingError::TooLong));
}

/// Steps that an erase takes here.
const STEPS: u32 = 5;

fn erase_ahead(part: &mut Part, ring: &mut Ring) -> Result<Progress, RingError> {
    ring.erase_ahead(part, false, &Pause::lend(&mut (), 1))
}

#[test]
fn a_session_starts_and_then_runs() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut ring = mount(&mut part, Retention::Overwrite, Void::default());
    assert!(!ring.is_starting() && !ring.is_running());
    ring.begin(Session { index: 1, suite: 1, salt: [0; 16] }, false).unwrap();
    assert!(ring.is_starting() && !ring.is_running());
    while ring.step(&mut part, &mut Plain, &Pause::lend(&mut (), 1)).unwrap() == Progress::More {}
    assert!(!ring.is_starting() && ring.is_running());
}

/// Once for each page, behind its first entry, in as many steps as the part takes.
#[test]
fn the_next_page_is_erased_when_wanted_and_only_then() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut ring = mount(&mut part, Retention::Overwrite, Void::default());
    assert_eq!(erase_ahead(&mut part, &mut ring), Err(RingError::NotReady));
    start(&mut part, &mut ring, 1);
    part.set_erase_steps(STEPS);
    let erases = part.counts().erases;
    assert!(!ring.wants_erase(false) && !ring.is_erased_ahead());
    assert_eq!(erase_ahead(&mut part, &mut ring), Err(RingError::NotReady));
    ring.append(&mut part, &mut Plain, 1, &[5; 40]).unwrap();
    for step in 1..=STEPS {
        assert!(ring.wants_erase(false) && !ring.is_erased_ahead());
        let expected = if step == STEPS { Progress::Done } else { Progress::More };
        assert_eq!(erase_ahead(&mut part, &mut ring), Ok(expected));
    }
    assert!(!ring.wants_erase(false) && ring.is_erased_ahead());
    assert_eq!(erase_ahead(&mut part, &mut ring), Err(RingError::NotReady));
    assert_eq!(part.counts().erases, erases.saturating_add(1));
    assert_eq!((part.wear(1), part.wear(2), part.wear(3)), (1, 1, 0));
}

/// A blocking ring never erases the page of its oldest entry to be ahead, and says how much it takes.
#[test]
fn a_blocking_ring_counts_down_to_its_last_byte() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut ring = mount(&mut part, Retention::Block, Void::default());
    assert_eq!((ring.room(1), ring.bytes_left()), (Some(816 + 2 * 912), None));
    start(&mut part, &mut ring, 1);
    for page in 1..PAGES {
        // An entry takes 64 bytes; 16 bytes are left of a page, but for the first, which holds the resume record too.
        let (entries, lost) = if page == 1 { (12, 48) } else { (14, 16) };
        for entry in 1..=entries {
            assert_eq!(append(&mut part, &mut ring).unwrap().page, page);
            let left: u32 = (entries - entry) * 64 + lost + 912 * (PAGES - 1 - page);
            assert_eq!(ring.bytes_left(), Some(left));
        }
        assert_eq!(ring.is_erased_ahead(), page < PAGES - 1, "page {page}");
    }
    assert!(!ring.wants_erase(false) && ring.wants_erase(true));
    let erases = part.counts().erases;
    assert_eq!(erase_ahead(&mut part, &mut ring), Err(RingError::NotReady));
    assert_eq!(append(&mut part, &mut ring), Err(RingError::Full));
    assert_eq!(part.counts().erases, erases);
    let overwriting = mount(&mut part, Retention::Overwrite, Void::default());
    assert_eq!((overwriting.room(2), overwriting.bytes_left()), (None, None));
}

#[test]
fn a_ring_is_cleared_into_an_erased_page_only() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut ring = mount(&mut part, Retention::Block, Void::default());
    assert_eq!(ring.clear(&mut part, &mut Plain), Err(RingError::NotReady));
    start(&mut part, &mut ring, 1);
    assert_eq!(ring.clear(&mut part, &mut Plain), Err(RingError::NotReady));
    ring.append(&mut part, &mut Plain, 1, &[5; 40]).unwrap();
    assert_eq!(ring.clear(&mut part, &mut Plain), Err(RingError::NotReady));
    let programs = part.counts().programs;
    while ring.wants_erase(true) {
        ring.erase_ahead(&mut part, true, &Pause::lend(&mut (), 1)).unwrap();
    }
    ring.clear(&mut part, &mut Plain).unwrap();
    assert_eq!(part.counts().programs, programs.saturating_add(1));
    assert_eq!(ring.position().unwrap().1, Place { page: 2, offset: 112, seq: 4 });
}

/// The newest entry is the tail's until the session has one of its own; behind a turn it is the last of the page before.
#[test]
fn the_end_is_behind_the_newest_entry() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut ring = mount(&mut part, Retention::Block, Void::default());
    assert_eq!((ring.end(), ring.has_entry()), (None, false));
    start(&mut part, &mut ring, 1);
    assert_eq!((ring.end(), ring.has_entry()), (None, false));
    append(&mut part, &mut ring).unwrap();
    assert_eq!((ring.end(), ring.has_entry()), (Some((1, 272)), true));

    let mut ring = mount(&mut part, Retention::Block, Void::default());
    assert_eq!((ring.end(), ring.has_entry()), (Some((1, 272)), false));
    ring.begin(Session { index: 2, suite: 1, salt: [0; 16] }, false).unwrap();
    assert_eq!(ring.end(), Some((1, 272)));
    start(&mut part, &mut ring, 3);
    assert_eq!((ring.end(), ring.has_entry()), (Some((1, 272)), false));
    let offset = append(&mut part, &mut ring).unwrap().offset;
    assert_eq!(ring.end(), Some((1, offset + 64)));
    while ring.wants_erase(false) {
        erase_ahead(&mut part, &mut ring).unwrap();
    }
    ring.clear(&mut part, &mut Plain).unwrap();
    assert_eq!((ring.end(), ring.has_entry()), (Some((1, 1024)), false));
    assert!(!ring.wants_erase(true) && !ring.is_erased_ahead());
    let place = append(&mut part, &mut ring).unwrap();
    assert_eq!((place.page, place.offset), (2, 112));
    assert_eq!((ring.end(), ring.has_entry()), (Some((2, 176)), true));
}

/// What a blocking ring still takes before a session starts is what it takes once that has started.
#[test]
fn the_room_for_a_session_is_what_it_finds() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut index = 1;
    let mut in_all = 0;
    loop {
        let mut ring = mount(&mut part, Retention::Block, Void::default());
        let room = ring.room(index).unwrap();
        if ring.check_start(index, false).is_err() {
            let session = Session { index, suite: 1, salt: [0; 16] };
            assert_eq!(ring.begin(session, false), Err(RingError::Full));
            assert!(!ring.is_starting());
            break;
        }
        start(&mut part, &mut ring, index);
        assert_eq!(ring.bytes_left(), Some(room), "session {index}");
        append(&mut part, &mut ring).unwrap();
        (index, in_all) = (index + 1, in_all + 1);
    }
    // Three sessions resume in a page.
    assert_eq!((in_all, part.wear(0), part.wear(3)), (9, 0, 1));
}

/// Nor is one begun that no mount would find.
#[test]
fn the_index_that_no_session_has_does_not_start_one() {
    for retention in [Retention::Block, Retention::Overwrite] {
        let mut part = Part::new(PAGES, Model::None, 1);
        let mut ring = mount(&mut part, retention, Void::default());
        let session = |index| Session { index, suite: 1, salt: [0; 16] };
        assert_eq!(ring.check_start(u32::MAX, false), Err(RingError::Full));
        assert_eq!(ring.begin(session(u32::MAX), true), Err(RingError::Full));
        assert!(!ring.is_starting());
        start(&mut part, &mut ring, u32::MAX - 1);
        append(&mut part, &mut ring).unwrap();
        let found = mount(&mut part, retention, Void::default());
        assert_eq!(found.tail().unwrap().session, u32::MAX - 1);
    }
}

/// A session that could not start has ended: only another can.
#[test]
fn a_start_that_failed_is_not_taken_up_again() {
    for failing in 1..=3 {
        let mut part = Part::new(PAGES, Model::None, 1);
        let mut ring = mount(&mut part, Retention::Overwrite, Void::default());
        ring.begin(Session { index: 1, suite: 1, salt: [0; 16] }, false).unwrap();
        part.fail_after(failing);
        let failed =
            (0..3).find_map(|_| ring.step(&mut part, &mut Plain, &Pause::lend(&mut (), 1)).err());
        assert!(matches!(failed, Some(RingError::Flash(_))), "operation {failing}");
        assert!(!ring.is_starting() && !ring.is_running());
        let step = ring.step(&mut part, &mut Plain, &Pause::lend(&mut (), 1));
        assert_eq!(step, Err(RingError::NotReady));
    }
}

/// Up to the byte before the cell in which it resumes, a page may hold anything.
#[test]
fn a_session_resumes_right_behind_what_is_not_blank() {
    let mut part = Part::new(PAGES, Model::None, 1);
    let mut ring = mount(&mut part, Retention::Overwrite, Void::default());
    start(&mut part, &mut ring, 1);
    assert_eq!(append(&mut part, &mut ring).unwrap().offset + 64, 272);
    for (byte, page, offset) in [(399, 1, 400 + 96), (400, 2, 112 + 96)] {
        let mut image = part.image();
        image[1024 + byte] = 0;
        let mut changed = Part::from_image(image, Model::None, 1);
        let mut ring = mount(&mut changed, Retention::Overwrite, Void::default());
        start(&mut changed, &mut ring, 2);
        let (_, place) = ring.position().unwrap();
        assert_eq!((place.page, place.offset), (page, offset), "byte {byte}");
    }
}
