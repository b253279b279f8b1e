//! Who may log in is what was acknowledged, as a whole, and nothing that others put there.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::print_stdout,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect; the sizes are evidence"
)]

use medsec_auth::credential::{
    BODY_BYTES, CELL_KIND, Change, ChangeError, Claim, Credentials, Flags, Found, MountError,
    PEOPLE, Principal, Progress, Refusal, Role, Roles, Search, Searching, Slot, Store, StoreError,
};
use medsec_core::Secret;
use medsec_core::event::PrincipalId;
use medsec_core::flash::Region;
use medsec_core::flash::cell;
use medsec_core::key::{AtRest, Label, MacKey, sha256};
use medsec_core::suite::Aes256Gcm;
use medsec_core::time::Pause;
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;

type Part = FaultFlash<4, 4, 4096>;
type People = Store<Aes256Gcm>;

const PAGE: usize = 4096;
const REGION: Region = Region::new(0, 4 * 4096);
/// Offset of the body in a frame: three copies of 68 bytes.
const BODY: usize = 204;
const SETTINGS: usize = 120;
const CLAIM_AT: usize = 2 * SETTINGS;
const PEOPLE_AT: usize = 344;
const RECORD: usize = 208;

fn root() -> Secret<32> {
    Secret::new([7; 32])
}

fn role(number: u8) -> Role {
    Role::new(number).unwrap()
}

const ADMIN: u8 = 2;
const USER: u8 = 0;

fn claim(byte: u8) -> Claim {
    Claim { state: 1, transaction: [byte; 16], salt: [byte; 16], verifier: Secret::new([byte; 32]) }
}

/// All three factors, made of `byte`.
fn all(byte: u8) -> Credentials {
    Credentials {
        knowledge: Some(Secret::new([byte; 56])),
        one_time: Some(Secret::new([byte; 48])),
        token: Some(Secret::new([byte; 48])),
    }
}

fn known(byte: u8) -> Credentials {
    Credentials { knowledge: Some(Secret::new([byte; 56])), ..Credentials::default() }
}

fn bytes<const N: usize>(secret: Option<&Secret<N>>) -> Option<[u8; N]> {
    secret.map(|secret| *secret.expose())
}

fn formatted(part: &mut Part) -> People {
    People::format(part, REGION, &root(), &claim(0)).unwrap()
}

fn mount(part: &mut Part) -> People {
    People::mount(part, REGION, &root()).unwrap()
}

fn again(image: Vec<u8>) -> (Part, People) {
    let mut part = Part::from_image(image, Model::None, 1);
    let store = mount(&mut part);
    (part, store)
}

fn make(part: &mut Part, store: &mut People, change: &mut Change) -> Result<(), ChangeError> {
    for _ in 0..200 {
        if store.step(part, &Pause::lend(&mut (), 1), change)? == Progress::Done {
            return Ok(());
        }
    }
    panic!("never done");
}

fn enrol(
    part: &mut Part,
    store: &mut People,
    number: u8,
    flags: Flags,
    credentials: &Credentials,
) -> Result<PrincipalId, ChangeError> {
    let mut change = Change::enrol(role(number), flags, ([9; 4], 5), credentials).unwrap();
    make(part, store, &mut change)?;
    Ok(change.id().unwrap())
}

fn search(part: &mut Part, store: &People, id: PrincipalId) -> Result<Search, StoreError> {
    let mut search = Search::new(id);
    for _ in 0..PEOPLE {
        assert_eq!(store.search(part, &mut search)?, Searching::More);
        assert!(search.found().is_none(), "found before every slot was seen");
    }
    assert_eq!(store.search(part, &mut search)?, Searching::Done);
    Ok(search)
}

fn find(part: &mut Part, store: &People, id: PrincipalId) -> Option<Found> {
    search(part, store, id).unwrap().found()
}

/// A store with `count` administrators, each with credentials of his number.
fn peopled(count: u8) -> (Part, People, Vec<PrincipalId>) {
    let mut part = Part::new(4, Model::None, 1);
    let mut store = formatted(&mut part);
    let ids = (0..count)
        .map(|n| enrol(&mut part, &mut store, ADMIN, Flags::NONE, &all(n)).unwrap())
        .collect();
    (part, store, ids)
}

