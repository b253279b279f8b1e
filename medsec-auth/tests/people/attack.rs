//! What must not work. Each test states the rule; it fails where the rule is broken.

use medsec_auth::authenticator::{Login, LoginError, Place};
use medsec_auth::credential::{ChangeError, Credentials, Flags};
use medsec_auth::event::LoginRefused;
use medsec_auth::factor::otp::{Digits, Hash, Moving, Otp, Settings};
use medsec_auth::factor::token::{Intent, Request};
use medsec_auth::hal::Presence;
use medsec_auth::people::PersonChange;
use medsec_core::event::PrincipalId;
use medsec_core::flash::cell::Progress;
use medsec_core::key::Context;
use medsec_core::lifecycle::{Change, State};
use medsec_core::time::Pause;

use crate::Key;
use crate::bench::{ADMIN_SECRET, DEVICE, Device, NURSE_SECRET, Rate, Staff, WardRole, token_key};

#[test]
fn a_password_alone_enrols_no_token_of_the_thiefs() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    // The thief knows the administrator's password, and has not his token.
    let session = device.password(&device.login(admin, None), ADMIN_SECRET).unwrap();
    let pending = device.change_own(session, admin, b"a long sentence of a thief").unwrap();
    let _ = device.finish(pending).unwrap();
    let session =
        device.password(&device.login(admin, None), b"a long sentence of a thief").unwrap();
    assert!(device.token(&device.login(admin, Some(session)), 9).is_err(), "a token of his own");
    let remove = PersonChange::Remove { person: nurse };
    assert!(
        device.manage(session, remove, &Credentials::default()).is_err(),
        "one factor became two"
    );
}

#[test]
fn an_answer_for_another_act_opens_no_session() {
    let (mut device, Staff { admin, .. }) = Device::staffed();
    for intent in [Intent::Enroll, Intent::Approve, Intent::StepUp] {
        let login = device.login(admin, None);
        let nonce = device.auth.ask_token(&mut device.random, &login, (intent, 1)).unwrap();
        let principal = *admin.bytes();
        let request =
            Request { device: DEVICE, binding: [0; 32], principal, intent, permissions: 1 };
        let answer = token_key(1).sign(Context::AuthToken, &[&request.message(&nonce)]).unwrap();
        let opened = device.auth.token(&mut device.part, &login, &answer);
        assert!(opened.is_err(), "{intent:?} of one permission opened a session");
    }
}

#[test]
fn the_last_administrator_keeps_the_two_factors_that_managing_needs() {
    let (mut device, Staff { admin, .. }) = Device::staffed();
    let session = device.admin_session(admin);
    let only = device.knowledge(admin, ADMIN_SECRET);
    let change = PersonChange::Update { person: admin, flags: Flags::NONE };
    let Ok(pending) = device.manage(session, change, &only) else { return };
    assert!(device.finish(pending).is_err(), "nobody manages people any more");
}

#[test]
fn a_change_that_was_begun_before_does_not_open_again_who_was_disabled() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    let open = device.password(&device.login(nurse, None), NURSE_SECRET).unwrap();
    let stale = device.change_own(open, nurse, b"what only the nurse knows").unwrap();
    let session = device.admin_session(admin);
    let change = PersonChange::Update { person: nurse, flags: Flags::DISABLED };
    let kept = device.knowledge(nurse, NURSE_SECRET);
    let disabled = device.manage(session, change, &kept).unwrap();
    let _ = device.finish(disabled).unwrap();
    assert!(device.password(&device.login(nurse, None), NURSE_SECRET).is_err());
    let mut stale = stale;
    let mut lender = ();
    let pause = Pause::lend(&mut lender, 1);
    let refused = device.auth.step_change(&mut device.part, &pause, &mut stale);
    assert_eq!(refused, Err(ChangeError::Over));
    let again = device.password(&device.login(nurse, None), b"what only the nurse knows");
    assert!(again.is_err(), "disabled, and back");
}

