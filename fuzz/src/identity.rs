//! Certificates and issuer states from anywhere, and what issuers who keep no rule sign.

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{
    Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned, WireCertificate,
};
use medsec_core::identity::issuer_state::{IssuerRecord, IssuerState, Revoking, STATE_BYTES_MAX};
use medsec_core::identity::permit::Actions;
use medsec_core::identity::trust::{Anchor, Origin, Stage, Today, Trust, Trusted};
use medsec_core::key::{DeviceKey, device_id};

use crate::input::Input;

const OPEN: Anchored = Anchored { kinds: 0xff, roles: 0xff, scope: NO_SCOPE, model: 0, epoch: 0 };

/// What an anchor is limited to.
#[derive(Clone, Copy)]
struct Anchored {
    /// Bit n is the kind at index n of all.
    kinds: u8,
    roles: u8,
    scope: [u8; 8],
    model: u32,
    epoch: u32,
}

fn key(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

fn kinds(bits: u8) -> Kinds {
    let listed = |(index, kind): (usize, &Kind)| (bits >> index & 1 == 1).then_some(*kind);
    Kinds::of(&Kind::ALL.iter().enumerate().filter_map(listed).collect::<Vec<_>>())
}

fn anchor(origin: Origin, byte: u8, limits: &Anchored) -> Anchor {
    Anchor {
        origin,
        key: key(byte).public(),
        may_issue: kinds(limits.kinds),
        roles: limits.roles,
        scope: limits.scope,
        model: limits.model,
        min_epoch: limits.epoch,
        permits: Actions::NONE,
    }
}

/// Certificates and states: one encoding, no signature that nobody made, and no more power than was given.
pub(crate) fn certificate(data: &[u8]) {
    let mut input = Input::new(data);
    match input.below(4) {
        0 => read_certificate(input.rest()),
        1 => read_state(input.rest()),
        2 => issued(&mut input),
        _ => states(&mut input),
    }
}

fn read_certificate(bytes: &[u8]) {
    let anchors = [anchor(Origin::Maker, 0xA0, &OPEN), anchor(Origin::Owner, 0xA1, &OPEN)];
    let today = Today { floor: Day::FIRST, clock: None };
    if let Ok(parsed) = Certificate::parse(bytes) {
        assert_eq!(parsed.to_bytes(), bytes);
        let proven = parsed.agreement_key().map_or([0; 32], |key| key.to_bytes());
        let wire = WireCertificate::parse(&parsed.to_wire()).expect("it has the length");
        let completed = wire.complete(&proven);
        assert_eq!(completed.ok(), (parsed.claims().kind != Kind::Issuer).then_some(parsed));
        let trust = Trust::new(&anchors, &[], &[]).expect("two keys");
        assert!(trust.judge(&parsed, today, Stage::Production).is_err(), "nobody signed it");
        assert_eq!(
            Trust::new(&anchors, &[parsed], &[]).is_ok(),
            parsed.claims().kind == Kind::Issuer
        );
    }
    if let Ok(wire) = WireCertificate::parse(bytes) {
        let other = AgreementSecret::from_bytes(Secret::new([7; 32])).public().to_bytes();
        if let Ok(parsed) = wire.complete(&other) {
            assert_eq!(parsed.to_wire(), bytes);
        }
    }
}

fn read_state(bytes: &[u8]) {
    let Ok(parsed) = IssuerState::parse(bytes) else { return };
    let mut buffer = [0; STATE_BYTES_MAX];
    assert_eq!(parsed.to_bytes(&mut buffer), bytes);
    assert!(parsed.verify(&key(0xA0).public()).is_err(), "nobody signed it");
    let rising: Vec<u32> = parsed.revoked().collect();
    assert!(rising.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(rising.first() != Some(&0));
}

fn claims(input: &mut Input<'_>, kind: Kind, issuer: [u8; 8], holder: &DeviceKey) -> Claims {
    let model = input.below(3);
    let is_device = kind == Kind::Device;
    Claims {
        kind,
        suites: input.u8() & 3,
        is_test: input.u8() & 15 == 1,
        serial: input.number(),
        issuer,
        epoch: if is_device { 0 } else { input.below(4) },
        not_before: Day::of(u16::from(input.u8())),
        not_after: Day::of(u16::from(input.u8()) << (input.u8() & 8)),
        roles: input.u8(),
        may_issue: if kind == Kind::Issuer { kinds(input.u8() & 0x1f) } else { Kinds::NONE },
        model,
        scope: [input.below(3) as u8; 8],
        subject: if is_device { device_id(model, &holder.public()) } else { [1; 16] },
    }
}

fn signed(claims: Claims, holder: &DeviceKey, issuer: &DeviceKey) -> Option<Certificate> {
    let agreement = AgreementSecret::from_bytes(Secret::new([7; 32])).public();
    let public = holder.public();
    let made = Unsigned::new(
        claims,
        (claims.kind != Kind::Issuer).then_some(&agreement),
        (claims.kind != Kind::Recipient).then_some(&public),
    );
    let certificate = made.ok()?.sign(issuer).expect("a certificate is short enough");
    assert_eq!(Certificate::parse(&certificate.to_bytes()), Ok(certificate));
    Some(certificate)
}

/// An anchor, an issuer below it and a holder, all with drawn claims: judged as the rules read one by one.
fn issued(input: &mut Input<'_>) {
    let origin = if input.bool() { Origin::Maker } else { Origin::Owner };
    let limits = Anchored {
        kinds: input.u8() & 0x3f,
        roles: input.u8(),
        scope: [input.below(3) as u8; 8],
        model: input.below(3),
        epoch: input.below(4),
    };
    let anchors = [anchor(origin, 1, &limits)];
    let (root, middle, holder) = (key(1), key(2), key(3));
    let clock = Day::of(u16::from(input.u8())).filter(|_| input.bool());
    let today = Today { floor: Day::of(u16::from(input.u8() & 0x3f)).expect("a day"), clock };
    let stage = if input.bool() { Stage::Production } else { Stage::Service };
    let is_direct = input.bool();
    let between = claims(input, Kind::Issuer, root.public().kid(), &middle);
    let between = if is_direct { None } else { signed(between, &middle, &root) };
    let issuers: Vec<Certificate> = between.into_iter().collect();
    let issuer = if between.is_some() { &middle } else { &root };
    let kind = Kind::ALL[input.below(6) as usize];
    let leaf = claims(input, kind, issuer.public().kid(), &holder);
    let Some(leaf) = signed(leaf, &holder, issuer) else { return };
    let again =
        Unsigned::new(*leaf.claims(), leaf.agreement_key().as_ref(), leaf.signing_key().as_ref());
    let forged = again.expect("it parsed").with_signature(input.array(), &issuer.public());
    assert!(forged.is_err(), "nobody signed it");
    let trust = Trust::new(&anchors, &issuers, &[]).expect("two keys");
    let judged = trust.judge(&leaf, today, stage);
    let own = match origin {
        Origin::Maker => [Kind::Device, Kind::Service, Kind::Station, Kind::Issuer],
        _ => [Kind::Device, Kind::Person, Kind::Recipient, Kind::Issuer],
    };
    let now = clock.map_or(today.floor, |clock| clock.max(today.floor));
    // What holds for any certificate, whoever issued it.
    let is_current = |claims: &Claims| {
        claims.not_after.is_none_or(|last| last >= now)
            && (clock.is_none() || claims.not_before.is_none_or(|first| first <= now))
            && (stage == Stage::Production || !(claims.is_test || claims.kind == Kind::Station))
    };
    let by_anchor = |claims: &Claims| {
        own.contains(&claims.kind)
            && anchors[0].may_issue.has(claims.kind)
            && claims.roles & limits.roles == claims.roles
            && (limits.scope == NO_SCOPE || claims.scope == limits.scope)
            && (limits.model == 0 || claims.model == limits.model)
            && (claims.kind == Kind::Device || claims.epoch >= limits.epoch)
            && is_current(claims)
    };
    let claims = leaf.claims();
    let holds = between.map_or_else(
        || by_anchor(claims),
        |between| {
            let above = between.claims();
            let gives = Kind::ALL.into_iter().filter(|kind| above.may_issue.has(*kind));
            by_anchor(above)
                && gives
                    .into_iter()
                    .all(|kind| own.contains(&kind) && anchors[0].may_issue.has(kind))
                && above.may_issue.has(claims.kind)
                && claims.roles & above.roles == claims.roles
                && (above.scope == NO_SCOPE || claims.scope == above.scope)
                && (above.model == 0 || claims.model == above.model)
                && above
                    .not_after
                    .is_none_or(|limit| claims.not_after.is_some_and(|end| end <= limit))
                && is_current(claims)
        },
    );
    assert_eq!(judged.is_ok(), holds, "{judged:?}");
}

/// States in any order and by any witness: nothing that was revoked comes back.
fn states(input: &mut Input<'_>) {
    let issuer = key(2);
    let (kid, holder) = (issuer.public().kid(), key(3));
    let limits = Anchored { kinds: 0x3f, ..OPEN };
    let anchors = [anchor(Origin::Owner, 2, &limits)];
    let trust = Trust::new(&anchors, &[], &[]).expect("one key");
    let today = Today { floor: Day::FIRST, clock: None };
    let mut kept: Option<IssuerRecord> = None;
    for _ in 0..6 {
        if input.is_empty() {
            break;
        }
        let serials: Vec<u32> = (1..=8).filter(|_| input.bool()).collect();
        let revoking = Revoking {
            day: Day::FIRST,
            number: u32::from(input.u8()) + 1,
            min_epoch: input.below(5),
            min_permit: input.below(4),
            revoked: &serials,
        };
        let state = IssuerState::sign(&revoking, &issuer).expect("they rise");
        let witness: Option<Trusted> = input.bool().then(|| {
            let mut claims = claims(input, Kind::Person, kid, &holder);
            (claims.suites, claims.serial, claims.is_test) = (1, input.below(10) + 1, false);
            (claims.not_before, claims.not_after) = (None, None);
            let certificate = signed(claims, &holder, &issuer).expect("it is sound");
            trust.judge(&certificate, today, Stage::Service).expect("it holds")
        });
        let next = IssuerRecord::after(kept.as_ref(), &state, &issuer.public(), witness.as_ref());
        let Ok(next) = next else { continue };
        if let Some(before) = kept {
            assert!(next.state().number() > before.state().number());
            assert!(next.min_epoch() >= before.min_epoch());
            assert!(next.state().min_permit() >= before.state().min_permit());
            let is_new_epoch = next.min_epoch() > before.min_epoch();
            let mut old = before.state().revoked();
            let keeps = old.all(|serial| next.state().revoked().any(|other| other == serial));
            assert!(keeps || is_new_epoch, "a serial that is revoked no more");
            if is_new_epoch {
                let claims = witness.expect("an epoch needs a witness");
                let claims = claims.certificate().claims();
                assert!(claims.epoch >= next.min_epoch(), "the witness is shut out");
                assert!(serials.iter().all(|serial| *serial != claims.serial));
            }
        }
        kept = Some(next);
    }
}

/// Inputs that are real, and scripts for the rest.
pub(crate) fn seeds(mut drawn: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    for (turn, script) in (0..).zip(&mut drawn) {
        if let Some(first) = script.first_mut() {
            *first = 2 + turn % 2;
        }
    }
    let mut script = Input::new(&[5; 128]);
    for kind in Kind::ALL {
        let mut claims = claims(&mut script, kind, [3; 8], &key(3));
        (claims.roles, claims.is_test) = (3, false);
        let certificate = signed(claims, &key(3), &key(1)).expect("it is sound");
        drawn.push([&[0], &certificate.to_bytes()[..]].concat());
        drawn.push([&[0], &certificate.to_wire()[..]].concat());
    }
    for revoked in [&[][..], &[1, 2, 9]] {
        let revoking =
            Revoking { day: Day::FIRST, number: 1, min_epoch: 2, min_permit: 3, revoked };
        let state = IssuerState::sign(&revoking, &key(1)).expect("they rise");
        let mut buffer = [0; STATE_BYTES_MAX];
        drawn.push([&[1], state.to_bytes(&mut buffer)].concat());
    }
    drawn
}