/// Where the frame in force begins in the image.
fn frame(image: &[u8]) -> usize {
    let blank = |at: &usize| image[at + BODY..at + PAGE].iter().all(|byte| *byte == 0xFF);
    let live: Vec<usize> = (0..4).map(|frame| frame * PAGE).filter(|at| !blank(at)).collect();
    assert_eq!(live.len(), 1, "one frame holds a body, the others are blank behind their tombs");
    live[0]
}

fn record_at(image: &[u8], slot: usize) -> usize {
    frame(image) + BODY + PEOPLE_AT + slot * RECORD
}

#[test]
fn a_person_is_found_as_he_was_enrolled_and_nobody_else_is() {
    let mut part = Part::new(4, Model::None, 1);
    let mut store = formatted(&mut part);
    make(&mut part, &mut store, &mut Change::policy(77)).unwrap();
    let flags = Flags::MUST_CHANGE.with(Flags::LOCAL_ONLY);
    let mut ids = Vec::new();
    for (number, credentials) in [(ADMIN, all(1)), (USER, known(2)), (31, Credentials::default())] {
        ids.push(enrol(&mut part, &mut store, number, flags, &credentials).unwrap());
    }
    for mounted in [false, true] {
        if mounted {
            store = mount(&mut part);
            assert!(!store.needs_settle() && store.is_whole() && !store.has_older());
        }
        let Found { slot, principal, credentials } = find(&mut part, &store, ids[1]).unwrap();
        assert_eq!(slot, Slot::new(1).unwrap());
        let expected = Principal {
            id: ids[1],
            role: role(USER),
            flags,
            created_boot: 5,
            policy_generation: 77,
        };
        assert_eq!(principal, expected);
        assert_eq!(bytes(credentials.knowledge.as_ref()), Some([2; 56]));
        assert!(credentials.one_time.is_none() && credentials.token.is_none());
        let first = find(&mut part, &store, ids[0]).unwrap().credentials;
        assert_eq!(bytes(first.one_time.as_ref()), Some([1; 48]));
        assert_eq!(bytes(first.token.as_ref()), Some([1; 48]));
        assert!(find(&mut part, &store, ids[2]).unwrap().credentials.is_empty());
        for unknown in [PrincipalId::new([9; 8]), PrincipalId::DEVICE] {
            assert!(find(&mut part, &store, unknown).is_none());
        }
        assert_eq!(store.policy_generation(&mut part), Ok(77));
    }
}

#[test]
fn every_search_reads_the_same() {
    let (mut part, store, ids) = peopled(16);
    let mut cost = |id| {
        let before = part.counts();
        let found = search(&mut part, &store, id).unwrap();
        let after = part.counts();
        assert_eq!(found.unreadable(), 0);
        assert_eq!((after.programs, after.erases), (before.programs, before.erases));
        (after.reads - before.reads, after.bytes_read - before.bytes_read)
    };
    let costs: Vec<_> =
        ids.iter().copied().chain([PrincipalId::new([1; 8])]).map(&mut cost).collect();
    assert_eq!(costs, vec![(17, 120 + 16 * 208); 17]);
}

/// The person is refused, is told of as unreadable, and all others log in as before.
#[test]
fn a_changed_bit_of_a_record_costs_only_its_person_the_login() {
    let (mut part, mut store, ids) = peopled(3);
    let good = part.image();
    assert!(find(&mut part, &store, ids[1]).is_some());
    let at = record_at(&good, 1);
    let mut flips = 0;
    for bit in 0..8 * RECORD {
        let mut image = good.clone();
        image[at + bit / 8] ^= 1 << (bit % 8);
        (part, store) = again(image);
        assert!(!store.is_whole());
        let refused = search(&mut part, &store, ids[1]).unwrap();
        assert!(refused.found().is_none(), "bit {bit}");
        assert_eq!(refused.unreadable(), 0b10);
        if bit % 16 == 0 {
            for other in [ids[0], ids[2]] {
                assert!(find(&mut part, &store, other).is_some(), "bit {bit}");
            }
        }
        flips += 1;
    }
    println!("bits of one record changed: {flips}, each refused");
    assert_eq!(flips, 1_664);
    // Emptied, the slot can be used again; a slot that is not damaged cannot be emptied so.
    let clear = |slot| Change::clear(Slot::new(slot).unwrap());
    let readable = ChangeError::Refused(Refusal::Readable);
    assert_eq!(make(&mut part, &mut store, &mut clear(0)), Err(readable));
    make(&mut part, &mut store, &mut clear(1)).unwrap();
    assert!(store.is_whole() && find(&mut part, &store, ids[2]).is_some());
    let new = enrol(&mut part, &mut store, USER, Flags::NONE, &known(1)).unwrap();
    assert_eq!(find(&mut part, &store, new).unwrap().slot.index(), 1);
}