#[test]
fn who_is_at_the_device_always_gets_a_session() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    let mut all = vec![nurse];
    for _ in 0..4 {
        let next = device.enrol(admin, WardRole::Nurse).unwrap();
        all.push(next);
    }
    device.now += 3_600_000;
    for who in all {
        let session = device.password(&device.login(who, None), NURSE_SECRET);
        assert!(session.is_ok(), "{session:?}");
    }
}

#[test]
fn a_code_that_needs_the_time_stops_nobody_else_where_there_is_no_time() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    let session = device.admin_session(admin);
    let moving = Moving::Time { period_seconds: 30, window: 1 };
    let settings = Settings::new(moving, Hash::Sha1, Digits::Six).unwrap();
    let otp = Otp::import(settings, b"12345678901234567890").unwrap();
    let both =
        Credentials { one_time: Some(otp.encode()), ..device.knowledge(nurse, NURSE_SECRET) };
    let change = PersonChange::Update { person: nurse, flags: Flags::NONE };
    let pending = device.manage(session, change, &both).unwrap();
    let _ = device.finish(pending).unwrap();
    for _ in 0..3 {
        assert!(device.code(&device.login(nurse, None), b"000000").is_err());
    }
    let session = device.password(&device.login(admin, None), ADMIN_SECRET);
    assert!(session.is_ok(), "three codes of anybody's stop all logins: {session:?}");
}

#[test]
fn a_change_of_life_that_was_recorded_in_another_part_is_not_stored() {
    let (mut device, _) = Device::staffed();
    let life = device.auth.lifecycle();
    let mut record = |change| {
        life.change(change, PrincipalId::DEVICE).unwrap().record(&mut device.book).unwrap()
    };
    let (erase, stale) = (record(Change::Sanitize), record(Change::BeginMaintenance));
    for recorded in [&erase, &stale] {
        if device.auth.begin_lifecycle(recorded).is_err() {
            return;
        }
        let mut lender = ();
        let pause = Pause::lend(&mut lender, 1);
        while device.auth.step(&mut device.part, &pause).unwrap() != Progress::Done {}
    }
    assert_eq!(device.auth.lifecycle().state(), Ok(State::Sanitizing), "it went back");
}

