//! Issuers, holders and the product's own code: what it says of a state or of a certificate is asked once and kept.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::HashMap;

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::issuer_state::{
    IssuerRecord, IssuerState, Revoking, STATE_BYTES_MAX, StateError,
};
use medsec_core::identity::permit::Actions;
use medsec_core::identity::trust::{Anchor, Origin, Refusal, Stage, Today, Trust, Trusted};
use medsec_core::key::{Context, DeviceKey, PublicKey, SIGNATURE_BYTES, device_id};

/// Which issuer: the maker, the owner, or one below the owner.
pub(crate) type Slot = usize;
pub(crate) const MAKER: Slot = 0;
pub(crate) const OWNER: Slot = 1;
pub(crate) const BELOW: Slot = 2;

/// Numbers of states; the model counts in places of these lists, so that the last there is stands in it too.
pub(crate) const NUMBERS: [u32; 6] = [0, 1, 2, 3, 4, u32::MAX];
pub(crate) const LAST: u8 = 5;
pub(crate) const EPOCHS: [u32; 4] = [0, 1, 2, u32::MAX];
pub(crate) const PERMITS: [u32; 3] = [0, 1, u32::MAX];

/// Holders of an issuer, by serial number less 1: one of epoch 1, one of epoch 2, and a device. The owner's first is the issuer below.
pub(crate) const HOLDERS: usize = 9;
pub(crate) const ISSUER_BELOW: usize = 3 * OWNER;
/// What a thief makes with a stolen key: a holder of the last epoch, by issuer.
pub(crate) const MINTED: usize = HOLDERS;
/// What an issuer makes when it needs a holder: by issuer and epoch, with a serial number of its own.
pub(crate) const FRESH: usize = MINTED + 3;
/// What a thief signs and cannot issue, by his issuer and the one it names; under his own, of a kind that it does not issue.
pub(crate) const STRANGERS: usize = FRESH + 12;
const CERTIFICATES: usize = STRANGERS + 9;

const SCOPE: [u8; 8] = *b"ward 004";
const MODEL: u32 = 7;
/// Two days; some certificates hold on the first only.
const DAYS: [u16; 2] = [2_500, 2_600];

/// What a state says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Said {
    pub(crate) number: u8,
    pub(crate) epoch: u8,
    pub(crate) permit: u8,
    /// Bit n is serial number n + 1.
    pub(crate) list: u8,
}

/// A state that names an issuer and is signed by one, the same or not.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Signed {
    pub(crate) said: Said,
    pub(crate) names: Slot,
    pub(crate) by: Slot,
}

/// What a device keeps of an issuer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Kept {
    pub(crate) said: Said,
    pub(crate) in_force: u8,
}

/// What of that counts for certificates: the list and the epoch in force.
pub(crate) type View = Option<(u8, u8)>;

/// How a certificate of the model is made.
#[derive(Clone, Copy)]
pub(crate) struct Make {
    pub(crate) kind: Kind,
    pub(crate) names: Slot,
    by: Slot,
    pub(crate) serial: u32,
    pub(crate) epoch: u8,
    /// It holds on the first day only.
    is_short: bool,
}

impl Make {
    /// The one with this place.
    pub(crate) fn of(place: usize) -> Self {
        let leaf = |slot| if slot == MAKER { Kind::Service } else { Kind::Person };
        let make = |kind, slot, serial, epoch| Self {
            kind,
            names: slot,
            by: slot,
            serial,
            epoch,
            is_short: false,
        };
        if let Some(stranger) = place.checked_sub(STRANGERS) {
            let (by, names) = (stranger / 3, stranger % 3);
            let other = if by == MAKER { OWNER } else { MAKER };
            let kind = leaf(if by == names { other } else { names });
            return Self { by, ..make(kind, names, 7, 3) };
        }
        if let Some(fresh) = place.checked_sub(FRESH) {
            let epoch = u8::try_from(fresh % 4).unwrap();
            return make(leaf(fresh / 4), fresh / 4, 8, epoch);
        }
        if let Some(slot) = place.checked_sub(MINTED) {
            return make(leaf(slot), slot, 9, 3);
        }
        let slot = place / 3;
        match place % 3 {
            0 if slot == OWNER => make(Kind::Issuer, slot, 1, 1),
            0 => Self { is_short: true, ..make(leaf(slot), slot, 1, 1) },
            1 => make(leaf(slot), slot, 2, 2),
            _ => make(Kind::Device, slot, 3, 0),
        }
    }

