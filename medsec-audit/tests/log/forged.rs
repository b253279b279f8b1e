//! What somebody writes who has no keys, a chain of his own, or the secret of a session.

use medsec_audit::record::{BODY_BYTES_MAX, RecordHeader};
use medsec_audit::segment::{SegmentKeys, entry_aad, next_audit, session_link};
use medsec_audit::state::{Escrow, PublicState};
use medsec_audit::verify::{Assurance, NoKeys, Range, Verdict};
use medsec_core::Secret;
use medsec_core::codec::Writer;
use medsec_core::event::{Category, Outcome};
use medsec_core::flash::ring::{
    EntryHeader, Header, Place, RESUME_BYTES, Resume, Retention, Void, committed,
};
use medsec_core::key::device_id;
use medsec_core::suite::{Aes256Gcm, Sealer, Suite};
use medsec_core::time::Ticks;

use crate::bench::{
    Bench, PAGE, PAGES, Report, authority, key, newest_state, opened, signed_life, verify_image,
    verify_with,
};

#[test]
fn a_state_from_a_chain_of_somebody_else_is_not_believed() {
    let bench = signed_life(6);
    let image = bench.flash.image();
    let device = device_id(1, &key().public());
    let secret = Secret::new([0x77; 32]);
    let ephemeral = Secret::new([0x55; 32]);
    let authority = authority().public();
    let escrow = Escrow::seal::<Aes256Gcm>(&secret, 7, &device, &authority, &ephemeral).unwrap();
    let void = Void { page: 0, session: 6 };
    let forged = PublicState { index: 7, void, lifecycle: 0, escrow, proof: [0; 16] };
    let state = forged.encode(&secret).unwrap();
    let report = verify_with::<Aes256Gcm, _>(&image, Some(&state), None, opened::<Aes256Gcm>);
    let summary = report.summary.unwrap();
    // The genuine escrow was in the state alone, so nothing opens; and nothing that was hidden passes for absent.
    assert!(!summary.state_believed);
    assert!(report.ranges.iter().all(|range| range.verdict != Verdict::Verified));
    let report = bench.verify(opened::<Aes256Gcm>);
    assert!(report.summary.unwrap().state_believed);
}

/// The secret of a chain that anybody can seal to the authority.
const ADDED: [u8; 32] = [9; 32];

/// The image of a device with such a chain's escrow behind the last entry, and where the log ends without it.
fn with_added_escrow(bench: &Bench<Aes256Gcm>) -> (Vec<u8>, Place) {
    let head = bench.verify(opened::<Aes256Gcm>).summary.unwrap().head.unwrap().1;
    let mut image = bench.flash.image();
    let slot = ((4 + head.page % PAGES) * PAGE) as usize;
    let blank = image[slot..slot + PAGE as usize].iter().rposition(|byte| *byte != 0xFF).unwrap();
    let offset = (blank + 4) / 4 * 4;
    let (secret, ephemeral) = (Secret::new(ADDED), Secret::new([8; 32]));
    let (device, authority) = (device_id(1, &key().public()), authority().public());
    let escrow = Escrow::seal::<Aes256Gcm>(&secret, 2, &device, &authority, &ephemeral).unwrap();
    let header = EntryHeader { length: 92, class: 0xC1, seq_low: (head.seq + 1) as u16 };
    let entry = &mut image[slot + offset..][..116];
    entry[..8].copy_from_slice(&header.encode(head.page, offset as u32));
    entry[8..100].copy_from_slice(&escrow.encode().unwrap());
    entry[100..].fill(1);
    (image, head)
}

/// A header for a page, as a session of the added chain would write it if it had the right commitment.
fn added_header(page: u32, session: u32, floor: u32) -> Header {
    Header {
        page,
        session,
        ordinal: 0,
        ring: 1,
        suite: Aes256Gcm::ID,
        floor,
        first_seq: 1,
        salt: [1; 16],
        previous: [0; 32],
        commit: [3; 16],
    }
}