#[test]
fn who_was_removed_has_no_session_whatever_fails_then() {
    let mut removed = 0;
    for operation in 1..60 {
        let (mut device, Staff { admin, nurse }) = Device::staffed();
        let open = device.password(&device.login(nurse, None), NURSE_SECRET).unwrap();
        let session = device.admin_session(admin);
        let remove = PersonChange::Remove { person: nurse };
        let mut pending = device.manage(session, remove, &Credentials::default()).unwrap();
        device.part.fail_after(operation);
        let mut lender = ();
        let pause = Pause::lend(&mut lender, 1);
        let result = loop {
            match device.auth.step_change(&mut device.part, &pause, &mut pending) {
                Ok(Progress::Done) => break Ok(()),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        let login = device.login(nurse, None);
        let is_gone = matches!(
            device.password(&login, NURSE_SECRET),
            Err(LoginError::Refused(LoginRefused::Wrong | LoginRefused::Unknown))
        );
        if is_gone {
            removed += 1;
            let may = device.may::<Rate>(open);
            assert!(may.is_err(), "operation {operation}: {result:?}, and he goes on");
        }
    }
    assert!(removed > 0);
}

#[test]
fn a_new_person_starts_with_codes_of_his_own() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    for code in [&b"287082"[..], b"359152", b"969429"] {
        let _ = device.code(&device.login(nurse, None), code).unwrap();
    }
    let session = device.admin_session(admin);
    let remove = PersonChange::Remove { person: nurse };
    let pending = device.manage(session, remove, &Credentials::default()).unwrap();
    let _ = device.finish(pending).unwrap();
    let next = device.enrol(admin, WardRole::Nurse).unwrap();
    assert_ne!(next, nurse);
    let session = device.code(&device.login(next, None), b"287082");
    assert!(session.is_ok(), "the steps of who was removed are counted as his: {session:?}");
}

#[test]
fn what_is_refused_is_not_recorded_as_done() {
    let (mut device, Staff { admin, .. }) = Device::staffed();
    let session = device.admin_session(admin);
    let before = device.book.ids.len();
    let matron = PersonChange::Enrol { role: WardRole::Matron.number(), flags: Flags::NONE };
    assert!(device.manage(session, matron, &Credentials::default()).is_err());
    let nobody = PersonChange::Remove { person: PrincipalId::new(*b"J. Smith") };
    assert!(device.manage(session, nobody, &Credentials::default()).is_err());
    assert_eq!(device.book.ids[before..], [], "recorded, and not done");
}

#[test]
fn who_changes_his_own_secret_is_in_the_log_first() {
    let (mut device, Staff { nurse, .. }) = Device::staffed();
    let session = device.password(&device.login(nurse, None), NURSE_SECRET).unwrap();
    let before = device.book.ids.len();
    let pending = device.change_own(session, nurse, b"what only the nurse knows").unwrap();
    let _ = device.finish(pending).unwrap();
    assert!(device.book.ids.len() > before, "changed without a record");
}

#[test]
fn a_question_to_one_is_not_taken_away_by_another() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    let login = device.login(admin, None);
    let nonce = device.auth.ask_token(&mut device.random, &login, (Intent::LogIn, 0)).unwrap();
    let other = device.login(nurse, None);
    let _ = device.auth.token(&mut device.part, &other, &[0; 64]);
    let principal = *admin.bytes();
    let intent = Intent::LogIn;
    let request = Request { device: DEVICE, binding: [0; 32], principal, intent, permissions: 0 };
    let answer = token_key(1).sign(Context::AuthToken, &[&request.message(&nonce)]).unwrap();
    assert!(device.auth.token(&mut device.part, &login, &answer).is_ok());
}

#[test]
fn an_emergency_ends_when_the_clock_goes_back() {
    let (mut device, _) = Device::staffed();
    let presence = Presence::ask(&mut Key, device.at()).unwrap();
    device.call_emergency(presence).unwrap();
    device.now += 14 * 60_000;
    let at = device.at();
    assert!(device.auth.emergencies().is_open(at));
    device.now -= 13 * 60_000;
    let at = device.at();
    assert!(!device.auth.emergencies().is_open(at), "13 more minutes");
}

#[test]
fn whoever_proves_another_name_from_afar_costs_this_one_nothing() {
    use crate::fixtures::{HOLDER, OWNER, TODAY, agreement, anchor, claims, signed};
    use medsec_auth::lockout::{Class, Factor, Row};
    use medsec_core::identity::certificate::Kind;
    use medsec_core::identity::peer::LinkAuthority;
    use medsec_core::identity::trust::{Origin, Stage, Trust};
    let (mut device, Staff { nurse, .. }) = Device::staffed();
    let authority = LinkAuthority::take(&mut device.random).unwrap();
    let certificate = signed(claims(Kind::Person, OWNER), HOLDER, OWNER);
    let anchors = [anchor(Origin::Owner, OWNER)];
    let trust = Trust::new(&anchors, &[], &[]).unwrap();
    let trusted = trust.judge(&certificate, TODAY, Stage::Service).unwrap();
    let peer = authority.prove(&trusted, &agreement(HOLDER).to_bytes(), [7; 32]).unwrap();
    assert_ne!(peer.claims().subject.first_chunk(), Some(nurse.bytes()));
    let mut last = None;
    for _ in 0..10 {
        device.now += 1_000_000;
        let now = device.at();
        let login = Login { who: nurse, place: Place::Remote(&peer), session: None, now };
        last = Some(device.password(&login, b"a wrong guess"));
    }
    let _ = (Class::Remote, Factor::Knowledge, Row::GHOST);
    device.now += 1_000_000;
    let now = device.at();
    let login = Login { who: nurse, place: Place::Remote(&peer), session: None, now };
    let after = device.password(&login, NURSE_SECRET);
    assert_ne!(
        after,
        Err(LoginError::Refused(LoginRefused::Disabled)),
        "{last:?}: another's certificate has locked the nurse out from afar"
    );
}