    /// Whether a list has it.
    pub(crate) const fn is_in(&self, list: u8) -> bool {
        self.serial <= 3 && list & (1 << (self.serial - 1)) != 0
    }

    fn certificate(&self, place: usize) -> Certificate {
        let own = key(u8::try_from(20 + place).unwrap());
        let is_issuer = self.kind == Kind::Issuer;
        let own = if is_issuer { issuer_key(BELOW) } else { own };
        let claims = Claims {
            kind: self.kind,
            suites: 0b11,
            is_test: false,
            serial: self.serial,
            issuer: issuer_key(self.names).public().kid(),
            epoch: EPOCHS[usize::from(self.epoch)],
            not_before: None,
            not_after: self.is_short.then(|| day(0)),
            roles: 1,
            may_issue: if is_issuer {
                Kinds::of(&[Kind::Device, Kind::Person])
            } else {
                Kinds::NONE
            },
            model: if is_issuer { 0 } else { MODEL },
            scope: if is_issuer { NO_SCOPE } else { SCOPE },
            subject: if self.kind == Kind::Device {
                device_id(MODEL, &own.public())
            } else {
                [u8::try_from(place).unwrap(); 16]
            },
        };
        let seed = u8::try_from(20 + place).unwrap();
        let agreement = AgreementSecret::from_bytes(Secret::new([seed; 32])).public();
        let agreement = (!is_issuer).then_some(&agreement);
        let unsigned = Unsigned::new(claims, agreement, Some(&own.public())).unwrap();
        unsigned.sign(&issuer_key(self.by)).unwrap()
    }
}

fn key(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

fn issuer_key(slot: Slot) -> DeviceKey {
    key(u8::try_from(1 + slot).unwrap())
}

fn day(place: u8) -> Day {
    Day::of(DAYS[usize::from(place)]).unwrap()
}

/// A hasher that is quick on small numbers; nobody chooses them.
#[derive(Default)]
pub(crate) struct Quick(u64);

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x517c_c1b7_2722_0a95);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(u64::try_from(number).unwrap_or_default());
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }
}

/// A map with it.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<Quick>>;

type Taking = (Slot, Option<Kept>, Signed, Option<usize>);

/// Keys and certificates, and what the product said so far.
pub(crate) struct Parties {
    issuers: [PublicKey; 3],
    anchors: [Anchor; 2],
    certificates: Vec<Certificate>,
    trusted: Vec<Option<Trusted>>,
    states: Map<Signed, IssuerState>,
    records: Map<(Slot, Kept), IssuerRecord>,
    signatures: Map<(Signed, Slot), bool>,
    takings: Map<Taking, Result<Kept, StateError>>,
    judgements: Map<(usize, [View; 3], u8), Option<Refusal>>,
}

impl Parties {
    pub(crate) fn new() -> Self {
        let anchor = |origin, slot| Anchor {
            origin,
            key: issuer_key(slot).public(),
            may_issue: Kinds::of(&Kind::ALL),
            roles: 0xff,
            scope: NO_SCOPE,
            model: 0,
            min_epoch: 0,
            permits: Actions::NONE,
        };
        let mut parties = Self {
            issuers: [MAKER, OWNER, BELOW].map(|slot| issuer_key(slot).public()),
            anchors: [anchor(Origin::Maker, MAKER), anchor(Origin::Owner, OWNER)],
            certificates: (0..CERTIFICATES)
                .map(|place| Make::of(place).certificate(place))
                .collect(),
            trusted: Vec::new(),
            states: Map::default(),
            records: Map::default(),
            signatures: Map::default(),
            takings: Map::default(),
            judgements: Map::default(),
        };
        let trusted = |place| parties.ask(place, &[], 0).ok();
        parties.trusted = (0..CERTIFICATES).map(trusted).collect();
        parties
    }

    /// States that were given to the product, and certificates that it judged.
    pub(crate) fn calls(&self) -> (usize, usize) {
        (self.takings.len(), self.judgements.len())
    }

    /// Whether the peer of a session can have this certificate: it was found good once, and an issuer is no peer.
    pub(crate) fn is_peer(&self, place: usize) -> bool {
        self.trusted[place].is_some() && Make::of(place).kind != Kind::Issuer
    }

    fn ask(&self, place: usize, records: &[IssuerRecord], floor: u8) -> Result<Trusted, Refusal> {
        let issuers = &self.certificates[ISSUER_BELOW..=ISSUER_BELOW];
        let trust = Trust::new(&self.anchors, issuers, records).unwrap();
        // The adversary sets the clock: it stays at the first day.
        let today = Today { floor: day(floor), clock: Some(day(0)) };
        trust.judge(&self.certificates[place], today, Stage::Service)
    }

