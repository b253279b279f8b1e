//! Erase certificates and receipts from anywhere, those that a device signs which keeps no rule, and journals on a part that somebody wrote to.

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::LifecycleState;
use medsec_core::flash::Region;
use medsec_core::hal::Flash;
use medsec_core::identity::certificate::{
    Certificate as Device, Claims, Kind as Holder, Kinds, NO_SCOPE, Unsigned,
};
use medsec_core::key::{Context, DeviceKey, Label, MacKey, device_id, sha256};
use medsec_core::lifecycle::Lifecycle;
use medsec_core::sanitize::certificate::{CERTIFICATE_BYTES_MAX, Certificate};
use medsec_core::sanitize::{
    Burial, Item, KeyName, Keys, Kind, ModuleId, MountFault, Parts, Plan, Progress, Receipt,
    Sanitizer, Tombstone,
};
use medsec_core::time::Pause;
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_tool::erase::{erase_file, parse_erase};

use crate::input::Input;

const MODEL: u32 = 7;
const PAGE: u32 = 512;

static PLAN: Plan<2> = Plan::new(
    Region::new(0, 4 * PAGE),
    Region::new(4 * PAGE, 2 * PAGE),
    Region::new(6 * PAGE, PAGE),
    [
        Item::new(Kind::Secrets, Region::new(7 * PAGE, PAGE), Keys::of(&[KeyName::StorageRoot])),
        Item::new(Kind::Log, Region::new(8 * PAGE, PAGE), Keys::NONE),
    ],
);

fn key(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

fn id() -> [u8; 16] {
    device_id(MODEL, &key(0xe1).public())
}

fn device() -> Option<Device> {
    let public = key(0xe1).public();
    let claims = Claims {
        kind: Holder::Device,
        suites: 1,
        is_test: false,
        serial: 1,
        issuer: key(1).public().kid(),
        epoch: 0,
        not_before: None,
        not_after: None,
        roles: 0,
        may_issue: Kinds::NONE,
        model: MODEL,
        scope: NO_SCOPE,
        subject: id(),
    };
    let agreement = AgreementSecret::from_bytes(Secret::new([5; 32])).public();
    Unsigned::new(claims, Some(&agreement), Some(&public)).ok()?.sign(&key(1)).ok()
}

pub(crate) fn erase(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.below(4) {
        0 => read(input.rest()),
        1 => part(&mut input),
        _ => signed(&mut input),
    }
}

/// What parses has one encoding, and nobody signed it.
fn read(bytes: &[u8]) {
    if let Ok(parsed) = Certificate::parse(bytes) {
        assert_eq!(parsed.to_bytes(&mut [0; CERTIFICATE_BYTES_MAX]), bytes);
        assert!(device().is_none_or(|device| parsed.verify(&device).is_err()), "nobody signed it");
    }
    if let Ok(parsed) = parse_erase(bytes) {
        let file = erase_file(&parsed);
        assert_eq!(parse_erase(file.as_bytes()).ok(), Some(parsed));
    }
    assert!(Receipt::verify(bytes, &key(0xe2).public()).is_err(), "nobody signed it");
}

/// A line as it is drawn: kind, keys, start, length, verified, module.
type Drawn = (u8, u32, u32, u32, u32, u8);

fn line(input: &mut Input<'_>, index: u8) -> Drawn {
    let kind = if input.u8() & 7 == 1 { input.below(7) as u8 } else { 1 + index.min(3) };
    let keys = if input.u8() & 7 == 1 { input.u32() } else { u32::from(index == 0) };
    let start = if input.u8() & 7 == 1 { input.number() } else { u32::from(index) << 12 };
    let length = if input.u8() & 7 == 1 { input.number() } else { 0x1000 };
    let verified = if input.u8() & 7 == 1 { input.number() } else { length };
    let module = if input.u8() & 7 == 1 { input.below(3) as u8 } else { u8::from(kind == 5) };
    (kind, keys, start, length, verified, module)
}

/// Whether a device that keeps the rules could have signed these lines.
fn are_sound(lines: &[Drawn]) -> bool {
    let known = 0x0f00_03ff;
    let each = lines.iter().all(|(kind, keys, start, length, verified, module)| {
        (1..=5).contains(kind)
            && keys & !known == 0
            && *length > 0
            && start.checked_add(*length).is_some()
            && verified == length
            && (*module != 0) == (*kind == 5)
    });
    let apart = lines.iter().enumerate().all(|(index, (_, _, start, length, _, module))| {
        lines.iter().skip(index + 1).all(|(_, _, other, bytes, _, place)| {
            let (a, b) = (u64::from(*start), u64::from(*other));
            place != module || a + u64::from(*length) <= b || b + u64::from(*bytes) <= a
        })
    });
    let has_root = lines.iter().any(|(kind, keys, ..)| *kind == 1 && keys & 1 != 0);
    let is_rising = lines.windows(2).all(|pair| pair[0].0 <= pair[1].0);
    each && apart && has_root && is_rising && (1..=16).contains(&lines.len())
}

/// A certificate with drawn claims, signed all the same: it parses if and only if it keeps the rules.
fn signed(input: &mut Input<'_>) {
    let count = if input.u8() & 15 == 1 { input.below(18) } else { 1 + input.below(4) };
    let lines: Vec<Drawn> = (0..count).map(|index| line(input, index as u8)).collect();
    let odd = |input: &mut Input<'_>, value: u8| {
        if input.u8() & 15 == 1 { input.u8() } else { value }
    };
    let drawn = 1 + input.u8() % 2;
    let outcome = odd(input, drawn);
    let from = odd(input, 4);
    let to = odd(input, if outcome == 1 { 3 } else { 7 });
    let (exported, records) = (u64::from(input.below(4)), u64::from(input.below(4)));
    let lost = if exported >= records { 1 } else { 2 };
    let evidence = odd(input, if records == 0 { 3 } else { lost });
    let open = odd(input, if outcome == 1 { 0x0f } else { 0x1f });
    let number = u32::from(odd(input, 1));
    let mut head = vec![1, outcome, from, to, evidence, open, count as u8, 0];
    head.extend(number.to_le_bytes());
    head.extend(MODEL.to_le_bytes());
    head.extend(id());
    head.extend([9; 16]);
    head.extend(exported.to_le_bytes());
    head.extend(records.to_le_bytes());
    for (kind, keys, start, length, verified, module) in &lines {
        head.extend([*kind, 0, 0, 0]);
        for word in [*keys, *start, *length, *verified, 0] {
            head.extend(word.to_le_bytes());
        }
        head.extend([*module; 8]);
    }
    let signature = key(0xe1).sign(Context::Erase, &[&sha256(&[&head])]).expect("it is short");
    head.extend(signature);
    let is_sound = (1..=2).contains(&outcome)
        && [3, 4, 5, 0x7f].contains(&from)
        && to == if outcome == 1 { 3 } else { 7 }
        && exported <= records
        && evidence == if records == 0 { 3 } else { lost }
        && open == if outcome == 1 { 0x0f } else { 0x1f }
        && number > 0
        && are_sound(&lines);
    let parsed = Certificate::parse(&head);
    assert_eq!(parsed.is_ok(), is_sound, "{parsed:?} {lines:?}");
    if let (Ok(parsed), Some(device)) = (parsed, device()) {
        let verified = parsed.verify(&device).expect("it is signed");
        assert!(verified.answers(&[9; 16]) && !verified.answers(&[0; 16]));
        assert!(LifecycleState::from_code(to) == Some(parsed.claims().to()));
    }
}

