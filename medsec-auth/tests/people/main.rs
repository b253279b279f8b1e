//! People log in, act and go; others try to.
#![expect(
    clippy::assertions_on_result_states,
    clippy::let_underscore_must_use,
    clippy::panic,
    clippy::panic_in_result_fn,
    clippy::unwrap_in_result,
    clippy::unwrap_used,
    reason = "a test stops at what it does not expect"
)]

mod attack;
mod bench;
#[path = "../../../medsec-core/tests/identity/fixtures.rs"]
#[expect(
    dead_code,
    reason = "what another crate's tests are made with; not all of it is needed here"
)]
mod fixtures;

use medsec_auth::authenticator::{LoginError, Refused, Reviewed, Why};
use medsec_auth::credential::{Credentials, Flags, Refusal};
use medsec_auth::emergency::{EMERGENCY_MS, EmergencyError};
use medsec_auth::event::{LoginRefused, SessionEnd};
use medsec_auth::hal::{Panel, Presence};
use medsec_auth::people::{PeopleError, PersonChange};
use medsec_core::access::Denied;
use medsec_core::event::PrincipalId;
use medsec_core::lifecycle::Change;

use bench::{ADMIN_SECRET, Device, Limits, NURSE_SECRET, Rate, Review, Staff, WardRole};

const REFUSED: LoginError = LoginError::Refused(LoginRefused::Wrong);
const UNKNOWN: LoginError = LoginError::Refused(LoginRefused::Unknown);
/// RFC 4226, appendix D: the codes of counters 1 to 3.
const CODES: [&[u8]; 3] = [b"287082", b"359152", b"969429"];

fn denied(by: PrincipalId, why: Denied) -> Result<u32, Refused> {
    Err(Refused { by, why: Why::Denied(why) })
}

/// A key that somebody presses.
struct Key;

impl Panel for Key {
    fn take_press(&mut self) -> bool {
        true
    }
}

#[test]
fn who_knows_the_secret_may_what_the_role_may() {
    let (mut device, Staff { nurse, .. }) = Device::staffed();
    let session = device.password(&device.login(nurse, None), NURSE_SECRET).unwrap();
    assert_eq!(device.may::<Rate>(session), Ok(1));
    assert_eq!(device.may::<Limits>(session), denied(nurse, Denied::Role));
}

#[test]
fn a_second_factor_opens_what_needs_two() {
    let (mut device, Staff { admin, .. }) = Device::staffed();
    let clinician = device.enrol(admin, WardRole::Clinician).unwrap();
    let session = device.password(&device.login(clinician, None), NURSE_SECRET).unwrap();
    assert_eq!(device.may::<Limits>(session), denied(clinician, Denied::Factor));
    let same = device.code(&device.login(clinician, Some(session)), CODES[0]).unwrap();
    assert_eq!(same, session);
    assert_eq!(device.may::<Limits>(session), Ok(1));
}

#[test]
fn wrong_secrets_and_unknown_names_are_refused_alike_and_counted() {
    let (mut device, Staff { nurse, .. }) = Device::staffed();
    let nobody = PrincipalId::new(*b"nobody!!");
    for who in [nurse, nobody] {
        let refused = if who == nurse { REFUSED } else { UNKNOWN };
        for _ in 0..5 {
            assert_eq!(device.password(&device.login(who, None), b"a wrong guess"), Err(refused));
        }
        assert_eq!(refused.to_string(), REFUSED.to_string());
        let waits = device.password(&device.login(who, None), NURSE_SECRET);
        assert!(matches!(waits, Err(LoginError::Wait { ms: 1..=2_000 })), "{waits:?}");
    }
    device.now += 3_000;
    assert!(device.password(&device.login(nurse, None), NURSE_SECRET).is_ok());
    assert_eq!(device.password(&device.login(nobody, None), NURSE_SECRET), Err(UNKNOWN));
}

