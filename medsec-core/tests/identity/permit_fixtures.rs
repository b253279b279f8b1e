//! A device that asks for permits, whoever may sign them, and documents written by hand.

use medsec_core::Secret;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE};
use medsec_core::identity::issuer_state::{IssuerRecord, IssuerState, Revoking};
use medsec_core::identity::peer::{LinkAuthority, ProvenPeer};
use medsec_core::identity::permit::desk::{Desk, Here, Holder, Permitted, Refused};
use medsec_core::identity::permit::{Action, Actions, Binding, Terms};
use medsec_core::identity::trust::{Anchor, Origin, Stage, Trust};
use medsec_core::key::{Context, device_id, permit_run};
use medsec_core::rng::Random;
use medsec_core::time::Ticks;
use medsec_sim::rng::{Behaviour, Noise};

use crate::fixtures::{
    HOLDER, ISSUER, MAKER, MODEL, OWNER, SCOPE, TODAY, agreement, anchor, claims, day, key, signed,
};

/// Keys of the maker for permits alone, and a second one of the owner.
pub(crate) const FIRST: u8 = 4;
pub(crate) const SECOND: u8 = 5;
pub(crate) const OTHER_OWNER: u8 = 6;
/// A key that no anchor and no issuer has.
pub(crate) const STRANGER: u8 = 7;
/// An anchor of the maker below which issuers of service stand, and one of those.
pub(crate) const ABOVE: u8 = 8;
pub(crate) const BETWEEN: u8 = ISSUER;

pub(crate) const HANDSHAKE: [u8; 32] = [0x77; 32];
pub(crate) const ASKED: Ticks = Ticks::from_millis(5_000);
pub(crate) const EVERY_ACTION: Actions = Actions::of(&Action::ALL);

pub(crate) fn later(ticks: Ticks, ms: u64) -> Ticks {
    Ticks::from_millis(ticks.as_millis().saturating_add(ms))
}

pub(crate) fn device() -> [u8; 16] {
    device_id(MODEL, &key(30).public())
}

pub(crate) fn random() -> Random<Noise> {
    let mut random = Random::new(Noise::new(Behaviour::Good, 1));
    random.start(Secret::new([1; 32]), b"").unwrap();
    random
}

/// The certificate of the holder of permits for service, from the maker's issuing key.
pub(crate) fn service() -> Certificate {
    signed(claims(Kind::Service, MAKER), HOLDER, MAKER)
}

/// Those who may sign `permits`, as far as their origin goes.
pub(crate) fn anchors(permits: Actions) -> Vec<Anchor> {
    let signs = |origin, byte| Anchor { may_issue: Kinds::NONE, permits, ..anchor(origin, byte) };
    vec![
        anchor(Origin::Maker, MAKER),
        Anchor { permits, ..anchor(Origin::Owner, OWNER) },
        signs(Origin::Maker, FIRST),
        signs(Origin::Maker, SECOND),
        signs(Origin::Owner, OTHER_OWNER),
        Anchor { permits, ..anchor(Origin::Maker, ABOVE) },
    ]
}

/// An issuer of `kinds` between, below the anchor `above`.
pub(crate) fn between(above: u8, kinds: &[Kind], change: fn(&mut Claims)) -> Certificate {
    let mut claims = Claims {
        may_issue: Kinds::of(kinds),
        scope: NO_SCOPE,
        not_before: None,
        ..claims(Kind::Issuer, above)
    };
    change(&mut claims);
    signed(claims, BETWEEN, above)
}

/// What a device keeps of an issuer with this state.
pub(crate) fn record(issuer: u8, min_epoch: u32, min_permit: u32, revoked: &[u32]) -> IssuerRecord {
    let revoking = Revoking { day: day(2_500), number: 1, min_epoch, min_permit, revoked };
    let state = IssuerState::sign(&revoking, &key(issuer)).unwrap();
    IssuerRecord::after(None, &state, &key(issuer).public(), None).unwrap()
}

/// The device with these to trust, where nothing is delegated.
pub(crate) fn here<'a>(
    anchors: &'a [Anchor],
    issuers: &'a [Certificate],
    records: &'a [IssuerRecord],
) -> Here<'a> {
    Here {
        trust: Trust::new(anchors, issuers, records).unwrap(),
        today: TODAY,
        stage: Stage::Service,
        device: device(),
        model: MODEL,
        scope: SCOPE,
        delegated: Actions::NONE,
    }
}