#[test]
fn a_changed_bit_elsewhere_costs_nobody_the_login() {
    let (part, _, ids) = peopled(2);
    let good = part.image();
    let body = frame(&good) + BODY;
    let mut flips = 0;
    for bit in 0..8 * PEOPLE_AT {
        let mut image = good.clone();
        image[body + bit / 8] ^= 1 << (bit % 8);
        let (mut part, store) = again(image);
        assert!(!store.is_whole());
        assert!(find(&mut part, &store, ids[1]).is_some(), "bit {bit}");
        let is_claim = bit >= 8 * CLAIM_AT;
        assert_eq!(store.claim(&mut part).err(), is_claim.then_some(StoreError::Damaged));
        flips += 1;
    }
    assert_eq!(flips, 2_752);
    // Both copies of the settings are more than one bit.
    let mut image = good;
    image[body] ^= 1;
    image[body + SETTINGS] ^= 1;
    let (mut part, mut store) = again(image);
    assert_eq!(search(&mut part, &store, ids[0]).err(), Some(StoreError::Damaged));
    let refused = make(&mut part, &mut store, &mut Change::policy(1));
    assert_eq!(refused, Err(ChangeError::Store(StoreError::Damaged)));
}

#[test]
fn records_that_changed_places_do_not_open() {
    let (part, _, ids) = peopled(3);
    let mut image = part.image();
    let (first, second) = (record_at(&image, 0), record_at(&image, 1));
    for byte in 0..RECORD {
        image.swap(first + byte, second + byte);
    }
    let (mut part, store) = again(image);
    let found = search(&mut part, &store, ids[0]).unwrap();
    assert!(found.found().is_none());
    assert_eq!(found.unreadable(), 0b11);
    assert!(find(&mut part, &store, ids[1]).is_none() && find(&mut part, &store, ids[2]).is_some());
}

#[test]
fn a_record_or_a_part_of_another_device_does_not_open() {
    let (part, _, ids) = peopled(2);
    let image = part.image();
    let other = Secret::new([8; 32]);
    let mut foreign = Part::from_image(image.clone(), Model::None, 1);
    let lost = MountError::Cell(cell::MountError::Lost);
    assert_eq!(People::mount(&mut foreign, REGION, &other).err(), Some(lost));
    let mut foreign = Part::new(4, Model::None, 1);
    let mut made = People::format(&mut foreign, REGION, &other, &claim(0)).unwrap();
    for n in 0..2 {
        enrol(&mut foreign, &mut made, ADMIN, Flags::NONE, &all(n)).unwrap();
    }
    let (from, to) = (record_at(&foreign.image(), 1), record_at(&image, 1));
    let mut mixed = image;
    mixed[to..to + RECORD].copy_from_slice(&foreign.image()[from..from + RECORD]);
    let (mut part, store) = again(mixed);
    assert!(find(&mut part, &store, ids[1]).is_none() && find(&mut part, &store, ids[0]).is_some());
}

/// Also his own of before: what the settings say of it is newer.
#[test]
fn an_older_record_of_a_person_does_not_open_beside_newer_settings() {
    let (mut part, mut store, ids) = peopled(2);
    let before = part.image();
    let mut principal = find(&mut part, &store, ids[1]).unwrap().principal;
    principal.flags = Flags::DISABLED;
    let mut change = Change::update(&principal, &all(1), Roles::NONE).unwrap();
    make(&mut part, &mut store, &mut change).unwrap();
    let (from, to) = (record_at(&before, 1), record_at(&part.image(), 1));
    let mut mixed = part.image();
    mixed[to..to + RECORD].copy_from_slice(&before[from..from + RECORD]);
    let (mut part, store) = again(mixed);
    assert!(find(&mut part, &store, ids[1]).is_none());
    assert!(find(&mut part, &store, ids[0]).is_some());
}

