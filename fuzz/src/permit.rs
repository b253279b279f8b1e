//! Permits from anywhere, and what signers who keep no rule sign, judged as the rules read one by one.

use medsec_core::Secret;
use medsec_core::agreement::{AgreementKey, AgreementSecret};
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::issuer_state::{IssuerRecord, IssuerState, Revoking};
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::identity::permit::desk::{Desk, Here, Holder, Permitted, Refused};
use medsec_core::identity::permit::{
    self, Action, Actions, Binding, PERMIT_BYTES_MAX, Permit, Terms,
};
use medsec_core::identity::trust::{Anchor, Origin, Stage, Today, Trust};
use medsec_core::key::{Context, DeviceKey, permit_run};
use medsec_core::rng::Random;
use medsec_core::time::Ticks;
use medsec_sim::rng::{Behaviour, Noise};

use crate::input::Input;

const DEVICE: [u8; 16] = [0xD1; 16];
const SCOPE: [u8; 8] = [1; 8];
const MODEL: u32 = 1;
const LINK: [u8; 32] = [0x11; 32];

/// Keys: three of anchors that sign permits, an issuer below the first, nobody's, and the one that certifies the holder.
const FIRST: u8 = 1;
const SECOND: u8 = 2;
const OWNER: u8 = 3;
const BETWEEN: u8 = 4;
const NOBODY: u8 = 5;
const ISSUING: u8 = 6;
const SIGNERS: [u8; 6] = [FIRST, SECOND, OWNER, BETWEEN, NOBODY, ISSUING];
const HOLDER: u8 = 9;

const TODAY: Today = Today { floor: Day::FIRST, clock: None };