#[test]
fn the_log_learns_that_nobody_has_the_name() {
    let (mut device, _) = Device::staffed();
    let who = PrincipalId::new(*b"pa55word");
    let failed = device.password(&device.login(who, None), b"a wrong guess");
    assert_eq!(failed, Err(LoginError::Refused(LoginRefused::Unknown)));
}

#[test]
fn a_change_that_is_in_force_is_not_called_over_while_the_counts_are_busy() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    let session = device.admin_session(admin);
    let credentials = device.knowledge(nurse, b"another secret of the nurse");
    let change = PersonChange::Update { person: nurse, flags: Flags::NONE };
    let mut pending = device.manage(session, change, &credentials).unwrap();
    let mut lender = ();
    let pause = Pause::lend(&mut lender, 1);
    let _ = device.auth.step_change(&mut device.part, &pause, &mut pending).unwrap();
    let transition = device.auth.lifecycle().change(Change::BeginMaintenance, PrincipalId::DEVICE);
    let recorded = transition.unwrap().record(&mut device.book).unwrap();
    device.auth.begin_lifecycle(&recorded).unwrap();
    let mut lender = ();
    let pause = Pause::lend(&mut lender, 1);
    let ended = loop {
        match device.auth.step_change(&mut device.part, &pause, &mut pending) {
            Ok(Progress::Done) => break Ok(()),
            Ok(_) => {}
            Err(error) => break Err(error),
        }
    };
    assert_eq!(ended, Ok(()), "in force, and called over");
}

#[test]
fn what_counts_after_a_store_that_failed_counts_after_a_restart() {
    let mut seen = 0;
    for operation in 1..12 {
        let (mut device, _) = Device::staffed();
        let transition =
            device.auth.lifecycle().change(Change::BeginMaintenance, PrincipalId::DEVICE);
        let recorded = transition.unwrap().record(&mut device.book).unwrap();
        device.auth.begin_lifecycle(&recorded).unwrap();
        device.part.fail_after(operation);
        let mut lender = ();
        let pause = Pause::lend(&mut lender, 1);
        let failed = loop {
            match device.auth.step(&mut device.part, &pause) {
                Ok(Progress::Done) => break false,
                Ok(_) => {}
                Err(_) => break true,
            }
        };
        if !failed {
            break;
        }
        seen += 1;
        let before = device.auth.lifecycle();
        let device = device.restart();
        let after = device.auth.lifecycle();
        let is_safe = before == after || before.state().is_err();
        assert!(is_safe, "operation {operation}: {before:?}, then {after:?}");
    }
    assert!(seen > 0);
}

#[test]
fn a_login_says_that_it_has_to_wait_while_people_are_changed() {
    let (mut device, Staff { admin, nurse }) = Device::staffed();
    let session = device.admin_session(admin);
    let change = PersonChange::Update { person: nurse, flags: Flags::NONE };
    let credentials = device.knowledge(nurse, NURSE_SECRET);
    let mut pending = device.manage(session, change, &credentials).unwrap();
    let mut lender = ();
    let pause = Pause::lend(&mut lender, 1);
    for _ in 0..25 {
        let _ = device.auth.step_change(&mut device.part, &pause, &mut pending).unwrap();
    }
    drop(pending);
    let login = device.login(admin, None);
    let during = device.password(&login, ADMIN_SECRET);
    assert_ne!(during, Err(LoginError::Refused(LoginRefused::Fault)), "busy, and called a fault");
}