struct Own<'f>(&'f mut FaultFlash<1, 4, 512>);

impl Parts for Own<'_> {
    fn own(&mut self) -> impl Flash {
        &mut *self.0
    }

    fn module(&mut self) -> Option<(ModuleId, impl Flash)> {
        None::<(ModuleId, FaultFlash<1, 4, 512>)>
    }
}

/// A part that somebody wrote to: a mount writes nothing, and what is told to be blank is.
fn part(input: &mut Input<'_>) {
    let mac = |byte: u8| MacKey::derive(&Secret::new([byte; 32]), Label::Sanitize);
    let mut flash = FaultFlash::<1, 4, 512>::new(9, Model::None, 1);
    if input.bool() && Sanitizer::format(&mut flash, &PLAN, mac(1)).is_err() {
        return;
    }
    let mut image = flash.image();
    while !input.is_empty() {
        let at = usize::from(input.u16()) % image.len();
        for (byte, value) in image.iter_mut().skip(at).zip(input.chunk()) {
            *byte = *value;
        }
    }
    let mut flash = FaultFlash::<1, 4, 512>::from_image(image, Model::None, 1);
    let mounted = Sanitizer::mount(&mut flash, &PLAN, mac(1));
    let tombstone = Tombstone::read(&mut flash, &PLAN);
    assert_eq!(flash.operations(), 0, "a mount wrote");
    match mounted {
        Ok(mut sanitizer) => {
            assert!(sanitizer.blank().is_none() && sanitizer.certified().is_none());
            // What was damaged is settled before it counts.
            let unread = sanitizer.lifecycle() == Some(Lifecycle::UNREADABLE);
            assert!(sanitizer.is_idle() != unread);
            let module = ModuleId::new([input.u8(); 8]);
            assert!(module.is_none_or(|id| sanitizer.enrol(id).is_ok() || flash.operations() == 0));
            for _ in 0..40 {
                let step = sanitizer.step(&mut Own(&mut flash), &Pause::lend(&mut (), 1));
                assert!(step != Ok(Progress::Blank), "nobody began it");
            }
            assert!(sanitizer.bury().is_err(), "nobody certified it");
        }
        Err(MountFault::Lost(lost)) => {
            let burial = Burial::resume(&mut flash, &PLAN, lost);
            let ends = tombstone.is_some_and(|tombstone| tombstone.is_the_end());
            assert_eq!(burial.is_some(), ends);
            let Some(mut burial) = burial else { return };
            for _ in 0..20 {
                assert!(burial.step(&mut flash, &Pause::lend(&mut (), 1)).is_ok());
            }
            let image = flash.image();
            assert!(image.iter().skip(6 * 512).take(512).all(|byte| *byte == 0xff));
        }
        Err(_) => {}
    }
}