fn key(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

fn agreement() -> AgreementKey {
    AgreementSecret::from_bytes(Secret::new([7; 32])).public()
}

/// What is drawn of a device and of whom it trusts.
struct Drawn {
    /// Of each anchor, the actions it signs for, as bits of their codes.
    permits: [u8; 4],
    roles: u8,
    scope: [u8; 8],
    model: u32,
    /// Whether the issuer between issues service, and whether its anchor has revoked it.
    issues_service: bool,
    is_revoked: bool,
    /// The least number of permits of the first key.
    least: u32,
    delegated: u8,
    holder_roles: u8,
    is_person: bool,
    is_second_link: bool,
}

impl Drawn {
    fn new(input: &mut Input<'_>) -> Self {
        let mut permits = [0x1e; 4];
        for bits in &mut permits {
            // Mostly every action, so that more than one thing is seldom wrong.
            *bits = if input.u8() & 7 == 1 { input.u8() } else { *bits };
        }
        Self {
            permits,
            roles: if input.u8() & 7 == 1 { input.u8() } else { 0xff },
            scope: if input.u8() & 7 == 1 { [input.below(3) as u8; 8] } else { NO_SCOPE },
            model: if input.u8() & 7 == 1 { input.below(3) } else { 0 },
            issues_service: input.u8() & 7 != 1,
            is_revoked: input.u8() & 7 == 1,
            least: input.below(9),
            delegated: input.u8() & 0x1e,
            holder_roles: if input.u8() & 7 == 1 { input.u8() } else { 0x0f },
            is_person: input.u8() & 7 == 1,
            is_second_link: input.u8() & 7 == 1,
        }
    }

    fn anchors(&self) -> [Anchor; 4] {
        let [first, second, owner, issuing] = self.permits;
        let anchor = |origin, byte, permits, kinds| Anchor {
            origin,
            key: key(byte).public(),
            may_issue: kinds,
            roles: self.roles,
            scope: NO_SCOPE,
            model: 0,
            min_epoch: 0,
            permits: set(permits),
        };
        let limited = |anchor: Anchor| Anchor { scope: self.scope, model: self.model, ..anchor };
        let all = Kinds::of(&Kind::ALL);
        [
            anchor(Origin::Maker, FIRST, first, all),
            limited(anchor(Origin::Maker, SECOND, second, Kinds::NONE)),
            anchor(Origin::Owner, OWNER, owner, all),
            Anchor { roles: 0xff, ..anchor(Origin::Maker, ISSUING, issuing, all) },
        ]
    }

    /// Who has a key, whether it stands between, the actions and roles it gives; nobody, if it does not stand.
    fn power(&self, byte: u8) -> Option<(Origin, bool, u8, u8)> {
        let [first, second, owner, issuing] = self.permits;
        let fits = (self.scope == NO_SCOPE || self.scope == SCOPE)
            && (self.model == 0 || self.model == MODEL);
        match byte {
            FIRST => Some((Origin::Maker, false, first, self.roles)),
            SECOND if fits => Some((Origin::Maker, false, second, self.roles)),
            OWNER => Some((Origin::Owner, false, owner, self.roles)),
            BETWEEN if !self.is_revoked && self.issues_service => {
                // Its own roles are 0x0f, and its anchor has to have them.
                let serves = first & 1 << Action::Service.code();
                (self.roles & 0x0f == 0x0f).then_some((Origin::Maker, true, serves, 0x0f))
            }
            ISSUING => Some((Origin::Maker, false, issuing, 0xff)),
            _ => None,
        }
    }
}

fn set(bits: u8) -> Actions {
    let listed = |action: &Action| bits >> action.code() & 1 == 1;
    Actions::of(&Action::ALL.into_iter().filter(listed).collect::<Vec<_>>())
}

fn certificate(kind: Kind, holder: u8, issuer: u8, drawn: &Drawn) -> Certificate {
    let is_issuer = kind == Kind::Issuer;
    let issued = if drawn.issues_service { Kind::Service } else { Kind::Device };
    let claims = Claims {
        kind,
        suites: 1,
        is_test: false,
        serial: 5,
        issuer: key(issuer).public().kid(),
        epoch: 1,
        not_before: None,
        not_after: None,
        roles: if is_issuer { 0x0f } else { drawn.holder_roles },
        may_issue: if is_issuer { Kinds::of(&[issued]) } else { Kinds::NONE },
        model: if is_issuer { 0 } else { MODEL },
        scope: if is_issuer { NO_SCOPE } else { SCOPE },
        subject: [1; 16],
    };
    let agrees = agreement();
    let made = Unsigned::new(claims, (!is_issuer).then_some(&agrees), Some(&key(holder).public()));
    made.expect("it is sound").sign(&key(issuer)).expect("it is short")
}

/// One encoding, nothing taken that nobody signed, and of what was signed only what the rules allow.
pub(crate) fn permit(data: &[u8]) {
    let mut input = Input::new(data);
    if input.bool() {
        read(input.rest());
    } else {
        shown(&mut input);
    }
}

fn read(bytes: &[u8]) {
    let Ok(parsed) = Permit::parse(bytes) else { return };
    let mut buffer = [0; PERMIT_BYTES_MAX];
    assert_eq!(parsed.to_bytes(&mut buffer), bytes);
    assert!(is_legal(parsed.terms(), parsed.signers().count()));
    let kids: Vec<_> = parsed.signers().collect();
    assert!(kids.windows(2).all(|pair| pair[0] < pair[1]));
    // On the only device it can be for, whatever it asked.
    let anchors = Drawn::new(&mut Input::new(&[])).anchors();
    let here = here(&anchors, &[], &[], parsed.terms().device, Actions::NONE);
    let mut desk = Desk::new();
    desk.ask(parsed.terms().action, &mut random(), Ticks::from_millis(0)).expect("it is started");
    assert!(desk.take(bytes, &here, None, Ticks::from_millis(0)).is_err(), "nobody signed it");
}

fn random() -> Random<Noise> {
    let mut random = Random::new(Noise::new(Behaviour::Good, 1));
    random.start(Secret::new([1; 32]), b"").expect("the noise is good");
    random
}

fn here<'a>(
    anchors: &'a [Anchor],
    issuers: &'a [Certificate],
    records: &'a [IssuerRecord],
    device: [u8; 16],
    delegated: Actions,
) -> Here<'a> {
    Here {
        trust: Trust::new(anchors, issuers, records).expect("keys that differ"),
        today: TODAY,
        stage: Stage::Service,
        device,
        model: MODEL,
        scope: SCOPE,
        delegated,
    }
}

/// What the format says of the terms.
fn is_legal(terms: &Terms, signers: usize) -> bool {
    let (digest, mask, value) = (terms.digest != [0; 32], terms.mask, terms.value);
    let (longest, counts, is_sound) = match terms.action {
        Action::Service => (28_800, &[1][..], digest && (1..=255).contains(&mask)),
        Action::Recovery => (600, &[1, 2][..], !digest && mask == 0 && value == 0),
        Action::Downgrade => (3_600, &[2][..], digest && mask == 0),
        _ => (600, &[2][..], !digest && mask == 0 && value == 0),
    };
    is_sound
        && terms.number > 0
        && (1..=longest).contains(&terms.ttl_seconds)
        && counts.contains(&signers)
        && (terms.binding == Binding::Challenge || terms.action == Action::Service)
}