#[test]
fn an_escrow_that_anybody_added_does_not_blind_the_authority() {
    let bench = signed_life(6);
    let honest = bench.verify(opened::<Aes256Gcm>);
    let (image, head) = with_added_escrow(&bench);
    let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
    assert_eq!(report.records, honest.records);
    assert_eq!(report.summary.unwrap().first_bad, None);
    let torn = report.ranges.iter().find(|range| range.verdict == Verdict::TornTail);
    assert_eq!(torn.map(|range| range.first_seq), Some(head.seq + 1));
}

/// Headers in all other slots, without anything behind them, do not keep the authority from the one page that has entries.
#[test]
fn the_authority_looks_into_every_page() {
    let bench = signed_life(2);
    let (mut image, head) = with_added_escrow(&bench);
    let chains = |image: &[u8]| {
        let mut count = 0;
        verify_image::<Aes256Gcm, _>(image, None, |ring, subject| {
            let keys = opened::<Aes256Gcm>(ring, subject);
            count = keys.chains();
            keys
        });
        count
    };
    assert_eq!(chains(&bench.flash.image()), 1);
    assert_eq!(chains(&image), 2);
    for page in head.page + 1..head.page + PAGES {
        let bytes = added_header(page, 9, 1).encode().unwrap();
        image[((4 + page % PAGES) * PAGE) as usize..][..bytes.len()].copy_from_slice(&bytes);
    }
    assert_eq!(chains(&image), 2);
}

/// A page opened behind the newest states a floor for those who trust who opened it, and takes no floor from others.
#[test]
fn a_floor_stays_vouched_for_whoever_states_it_too() {
    let mut bench = Bench::<Aes256Gcm>::new(Retention::Overwrite);
    let (mut told, mut page) = (0, 0);
    while page < 2 * PAGES {
        bench.boot();
        bench.maintain();
        for number in 0..12 {
            bench.append(number).unwrap();
            bench.maintain();
        }
        let honest = bench.verify(opened::<Aes256Gcm>);
        let (session, head) = honest.summary.unwrap().head.unwrap();
        page = head.page;
        let slot = |page: u32| ((4 + page % PAGES) * PAGE) as usize;
        let (mut image, _) = with_added_escrow(&bench);
        let own: [u8; 112] = *image[slot(page)..].first_chunk().unwrap();
        let floor = Header::parse(&own).unwrap().floor;
        let mut header = added_header(page + 1, session + 1, floor);
        let mut audit = Secret::new(ADDED);
        for _ in 2..=session {
            audit = next_audit(&audit);
        }
        let device = device_id(1, &key().public());
        let link = session_link(&audit, header.session, &header.salt, &device, Aes256Gcm::ID);
        let bytes = header.encode().unwrap();
        header.commit = SegmentKeys::derive(&link, page + 1, 0, committed(&bytes)).commit;
        let bytes = header.encode().unwrap();
        image[slot(page + 1)..][..bytes.len()].copy_from_slice(&bytes);
        let report = verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>);
        let given_up = |report: &Report| -> Vec<Range> {
            let ranges = report.ranges.iter().copied();
            ranges.filter(|range| range.verdict == Verdict::OverwrittenByPolicy).collect()
        };
        assert_eq!(given_up(&report), given_up(&honest), "page {page}");
        told += given_up(&honest).len();
    }
    assert!(told > 3, "{told}");
}