#[test]
fn failures_outlive_a_restart() {
    let (mut device, Staff { nurse, .. }) = Device::staffed();
    for _ in 0..5 {
        assert_eq!(device.password(&device.login(nurse, None), b"a wrong guess"), Err(REFUSED));
    }
    let mut device = device.restart();
    let waits = device.password(&device.login(nurse, None), NURSE_SECRET);
    assert!(matches!(waits, Err(LoginError::Wait { .. })), "{waits:?}");
    device.now += 3_000;
    assert!(device.password(&device.login(nurse, None), NURSE_SECRET).is_ok());
}

#[test]
fn a_code_counts_once_also_after_a_restart() {
    let (mut device, Staff { nurse, .. }) = Device::staffed();
    assert!(device.code(&device.login(nurse, None), CODES[1]).is_ok());
    assert_eq!(device.code(&device.login(nurse, None), CODES[1]), Err(REFUSED));
    assert_eq!(device.code(&device.login(nurse, None), CODES[0]), Err(REFUSED));
    let mut device = device.restart();
    assert_eq!(device.code(&device.login(nurse, None), CODES[1]), Err(REFUSED));
    assert!(device.code(&device.login(nurse, None), CODES[2]).is_ok());
}

#[test]
fn a_token_answers_once_and_for_its_person() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    assert!(device.token(&device.login(admin, None), 1).is_ok());
    assert_eq!(device.token(&device.login(admin, None), 2), Err(REFUSED));
    assert_eq!(device.token(&device.login(nurse, None), 1), Err(REFUSED), "of another");
    let login = device.login(admin, None);
    let answered = device.auth.token(&mut device.part, &login, &[0; 64]);
    assert_eq!(answered, Err(REFUSED), "nothing was asked");
}

#[test]
fn a_factor_is_added_to_the_session_of_its_person_only() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    let session = device.password(&device.login(nurse, None), NURSE_SECRET).unwrap();
    let stolen = device.token(&device.login(admin, Some(session)), 1);
    assert_eq!(stolen, Err(LoginError::Refused(LoginRefused::NotAllowed)));
}

#[test]
fn sessions_end_and_nothing_is_permitted_in_them() {
    let (mut device, Staff { nurse, .. }) = Device::staffed();
    device.now = 10_000_000;
    while device.ended().is_some() {}
    let gone: Result<u32, Refused> = Err(Refused { by: PrincipalId::DEVICE, why: Why::Session });
    for (why, idle_ms) in [
        (SessionEnd::Idle, 600_000),
        (SessionEnd::Clock, 0),
        (SessionEnd::LoggedOut, 1),
        (SessionEnd::Lifecycle, 1),
    ] {
        device.now = 10_000_000;
        let session = device.password(&device.login(nurse, None), NURSE_SECRET).unwrap();
        assert_eq!(device.may::<Rate>(session), Ok(1));
        match why {
            SessionEnd::Clock => device.now -= 1,
            SessionEnd::LoggedOut => device.auth.sessions().end(session, why).unwrap(),
            SessionEnd::Lifecycle => device.live(Change::BeginMaintenance),
            SessionEnd::Idle | _ => device.now += idle_ms,
        }
        assert_eq!(device.may::<Rate>(session), gone, "{why:?}");
        let ended = device.ended().unwrap();
        assert_eq!((ended.id, ended.by, ended.why), (session, nurse, why));
        assert_eq!(device.ended(), None);
    }
    let session = device.password(&device.login(nurse, None), NURSE_SECRET).unwrap();
    assert_eq!(device.may::<Rate>(session), denied(nurse, Denied::Lifecycle));
}

#[test]
fn a_session_is_over_however_busy() {
    let (mut device, Staff { nurse, .. }) = Device::staffed();
    let session = device.password(&device.login(nurse, None), NURSE_SECRET).unwrap();
    let start = device.now;
    while device.now < start + 8 * 3_600_000 {
        assert_eq!(device.may::<Rate>(session), Ok(1));
        device.now += 590_000;
    }
    assert!(device.may::<Rate>(session).is_err());
}