/// Terms that are good, with at most one field that is drawn.
fn terms(input: &mut Input<'_>, action: Action, challenge: &[u8; 32], digest: [u8; 32]) -> Terms {
    let mut terms = Terms {
        action,
        binding: Binding::Challenge,
        number: 1 + input.below(8),
        device: DEVICE,
        run: *challenge,
        digest: [0; 32],
        mask: 0,
        value: 0,
        ttl_seconds: 1 + u16::from(input.u8()),
    };
    match action {
        Action::Service => (terms.digest, terms.mask) = (digest, 1 + input.below(15)),
        Action::Downgrade => (terms.digest, terms.value) = ([3; 32], input.number()),
        _ => {}
    }
    if action == Action::Service && input.bool() {
        (terms.binding, terms.run) = (Binding::Link, permit_run(challenge, &LINK));
    }
    match input.below(24) {
        1 => terms.number = input.number(),
        2 => terms.device = input.array(),
        3 => terms.run = input.array(),
        4 => terms.digest = input.array(),
        5 => terms.mask = input.number(),
        6 => terms.value = input.number(),
        7 => terms.ttl_seconds = input.u16(),
        8 => terms.binding = Binding::Link,
        9 => terms.run = permit_run(challenge, &input.array()),
        10 => terms.run = *challenge,
        _ => {}
    }
    terms
}

/// The document by hand, as no builder would make it.
fn written(terms: &Terms, signers: &[u8]) -> Vec<u8> {
    let mut kids: Vec<_> = signers.iter().map(|byte| key(*byte).public().kid()).collect();
    kids.resize(2, [0; 8]);
    let mut bytes = vec![1, terms.action.code(), terms.binding.code(), signers.len() as u8];
    bytes.extend(terms.number.to_le_bytes());
    bytes.extend(terms.device);
    bytes.extend([terms.run, terms.digest].concat());
    bytes.extend([terms.mask, terms.value].map(u32::to_le_bytes).concat());
    bytes.extend(terms.ttl_seconds.to_le_bytes());
    bytes.extend([0, 0]);
    bytes.extend(kids.concat());
    let body = bytes.clone();
    for byte in signers {
        bytes.extend(key(*byte).sign(Context::Permit, &[&body]).expect("it is short"));
    }
    bytes
}

/// A device that asks, a holder at a link, and a permit by one or two of whoever there is.
fn shown(input: &mut Input<'_>) {
    let drawn = Drawn::new(input);
    let anchors = drawn.anchors();
    let issuers = [certificate(Kind::Issuer, BETWEEN, FIRST, &drawn)];
    let serials: &[u32] = if drawn.is_revoked { &[5] } else { &[] };
    let revoking = Revoking {
        day: Day::FIRST,
        number: 1,
        min_epoch: 0,
        min_permit: drawn.least,
        revoked: serials,
    };
    let state = IssuerState::sign(&revoking, &key(FIRST)).expect("it is sound");
    let record = IssuerRecord::after(None, &state, &key(FIRST).public(), None);
    let records = [record.expect("it is the first")];
    let here = here(&anchors, &issuers, &records, DEVICE, set(drawn.delegated));

    let (kind, issuer) =
        if drawn.is_person { (Kind::Person, OWNER) } else { (Kind::Service, ISSUING) };
    let holder = certificate(kind, HOLDER, issuer, &drawn);
    let mut random = random();
    let authority = LinkAuthority::take(&mut random).expect("it is the first");
    let hash = if drawn.is_second_link { [0x22; 32] } else { LINK };
    let trusted = here.trust.judge(&holder, TODAY, Stage::Service).ok();
    let peer = trusted.as_ref().map(|trusted| {
        authority.prove(trusted, &agreement().to_bytes(), hash).expect("it is its key")
    });
    let show = |peer| Holder { peer, certificate: &holder };

    let asked = Action::ALL[input.below(4) as usize];
    let action = if input.u8() & 7 == 1 { Action::ALL[input.below(4) as usize] } else { asked };
    let at = Ticks::from_millis(1_000);
    let mut desk = Desk::new();
    let challenge = desk.ask(asked, &mut random, at).expect("it is started");
    let terms = terms(input, action, &challenge, holder.digest());
    let mut signers = vec![SIGNERS[input.below(6) as usize]];
    // Mostly as many as the action asks for.
    if (action == Action::Service) == (input.u8() & 7 == 1) {
        signers.push(SIGNERS[input.below(6) as usize]);
    }
    if input.u8() & 7 != 1 {
        signers.sort_by_key(|byte| key(*byte).public().kid());
    }
    let bytes = written(&terms, &signers);
    builds_the_same(&terms, &signers, &bytes);

    let mut changed = bytes.clone();
    let bit = usize::from(input.u16()) % (8 * bytes.len());
    changed[bit / 8] ^= 1 << (bit % 8);
    let wait = u64::from(input.u16()) * if input.u8() & 7 == 1 { 100 } else { 1 };
    let now = Ticks::from_millis(1_000 + wait);
    let longest = if matches!(asked, Action::Service | Action::Downgrade) { 3_600 } else { 600 };
    let is_open = wait < longest * 1_000;

    let is_good = is_open
        && action == asked
        && is_legal(&terms, signers.len())
        && kids_rise(&signers)
        && terms.device == DEVICE
        && is_allowed(&drawn, &terms, &signers)
        // The key that certified the holder allows him nothing.
        && (action != Action::Service || !signers.contains(&ISSUING))
        && is_answered(&drawn, &terms, &challenge, &holder, hash, trusted.is_some());
    let wrong = desk.take(&changed, &here, peer.as_ref().map(show), now);
    assert!(wrong.is_err(), "bit {bit} was changed");
    let taken = desk.take(&bytes, &here, peer.as_ref().map(show), now);
    assert_eq!(taken.is_ok(), is_good, "{taken:?} {terms:?} {signers:?}");
    if let Ok(permitted) = taken {
        let again = desk.take(&bytes, &here, peer.as_ref().map(show), now);
        assert_eq!(again, Err(Refused::NoChallenge));
        used_in_time(permitted, &terms, now, u64::from(input.u16()) * 100);
    }
}