/// A log whose newest session goes on from one that had turned a page: image, resume record and its position.
fn resumed_behind_a_page_header() -> (Vec<u8>, Resume, u32, u32) {
    let mut bench = Bench::<Aes256Gcm>::new(Retention::Overwrite);
    bench.boot();
    bench.maintain();
    let mut page = 0;
    while page < 2 {
        bench.append(1).unwrap();
        bench.maintain();
        page = bench.verify(|_, _| NoKeys).summary.unwrap().head.unwrap().1.page;
    }
    bench.boot();
    bench.maintain();
    bench.append(2).unwrap();
    let image = bench.flash.image();
    let slot = ((4 + page % PAGES) * PAGE) as usize;
    let mut resumes = (0..PAGE).step_by(4).filter_map(|offset| {
        let bytes = image[slot + offset as usize..].first_chunk()?;
        Some((offset, Resume::parse(bytes, page, offset).ok()?))
    });
    let (offset, resume) = resumes.next_back().unwrap();
    (image, resume, page, offset)
}

/// Without keys a resume record can be rewritten. What it names has to be there.
#[test]
fn a_session_goes_on_from_a_segment_and_not_from_the_middle_of_one() {
    let (image, resume, page, offset) = resumed_behind_a_page_header();
    let with = |change: fn(&mut Resume)| {
        let (mut image, mut resume) = (image.clone(), resume);
        change(&mut resume);
        let at = ((4 + page % PAGES) * PAGE + offset) as usize;
        image[at..at + RESUME_BYTES].copy_from_slice(&resume.encode(page, offset).unwrap());
        verify_image::<Aes256Gcm, _>(&image, None, |_, _| NoKeys).summary.unwrap()
    };
    assert_eq!(with(|_| ()).first_bad, None);
    let bad = with(|resume| resume.adopted.offset += 128).first_bad;
    assert_eq!(bad, Some((Verdict::Modified, page, 0)));
    let bad = with(|resume| resume.adopted.session -= 1).first_bad;
    assert_eq!(bad.map(|(verdict, ..)| verdict), Some(Verdict::Modified));
}

/// A page header whose session begins on that page is a segment by its resume record alone.
#[test]
fn a_header_that_anybody_wrote_begins_no_segment_without_its_resume_record() {
    let bench = signed_life(3);
    let honest = bench.verify(|_, _| NoKeys).summary.unwrap();
    let (session, head) = honest.head.unwrap();
    let page = head.page + 1;
    let mut plain = [0; 10];
    let record = RecordHeader {
        event: 0x0103,
        category: Category::AuditLog,
        outcome: Outcome::MinorFailure,
        at: Ticks::from_millis(5),
    };
    record.encode(&mut Writer::new(&mut plain)).unwrap();
    let with = |ordinal: u32| {
        let mut image = bench.flash.image();
        let slot = ((4 + page % PAGES) * PAGE) as usize;
        let header = Header {
            page,
            session: session + 1,
            ordinal,
            ring: 1,
            suite: Aes256Gcm::ID,
            floor: 1,
            first_seq: head.seq + 1,
            salt: [1; 16],
            previous: [2; 32],
            commit: [3; 16],
        };
        let bytes = header.encode().unwrap();
        image[slot..slot + bytes.len()].copy_from_slice(&bytes);
        let (mut at, mut seq) = (bytes.len() as u32, head.seq + 1);
        // The last one does not fit.
        while at + 8 <= PAGE {
            let entry = EntryHeader { length: BODY_BYTES_MAX, class: 1, seq_low: seq as u16 };
            let stored = &mut image[slot + at as usize..];
            stored[..8].copy_from_slice(&entry.encode(page, at));
            // What a reader with keys would find behind the encryption.
            stored.iter_mut().skip(8).zip(plain).for_each(|(to, from)| *to = from);
            let bytes = (8 + u32::from(BODY_BYTES_MAX) + 16).next_multiple_of(4);
            (at, seq) = (at + bytes, seq + 1);
        }
        assert!(at > PAGE);
        let report = verify_image::<Aes256Gcm, _>(&image, None, |_, _| NoKeys);
        assert_eq!(report.records, [], "nothing is read without keys");
        (report.summary.unwrap().head.unwrap(), seq - 2)
    };
    assert_eq!(with(0).0, honest.head.unwrap());
    // The control: with its resume record out of the way it does, up to the end of the page.
    let ((newest, end), last) = with(1);
    assert_eq!((newest, end.seq), (session + 1, last));
}