/// What a good permit for the action says in answer to `challenge`.
pub(crate) fn terms(action: Action, challenge: &[u8; 32]) -> Terms {
    let digest = match action {
        Action::Service => service().digest(),
        Action::Downgrade => [0xd6; 32],
        Action::Recovery | Action::ReturnToClaim | _ => [0; 32],
    };
    Terms {
        action,
        binding: Binding::Challenge,
        number: 7,
        device: device(),
        run: *challenge,
        digest,
        mask: if action == Action::Service { 0b101 } else { 0 },
        value: if matches!(action, Action::Service | Action::Downgrade) { 0x0102_0304 } else { 0 },
        ttl_seconds: 600,
    }
}

/// The same for service on the link with [`HANDSHAKE`].
pub(crate) fn on_link(challenge: &[u8; 32]) -> Terms {
    Terms {
        binding: Binding::Link,
        run: permit_run(challenge, &HANDSHAKE),
        ..terms(Action::Service, challenge)
    }
}

/// The bytes of a document, as the format has them and whether or not it can be a permit.
pub(crate) fn body(terms: &Terms, signers: &[u8]) -> Vec<u8> {
    let mut kids: Vec<[u8; 8]> = signers.iter().map(|byte| key(*byte).public().kid()).collect();
    kids.resize(2, [0; 8]);
    let count = u8::try_from(signers.len()).unwrap();
    [
        &[1, terms.action.code(), terms.binding.code(), count][..],
        &terms.number.to_le_bytes(),
        &terms.device,
        &terms.run,
        &terms.digest,
        &terms.mask.to_le_bytes(),
        &terms.value.to_le_bytes(),
        &terms.ttl_seconds.to_le_bytes(),
        &[0, 0],
        &kids.concat(),
    ]
    .concat()
}

/// Signed by those keys, in the order of their ids.
pub(crate) fn written(terms: &Terms, signers: &[u8]) -> Vec<u8> {
    let mut signers = signers.to_vec();
    signers.sort_by_key(|byte| key(*byte).public().kid());
    let mut bytes = body(terms, &signers);
    let signed = bytes.clone();
    for byte in &signers {
        bytes.extend(key(*byte).sign(Context::Permit, &[&signed]).unwrap());
    }
    bytes
}

/// Who signs a good permit for the action.
pub(crate) fn signers_of(action: Action) -> &'static [u8] {
    match action {
        Action::Service => &[FIRST],
        Action::Recovery => &[OWNER],
        Action::Downgrade | Action::ReturnToClaim | _ => &[FIRST, SECOND],
    }
}

/// A device in one boot: its random source, its desk, and the link of a service person.
pub(crate) struct Bedside {
    pub(crate) random: Random<Noise>,
    pub(crate) desk: Desk,
    authority: LinkAuthority,
    pub(crate) peer: ProvenPeer,
    pub(crate) certificate: Certificate,
}

impl Bedside {
    pub(crate) fn new() -> Self {
        let mut random = random();
        let authority = LinkAuthority::take(&mut random).unwrap();
        let certificate = service();
        let peer = proven(&authority, &certificate, HANDSHAKE);
        Self { random, desk: Desk::new(), authority, peer, certificate }
    }

    /// A new boot, with a link of the same handshake hash if that could be.
    pub(crate) fn reboot(&mut self) {
        self.desk = Desk::new();
    }

    pub(crate) fn ask(&mut self, action: Action) -> [u8; 32] {
        self.desk.ask(action, &mut self.random, ASKED).unwrap()
    }

    /// The permit as the holder shows it, at once.
    pub(crate) fn take(&mut self, bytes: &[u8], here: &Here<'_>) -> Result<Permitted, Refused> {
        self.take_at(bytes, here, ASKED)
    }

    pub(crate) fn take_at(
        &mut self,
        bytes: &[u8],
        here: &Here<'_>,
        now: Ticks,
    ) -> Result<Permitted, Refused> {
        let holder = Holder { peer: &self.peer, certificate: &self.certificate };
        self.desk.take(bytes, here, Some(holder), now)
    }

    /// The link of another holder, or another link.
    pub(crate) fn peer(&self, certificate: &Certificate, hash: [u8; 32]) -> ProvenPeer {
        proven(&self.authority, certificate, hash)
    }
}

fn proven(authority: &LinkAuthority, certificate: &Certificate, hash: [u8; 32]) -> ProvenPeer {
    let anchors = anchors(Actions::NONE);
    let trust = Trust::new(&anchors, &[], &[]).unwrap();
    let trusted = trust.judge(certificate, TODAY, Stage::Service).unwrap();
    authority.prove(&trusted, &agreement(HOLDER).to_bytes(), hash).unwrap()
}