fn kids_rise(signers: &[u8]) -> bool {
    let kids: Vec<_> = signers.iter().map(|byte| key(*byte).public().kid()).collect();
    kids.windows(2).all(|pair| pair[0] < pair[1])
}

/// What is legal is built, and to the same bytes.
fn builds_the_same(terms: &Terms, signers: &[u8], bytes: &[u8]) {
    let publics: Vec<_> = signers.iter().map(|byte| key(*byte).public()).collect();
    let differ = signers.first() != signers.get(1);
    let made = permit::Unsigned::new(*terms, &publics);
    assert_eq!(made.is_ok(), is_legal(terms, signers.len()) && differ, "{terms:?}");
    assert_eq!(Permit::parse(bytes).is_ok(), is_legal(terms, signers.len()) && kids_rise(signers));
    let Ok(mut made) = made else { return };
    let [.., last] = publics.as_slice() else { return };
    assert!(made.add_signature([1; 64], last).is_err(), "nobody made it");
    assert!(made.clone().finish().is_err(), "it is not signed");
    for byte in signers {
        made.sign(&key(*byte)).expect("it is one of them");
    }
    let permit = made.finish().expect("all have signed");
    if kids_rise(signers) {
        assert_eq!(permit.to_bytes(&mut [0; PERMIT_BYTES_MAX]), bytes);
    }
}

/// Whether the rules let these sign this.
fn is_allowed(drawn: &Drawn, terms: &Terms, signers: &[u8]) -> bool {
    let mut origins = Vec::new();
    for byte in signers {
        let Some((origin, between, actions, roles)) = drawn.power(*byte) else { return false };
        let signs = actions >> terms.action.code() & 1 == 1
            && terms.mask & !u32::from(roles) == 0
            && (!between || terms.action == Action::Service)
            && (*byte != FIRST || terms.number >= drawn.least);
        if !signs {
            return false;
        }
        origins.push(origin);
    }
    let by = |origin, count| origins.len() == count && origins.iter().all(|one| *one == origin);
    let is_delegated = drawn.delegated >> Action::Recovery.code() & 1 == 1;
    match terms.action {
        Action::Service => by(Origin::Maker, 1),
        Action::Recovery => by(Origin::Owner, 1) || (by(Origin::Maker, 2) && is_delegated),
        _ => by(Origin::Maker, 2),
    }
}

/// Whether it answers this challenge, and for service on this link and by this holder.
fn is_answered(
    drawn: &Drawn,
    terms: &Terms,
    challenge: &[u8; 32],
    holder: &Certificate,
    hash: [u8; 32],
    is_proven: bool,
) -> bool {
    let run =
        if terms.binding == Binding::Link { permit_run(challenge, &hash) } else { *challenge };
    let is_his = is_proven
        && !drawn.is_person
        && terms.digest == holder.digest()
        && terms.mask & !u32::from(drawn.holder_roles) == 0;
    terms.run == run && (terms.action != Action::Service || is_his)
}

fn used_in_time(permitted: Permitted, terms: &Terms, now: Ticks, wait: u64) {
    assert_eq!(permitted.terms(), terms);
    let ttl = u64::from(terms.ttl_seconds) * 1_000;
    assert_eq!(permitted.until().millis_since(now), ttl);
    let later = Ticks::from_millis(now.as_millis() + wait);
    assert_eq!(permitted.exercise(later).is_ok(), wait < ttl);
}

/// Scripts, and a document of each form.
pub(crate) fn seeds(mut drawn: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    for script in &mut drawn {
        if let Some(first) = script.first_mut() {
            *first = 0;
        }
    }
    for action in Action::ALL {
        let mut input = Input::new(&[1, 2, 0, 0, 0]);
        let terms = terms(&mut input, action, &[5; 32], [6; 32]);
        for signers in [&[OWNER][..], &[FIRST, SECOND], &[SECOND, FIRST]] {
            drawn.push([&[1], &written(&terms, signers)[..]].concat());
        }
    }
    drawn
}