    /// The state, signed. One that names another issuer than its signer's is patched together.
    pub(crate) fn state(&mut self, signed: Signed) -> IssuerState {
        if let Some(state) = self.states.get(&signed) {
            return *state;
        }
        let Said { number, epoch, permit, list } = signed.said;
        let revoked: Vec<u32> = (1..=3).filter(|serial| list & (1 << (serial - 1)) != 0).collect();
        let revoking = Revoking {
            // As late as can be: no state moves a day.
            day: Day::of(u16::MAX - 1).unwrap(),
            number: NUMBERS[usize::from(number)],
            min_epoch: EPOCHS[usize::from(epoch)],
            min_permit: PERMITS[usize::from(permit)],
            revoked: &revoked,
        };
        let mut state = IssuerState::sign(&revoking, &issuer_key(signed.by)).unwrap();
        if signed.names != signed.by {
            let mut buffer = [0; STATE_BYTES_MAX];
            let mut bytes = state.to_bytes(&mut buffer).to_vec();
            let split = bytes.len() - SIGNATURE_BYTES;
            bytes[8..16].copy_from_slice(&issuer_key(signed.names).public().kid());
            let signature = issuer_key(signed.by).sign(Context::IssuerState, &[&bytes[..split]]);
            bytes[split..].copy_from_slice(&signature.unwrap());
            state = IssuerState::parse(&bytes).unwrap();
        }
        self.states.insert(signed, state);
        state
    }

    /// Whether the key of `slot` signed the state, by the product.
    pub(crate) fn is_signed(&mut self, signed: Signed, slot: Slot) -> bool {
        if let Some(is_signed) = self.signatures.get(&(signed, slot)) {
            return *is_signed;
        }
        let is_signed = self.state(signed).verify(&self.issuers[slot]).is_ok();
        self.signatures.insert((signed, slot), is_signed);
        is_signed
    }

    /// What the product keeps of the issuer `slot` after this state.
    pub(crate) fn take(&mut self, taking: Taking) -> Result<Kept, StateError> {
        if let Some(kept) = self.takings.get(&taking) {
            return *kept;
        }
        let (slot, stored, signed, witness) = taking;
        let state = self.state(signed);
        let stored = stored.map(|kept| self.records[&(slot, kept)]);
        let witness = witness.and_then(|place| self.trusted[place]);
        let issuer = &self.issuers[slot];
        let after = IssuerRecord::after(stored.as_ref(), &state, issuer, witness.as_ref());
        let kept = after.map(|record| {
            assert!(*record.state() == state);
            let mut epochs = (0..).zip(EPOCHS);
            let (in_force, _) = epochs.find(|(_, epoch)| *epoch == record.min_epoch()).unwrap();
            let kept = Kept { said: signed.said, in_force };
            self.records.insert((slot, kept), record);
            kept
        });
        self.takings.insert(taking, kept);
        kept
    }

    /// Why a certificate does not hold, by the product; `kept` are the records that it made, if it made them itself.
    pub(crate) fn judge(
        &mut self,
        place: usize,
        views: [View; 3],
        floor: u8,
        kept: Option<&[Option<Kept>; 3]>,
    ) -> Option<Refusal> {
        if let Some(refusal) = self.judgements.get(&(place, views, floor)) {
            return *refusal;
        }
        let mut records = Vec::new();
        for (slot, view) in (0..).zip(views) {
            let own = kept.and_then(|kept| kept[slot]);
            let own = own.map(|kept| self.records[&(slot, kept)]);
            let made = own.or_else(|| view.map(|view| self.record(slot, view)));
            records.extend(made);
        }
        let refusal = self.ask(place, &records, floor).err();
        self.judgements.insert((place, views, floor), refusal);
        refusal
    }

    /// A record with this list and this epoch in force.
    fn record(&mut self, slot: Slot, (list, in_force): (u8, u8)) -> IssuerRecord {
        let said = Said { number: 1, epoch: in_force, permit: 0, list };
        let state = self.state(Signed { said, names: slot, by: slot });
        let witness = self.trusted[FRESH + 4 * slot + usize::from(in_force)];
        let issuer = &self.issuers[slot];
        let record = IssuerRecord::after(None, &state, issuer, witness.as_ref()).unwrap();
        assert_eq!(record.min_epoch(), EPOCHS[usize::from(in_force)]);
        record
    }
}