/// The limit: nothing on the part tells that all of it is of the past.
#[test]
fn a_whole_part_of_the_past_is_believed() {
    let (mut part, mut store, ids) = peopled(2);
    let before = part.image();
    make(&mut part, &mut store, &mut Change::remove(ids[1], Roles::NONE)).unwrap();
    assert!(find(&mut part, &store, ids[1]).is_none());
    // One frame of the past is not enough as long as the present one is there.
    let mut image = part.image();
    let old = frame(&before);
    image[old..old + PAGE].copy_from_slice(&before[old..old + PAGE]);
    let (mut mixed, store) = again(image);
    assert!(find(&mut mixed, &store, ids[1]).is_none());
    let (mut part, store) = again(before);
    assert!(store.is_whole() && find(&mut part, &store, ids[1]).is_some());
}

#[test]
fn a_full_store_takes_nobody_and_no_id_is_used_twice() {
    let (mut part, mut store, mut ids) = peopled(16);
    let programs = part.counts().programs;
    let refused = enrol(&mut part, &mut store, USER, Flags::NONE, &all(1));
    assert_eq!(refused, Err(ChangeError::Refused(Refusal::Full)));
    assert_eq!(part.counts().programs, programs, "nothing was written");
    // The random bytes are always the same here.
    for _ in 0..20 {
        make(&mut part, &mut store, &mut Change::remove(ids[15], Roles::NONE)).unwrap();
        ids[15] = enrol(&mut part, &mut store, USER, Flags::NONE, &all(1)).unwrap();
        store = mount(&mut part);
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id));
        }
    }
    assert_eq!(ids[15].bytes(), &[9, 9, 9, 9, 36, 0, 0, 0]);
    make(&mut part, &mut store, &mut Change::remove(ids[15], Roles::NONE)).unwrap();
    let mut zeros = Change::enrol(role(USER), Flags::NONE, ([0; 4], 1), &known(1)).unwrap();
    make(&mut part, &mut store, &mut zeros).unwrap();
    assert_eq!(zeros.id().unwrap().bytes(), &[0, 0, 0, 0, 37, 0, 0, 0]);
    assert!(find(&mut part, &store, zeros.id().unwrap()).is_some());
    let mut gone = Change::remove(PrincipalId::new([9, 9, 9, 9, 16, 0, 0, 0]), Roles::NONE);
    let unknown = Err(ChangeError::Refused(Refusal::Unknown));
    assert_eq!(make(&mut part, &mut store, &mut gone), unknown);
}

#[test]
fn the_last_administrator_stays() {
    let (mut part, mut store, ids) = peopled(1);
    let keep = Roles::NONE.with(role(ADMIN));
    let other = enrol(&mut part, &mut store, ADMIN, Flags::DISABLED, &all(1)).unwrap();
    let bare = Credentials::default();
    enrol(&mut part, &mut store, ADMIN, Flags::NONE, &bare).unwrap();
    enrol(&mut part, &mut store, USER, Flags::NONE, &all(1)).unwrap();
    let principal = find(&mut part, &store, ids[0]).unwrap().principal;
    let disabled = Principal { flags: Flags::DISABLED, ..principal };
    let changes = |keep| {
        vec![
            Change::remove(ids[0], keep),
            Change::update(&disabled, &all(0), keep).unwrap(),
            Change::update(&principal, &Credentials::default(), keep).unwrap(),
        ]
    };
    for mut change in changes(keep) {
        let refused = Err(ChangeError::Refused(Refusal::LastOfRole));
        assert_eq!(make(&mut part, &mut store, &mut change), refused);
    }
    // What leaves him able to log in is allowed, and what takes those who were not.
    make(&mut part, &mut store, &mut Change::update(&principal, &known(3), keep).unwrap()).unwrap();
    let mut able = find(&mut part, &store, other).unwrap().principal;
    able.flags = Flags::NONE;
    make(&mut part, &mut store, &mut Change::update(&able, &all(1), keep).unwrap()).unwrap();
    let image = part.image();
    for keep in [keep, Roles::NONE] {
        for mut change in changes(keep) {
            let (mut part, mut store) = again(image.clone());
            make(&mut part, &mut store, &mut change).unwrap();
        }
    }
}