#[test]
fn a_locked_session_goes_on_for_its_person() {
    let (mut device, Staff { nurse, .. }) = Device::staffed();
    let session = device.password(&device.login(nurse, None), NURSE_SECRET).unwrap();
    let now = device.at();
    let _ = device.auth.sessions().lock(session, now).unwrap();
    assert!(device.may::<Rate>(session).is_err());
    assert_eq!(
        device.password(&device.login(nurse, Some(session)), b"a wrong guess"),
        Err(REFUSED)
    );
    assert!(device.may::<Rate>(session).is_err());
    let _ = device.password(&device.login(nurse, Some(session)), NURSE_SECRET).unwrap();
    assert_eq!(device.may::<Rate>(session), Ok(1));
}

#[test]
fn an_emergency_needs_nobody_but_somebody_and_ends() {
    let (mut device, _) = Device::staffed();
    device.book.is_dead = true;
    let before = device.auth.sessions().list().count();
    let at = device.at();
    let none = device.auth.grant_in_emergency::<Rate, _>(3, &mut device.book, at);
    assert!(none.is_err(), "without an emergency");
    let presence = Presence::ask(&mut Key, at).unwrap();
    device.call_emergency(presence).unwrap();
    let granted = device.auth.grant_in_emergency::<Rate, _>(3, &mut device.book, at);
    assert_eq!(granted.unwrap().exercise(at), Ok(3));
    assert!(device.auth.is_unrecorded() && device.auth.emergencies().is_review_due());
    // It gives no session, and nothing but what it is for.
    let sessions = device.auth.sessions().list().count();
    assert_eq!(sessions, before);
    device.now += EMERGENCY_MS;
    let at = device.at();
    let late = device.auth.grant_in_emergency::<Rate, _>(3, &mut device.book, at);
    assert!(late.is_err());
    assert_eq!(device.auth.emergencies().poll(at).unwrap().value(), 1);
}

#[test]
fn an_emergency_knows_a_press_that_is_old_and_a_device_that_treats_nobody() {
    let (mut device, _) = Device::staffed();
    let old = Presence::ask(&mut Key, device.at()).unwrap();
    device.now += 30_000;
    let called = device.call_emergency(old);
    assert_eq!(called, Err(EmergencyError::Presence));
    device.live(Change::Sanitize);
    let presence = Presence::ask(&mut Key, device.at()).unwrap();
    assert_eq!(device.call_emergency(presence), Err(EmergencyError::Lifecycle));
}

#[test]
fn without_stores_nobody_logs_in_and_an_emergency_works() {
    let (mut device, Staff { nurse, .. }) = Device::staffed();
    device.lose_stores();
    let login = device.login(nurse, None);
    let fault = Err(LoginError::Refused(LoginRefused::Fault));
    assert_eq!(device.password(&login, NURSE_SECRET), fault);
    assert_eq!(device.token(&login, 1), fault);
    let presence = Presence::ask(&mut Key, device.at()).unwrap();
    device.call_emergency(presence).unwrap();
    let at = device.at();
    let granted = device.auth.grant_in_emergency::<Rate, _>(4, &mut device.book, at);
    assert_eq!(granted.unwrap().exercise(at), Ok(4));
}

#[test]
fn an_emergency_is_due_for_review_until_somebody_who_may_has_done_it() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    let auditor = device.enrol(admin, WardRole::Auditor).unwrap();
    let presence = Presence::ask(&mut Key, device.at()).unwrap();
    device.call_emergency(presence).unwrap();
    device.now += EMERGENCY_MS;
    for (who, may) in [(nurse, false), (auditor, true)] {
        let session = device.password(&device.login(who, None), NURSE_SECRET).unwrap();
        let situation = device.situation();
        let grant = device.auth.grant::<Review, _>(session, &situation, Reviewed, &mut device.book);
        assert_eq!(grant.is_ok(), may);
        assert!(device.auth.emergencies().is_review_due());
        let Ok(grant) = grant else { continue };
        assert!(!device.auth.emergencies().is_open(situation.now));
        device.auth.reviewed(grant, situation.now).unwrap();
    }
    assert!(!device.auth.emergencies().is_review_due());
}