/// Whoever has a session's secret can make all of it but what the device signed.
#[test]
fn a_holder_of_the_secret_cannot_sign_a_checkpoint() {
    let bench = signed_life(4);
    let honest = bench.verify(opened::<Aes256Gcm>);
    let (session, place) = honest.summary.unwrap().signed_to.unwrap();
    assert_eq!(honest.summary.unwrap().head, Some((session, place)));
    let of_session = |range: &&Range| range.session == session && range.first_seq <= range.last_seq;
    let segment = honest.ranges.iter().find(of_session).unwrap();
    let (segment_page, segment_offset) = (segment.page, segment.offset);
    assert!(segment_offset > 0 && segment_page == place.page, "it begins with a resume record");
    let image = bench.flash.image();
    let slot = ((4 + place.page % PAGES) * PAGE) as usize;
    let start: [u8; RESUME_BYTES] = *image[slot + segment_offset as usize..].first_chunk().unwrap();
    let resume = Resume::parse(&start, segment_page, segment_offset).unwrap();
    let mut audit = Secret::new([4; 32]);
    let state = PublicState::parse(&newest_state(&image).unwrap()).unwrap();
    for _ in state.escrow.base..session {
        audit = next_audit(&audit);
    }
    let device = device_id(1, &key().public());
    let link = session_link(&audit, session, &resume.salt, &device, Aes256Gcm::ID);
    let keys = SegmentKeys::derive(&link, segment_page, segment_offset, committed(&start));
    assert_eq!((resume.ordinal, keys.commit), (0, resume.commit), "the keys are the session's");
    let stored = &image[slot + place.offset as usize..];
    let header: [u8; 8] = *stored.first_chunk().unwrap();
    let header = EntryHeader::parse(&header, place.page, place.offset).unwrap();
    let mut body = stored[8..8 + usize::from(header.length)].to_vec();
    // The last byte of the body is one of the signature.
    *body.last_mut().unwrap() ^= 1;
    let with_forged = |place: Place| {
        let mut image = image.clone();
        let header = EntryHeader { seq_low: place.seq as u16, ..header };
        let header = header.encode(place.page, place.offset);
        let aad = [&entry_aad(&place, &header)[..], &body].concat();
        let tag = Sealer::<Aes256Gcm>::new(&keys.page).seal(place.seq, &aad, &mut []).unwrap();
        let entry = [&header[..], &body, &tag].concat();
        image[slot + place.offset as usize..][..entry.len()].copy_from_slice(&entry);
        verify_image::<Aes256Gcm, _>(&image, None, opened::<Aes256Gcm>)
    };
    let length = (8 + u32::from(header.length) + 16).next_multiple_of(4);
    let behind = Place { offset: place.offset + length, seq: place.seq + 1, ..place };
    // In place of the device's own; and behind it, where it would look like an entry in flight but for its tag.
    for forged in [place, behind] {
        let report = with_forged(forged);
        let summary = report.summary.unwrap();
        let modified = Some((Verdict::Modified, segment_page, segment_offset));
        assert_eq!(summary.first_bad, modified);
        // Nothing that the signature should cover is good, back to the one before it.
        let signed = summary.signed_to.unwrap();
        assert_eq!(signed == (session, place), forged == behind);
        let good = signed.1.seq.max(resume.seq);
        let bad = report.ranges.iter().find(|range| range.verdict == Verdict::Modified).unwrap();
        assert_eq!((bad.session, bad.first_seq), (session, good + 1));
        assert_eq!(summary.head.map(|(_, head)| head.seq), Some(good));
        let believed =
            |(seq, _, by): &&(u64, u32, Assurance)| *seq > good && *by != Assurance::Unanchored;
        assert_eq!(report.records.iter().find(believed), None);
    }
}