#[test]
fn a_role_is_for_life_and_the_boot_of_the_enrolment_stays() {
    let (mut part, mut store, ids) = peopled(1);
    let principal = find(&mut part, &store, ids[0]).unwrap().principal;
    let other = Principal { role: role(USER), ..principal };
    let mut change = Change::update(&other, &all(0), Roles::NONE).unwrap();
    let refused = Err(ChangeError::Refused(Refusal::Role));
    assert_eq!(make(&mut part, &mut store, &mut change), refused);
    let later = Principal { created_boot: 99, policy_generation: 9, ..principal };
    make(&mut part, &mut store, &mut Change::update(&later, &all(0), Roles::NONE).unwrap())
        .unwrap();
    assert_eq!(find(&mut part, &store, ids[0]).unwrap().principal, principal);
}

#[test]
fn what_contradicts_itself_is_no_person() {
    let both = Flags::LOCAL_ONLY.with(Flags::REMOTE_ONLY);
    let made = Change::enrol(role(0), both, ([0; 4], 0), &all(0));
    assert_eq!(made.err(), Some(Refusal::Flags));
    drop(Change::enrol(role(0), Flags::REMOTE_ONLY, ([0; 4], 0), &all(0)).unwrap());
    assert!(Role::new(32).is_none() && Slot::new(16).is_none());
}

/// After a cut at each operation, with any bits in flight: the old state or the new one, and all others as they were.
#[test]
fn a_cut_leaves_the_change_done_or_not_begun() {
    let (mut part, mut store, ids) = peopled(3);
    let principal = find(&mut part, &store, ids[1]).unwrap().principal;
    let image = part.image();
    let (mut old, mut new) = (0, 0);
    for model in Model::CONTRACT {
        for cut in 1_u32.. {
            part = Part::from_image(image.clone(), model, u64::from(cut));
            store = mount(&mut part);
            part.cut_after(cut);
            let mut change = Change::update(&principal, &all(77), Roles::NONE).unwrap();
            if make(&mut part, &mut store, &mut change).is_ok() {
                assert!(cut > 20, "{cut} operations");
                break;
            }
            part.power_on();
            store = mount(&mut part);
            assert!(store.is_whole());
            let mut settled = store.needs_settle();
            if settled {
                let refused = search(&mut part, &store, ids[1]).err();
                assert_eq!(refused, Some(StoreError::Unsettled));
                make(&mut part, &mut store, &mut Change::settle()).unwrap();
                assert!(!store.has_older());
            }
            let shown = find(&mut part, &store, ids[1]).unwrap().credentials;
            match bytes(shown.knowledge.as_ref()) {
                Some(seen) if seen == [1; 56] => old += 1,
                Some(seen) if seen == [77; 56] => new += 1,
                _ => panic!("{model}, cut {cut}: neither old nor new"),
            }
            for (other, byte) in [(ids[0], 0), (ids[2], 2)] {
                let found = find(&mut part, &store, other).unwrap().credentials;
                assert_eq!(bytes(found.token.as_ref()), Some([byte; 48]));
            }
            // Once it was acted upon it stays.
            settled |= mount(&mut part).needs_settle();
            assert!(!mount(&mut part).needs_settle() || !settled, "{model}, cut {cut}");
            assert_eq!(part.double_programs(), 0);
        }
    }
    println!("cut changes: {old} not begun, {new} done");
    assert!(old > 100 && new > 30);
}

#[test]
fn a_change_that_is_given_up_is_ended_by_a_settle() {
    let (mut part, mut store, ids) = peopled(1);
    let mut given_up = Change::remove(ids[0], Roles::NONE);
    let mut late = Change::policy(3);
    for _ in 0..25 {
        store.step(&mut part, &Pause::lend(&mut (), 1), &mut given_up).unwrap();
    }
    assert_eq!(search(&mut part, &store, ids[0]).err(), Some(StoreError::Busy));
    let busy = Err(ChangeError::Store(StoreError::Busy));
    assert_eq!(make(&mut part, &mut store, &mut late), busy);
    make(&mut part, &mut store, &mut Change::settle()).unwrap();
    assert!(find(&mut part, &store, ids[0]).is_some());
    let over = Err(ChangeError::Over);
    assert_eq!(make(&mut part, &mut store, &mut given_up), over);
    assert_eq!(given_up.id(), None);
}