#[test]
fn nobody_gives_a_role_that_his_own_does_not_assign() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    let session = device.admin_session(admin);
    let none = Credentials::default();
    let matron = PersonChange::Enrol { role: WardRole::Matron.number(), flags: Flags::NONE };
    assert_eq!(device.manage(session, matron, &none).err(), Some(PeopleError::Role));
    let unknown = PersonChange::Enrol { role: 200, flags: Flags::NONE };
    assert_eq!(device.manage(session, unknown, &none).err(), Some(PeopleError::Role));
    // One factor is not enough, and a nurse manages nobody.
    let one = device.password(&device.login(admin, None), ADMIN_SECRET).unwrap();
    let remove = PersonChange::Remove { person: nurse };
    let lacks = Refused { by: admin, why: Why::Denied(Denied::Factor) };
    assert_eq!(device.manage(one, remove, &none).err(), Some(PeopleError::Refused(lacks)));
    let session = device.password(&device.login(nurse, None), NURSE_SECRET).unwrap();
    let refused = device.manage(session, remove, &none).err();
    assert!(matches!(refused, Some(PeopleError::Refused(_))), "{refused:?}");
}

#[test]
fn who_is_removed_has_no_session_and_gets_none() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    let open = device.password(&device.login(nurse, None), NURSE_SECRET).unwrap();
    let session = device.admin_session(admin);
    let remove = PersonChange::Remove { person: nurse };
    let pending = device.manage(session, remove, &Credentials::default()).unwrap();
    let _ = device.finish(pending).unwrap();
    assert!(device.may::<Rate>(open).is_err());
    assert_eq!(device.password(&device.login(nurse, None), NURSE_SECRET), Err(UNKNOWN));
    // The administrator is the last one.
    let remove = PersonChange::Remove { person: admin };
    let pending = device.manage(session, remove, &Credentials::default()).unwrap();
    assert_eq!(device.finish(pending), Err(PeopleError::Store(Refusal::LastOfRole)));
}

#[test]
fn a_secret_that_another_has_set_opens_its_change_only() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    let session = device.admin_session(admin);
    let set = device.knowledge(nurse, b"as the administrator says");
    let change = PersonChange::Update { person: nurse, flags: Flags::MUST_CHANGE };
    let pending = device.manage(session, change, &set).unwrap();
    let _ = device.finish(pending).unwrap();
    let session =
        device.password(&device.login(nurse, None), b"as the administrator says").unwrap();
    assert_eq!(device.may::<Rate>(session), denied(nurse, Denied::Role));
    let pending = device.change_own(session, nurse, b"what only the nurse knows").unwrap();
    let _ = device.finish(pending).unwrap();
    assert!(device.may::<Rate>(session).is_err(), "the session has ended");
    assert_eq!(
        device.password(&device.login(nurse, None), b"as the administrator says"),
        Err(REFUSED)
    );
    let session =
        device.password(&device.login(nurse, None), b"what only the nurse knows").unwrap();
    assert_eq!(device.may::<Rate>(session), Ok(1));
}

#[test]
fn the_first_person_is_enrolled_once_and_manages_people() {
    let mut device = Device::new();
    for role in [WardRole::Nurse, WardRole::Auditor] {
        let first =
            device.auth.enrol_first::<bench::Ward, _>(&mut device.part, role.number(), ([1; 4], 1));
        assert_eq!(first.err(), Some(PeopleError::Role));
    }
    let (mut device, Staff { nurse, .. }) = Device::staffed();
    let role = WardRole::Administrator.number();
    let second = device.auth.enrol_first::<bench::Ward, _>(&mut device.part, role, ([1; 4], 1));
    assert_eq!(second.err(), Some(PeopleError::Role));
    let none = Credentials::default();
    let bare = Device::new().auth.equip_first(&mut device.part, nurse, &none);
    assert!(bare.is_err());
    let equipped = device.auth.equip_first(&mut device.part, nurse, &none);
    assert_eq!(equipped.err(), Some(PeopleError::Role));
}