/// Two that looked at the same state: the second would undo the first.
#[test]
fn a_change_decided_upon_an_older_state_is_over() {
    let (mut part, mut store, _) = peopled(2);
    let (mut first, mut second) = (Change::policy(1), Change::policy(2));
    for _ in 0..18 {
        store.step(&mut part, &Pause::lend(&mut (), 1), &mut first).unwrap();
        store.step(&mut part, &Pause::lend(&mut (), 1), &mut second).unwrap();
    }
    make(&mut part, &mut store, &mut first).unwrap();
    assert_eq!(make(&mut part, &mut store, &mut second), Err(ChangeError::Over));
    assert_eq!(store.policy_generation(&mut part), Ok(1));
}

/// A search that saw the settings of before does not go on with records of after.
#[test]
fn a_search_across_a_change_gives_nobody() {
    let (mut part, mut store, ids) = peopled(2);
    let mut begun = Search::new(ids[1]);
    for _ in 0..2 {
        store.search(&mut part, &mut begun).unwrap();
    }
    make(&mut part, &mut store, &mut Change::policy(1)).unwrap();
    assert_eq!(store.search(&mut part, &mut begun), Err(StoreError::Busy));
    assert!(begun.found().is_none());
}

#[test]
fn the_claim_is_kept_and_replaced() {
    let (mut part, mut store, ids) = peopled(1);
    assert_eq!(store.claim(&mut part).unwrap().verifier.expose(), &[0; 32]);
    make(&mut part, &mut store, &mut Change::claim(&claim(5))).unwrap();
    store = mount(&mut part);
    let kept = store.claim(&mut part).unwrap();
    assert_eq!((kept.state, kept.transaction, kept.salt), (1, [5; 16], [5; 16]));
    assert_eq!(kept.verifier.expose(), &[5; 32]);
    assert!(find(&mut part, &store, ids[0]).is_some());
}

/// A part that fails while older credentials are destroyed: the change is in force, and the caller is told.
#[test]
fn a_change_whose_forgetting_fails_is_in_force_and_says_so() {
    let (mut part, mut store, ids) = peopled(2);
    let mut failures = 0;
    for failing in 1..30 {
        let (mut part, mut store) = again(part.image());
        part.fail_after(failing);
        let mut change = Change::remove(ids[1], Roles::NONE);
        match make(&mut part, &mut store, &mut change) {
            Ok(()) => {}
            Err(ChangeError::NotForgotten(_)) => {
                failures += 1;
                assert!(store.has_older() && !store.needs_settle());
                assert!(find(&mut part, &store, ids[1]).is_none());
            }
            Err(ChangeError::Flash(_)) => {
                assert!(store.needs_settle());
                make(&mut part, &mut store, &mut Change::settle()).unwrap();
                assert!(find(&mut part, &store, ids[0]).is_some());
            }
            Err(error) => panic!("{failing}: {error}"),
        }
    }
    // The erase; one tomb of three that fails is tolerated.
    assert_eq!(failures, 1);
    make(&mut part, &mut store, &mut Change::settle()).unwrap();
}

#[test]
fn sizes_are_as_stated() {
    let sizes = (size_of::<People>(), size_of::<Search>(), size_of::<Change>());
    println!("bytes: store {}, search {}, change {}", sizes.0, sizes.1, sizes.2);
    assert!(sizes.0 <= 512 && sizes.1 <= 350 && sizes.2 <= 700, "{sizes:?}");
}

/// A frame from the documentation of the formats, with the primitives of the core and nothing of the store.
fn by_hand(at: u8, epoch: u32, records: &[(u8, u8, u32, Vec<u8>)]) -> Vec<u8> {
    let keys = AtRest::<Aes256Gcm>::derive(&root());
    let mut body = Vec::new();
    for (kind, slot, generation, plain) in records {
        let head = [*kind, *slot, 1, 1];
        let aad = [b"MSCR".as_slice(), &head, &generation.to_le_bytes()].concat();
        let mut sealed = plain.clone();
        let envelope = keys.seal(&aad, &mut sealed).unwrap();
        body.extend([&head[..], &envelope.nonce, &envelope.tag, &sealed].concat());
    }
    assert_eq!(body.len(), BODY_BYTES as usize);
    let prefix = [b'M', b'S', b'B', b'1', 1, CELL_KIND, at, 0];
    let digest = sha256(&[&prefix, &epoch.to_le_bytes(), &BODY_BYTES.to_le_bytes(), &body]);
    let mut frame = Vec::new();
    for copy in 0..3 {
        let mut head = [b"MSC1".as_slice(), &[1, CELL_KIND, 1, 0], &epoch.to_le_bytes()].concat();
        head.extend([&[1, 0, 0, 0], &BODY_BYTES.to_le_bytes()[..], &digest].concat());
        let tag = MacKey::derive(&root(), Label::StoreHead).tag(&[&head, &[at, copy]]);
        head.extend(tag);
        frame.extend(head);
    }
    frame.extend(body);
    frame.resize(PAGE, 0xFF);
    frame
}

fn settings_by_hand(policy: u16, enrolled: u32, claim: u32, people: &[(usize, u32)]) -> Vec<u8> {
    let mut plain = [&[1, 0][..], &policy.to_le_bytes(), &enrolled.to_le_bytes()].concat();
    plain.extend(claim.to_le_bytes());
    for slot in 0..PEOPLE {
        let generation = people.iter().find(|(of, _)| *of == slot).map_or(0, |(_, n)| *n);
        plain.extend(generation.to_le_bytes());
    }
    plain.extend([0; 12]);
    plain
}

#[test]
fn a_store_writes_what_its_layout_says() {
    let mut part = Part::new(4, Model::None, 1);
    let mut store = formatted(&mut part);
    let flags = Flags::MUST_CHANGE.with(Flags::REMOTE_ONLY);
    enrol(&mut part, &mut store, 3, flags, &all(0x11)).unwrap();
    enrol(&mut part, &mut store, USER, Flags::NONE, &known(0x22)).unwrap();
    make(&mut part, &mut store, &mut Change::claim(&claim(0x33))).unwrap();
    make(&mut part, &mut store, &mut Change::policy(0x4455)).unwrap();

    let settings = settings_by_hand(0x4455, 2, 1, &[(0, 1), (1, 1)]);
    let mut records = vec![(1, 0, 0, settings.clone()), (1, 1, 0, settings)];
    let claim = [&[1, 1][..], &[0x33; 64], &[0; 6]].concat();
    records.push((2, 0, 1, claim));
    let first = [&[1, 1, 3, 0b1001, 7, 0, 0, 0][..], &[9, 9, 9, 9, 1, 0, 0, 0], &[5, 0, 0, 0]];
    records.push((3, 0, 1, [&first.concat()[..], &[0; 4], &[0x11; 152]].concat()));
    let second = [&[1, 1, 0, 0, 1, 0, 0, 0][..], &[9, 9, 9, 9, 2, 0, 0, 0], &[5, 0, 0, 0]];
    let rest = [&[0; 4][..], &[0x22; 56], &[0; 96]].concat();
    records.push((3, 1, 1, [second.concat(), rest].concat()));
    for slot in 2..16 {
        records.push((3, slot, 0, [&[1][..], &[0; 175]].concat()));
    }
    let image = part.image();
    let at = frame(&image);
    // Each change takes the next frame: the fifth value is in the first again.
    assert_eq!(at, 0);
    let epoch = 5;
    assert!(image[..PAGE] == by_hand(0, epoch, &records)[..], "the frame in force");

    let text = include_str!("golden/credential_v1.txt");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let golden: String = lines.collect();
    let shown: String =
        image[..BODY + BODY_BYTES as usize].iter().map(|b| format!("{b:02x}")).collect();
    if golden != shown {
        for line in shown.as_bytes().chunks(64) {
            println!("{}", core::str::from_utf8(line).unwrap());
        }
        panic!("not the golden bytes");
    }
}
