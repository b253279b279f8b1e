//! Attacks on secrets, randomness and what is read without a key.

use infusion_pump::therapy::Therapy;
use medsec::{Identity, ResetCause};
use medsec_audit::state::PUBLIC_BYTES;
use medsec_core::Secret;
use medsec_core::codec::Reader;
use medsec_core::key::{AtRest, Envelope};
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_sim::adversary::{Attack, Goal, Outcome};
use medsec_sim::device::{PAGE_BYTES, SimOwner};
use medsec_sim::rng::{Behaviour, Noise};
use medsec_sim::tamper::forge::Holder;
use medsec_sim::tamper::view::{Given, Image};

use crate::ward::{NURSE, Ward, day};

pub(super) static ATTACKS: [Attack; 6] = [
    Attack {
        id: "nonce-reuse-by-rollback",
        title: "the flash is set back with a clip, and two records under one nonce give the second away",
        requirements: &["R16", "X15"],
        sources: &["medsec F02", "medsec F10"],
        weakness: "constant-salt",
        also_broken_by: &[],
        run: nonce_reuse_by_rollback,
    },
    Attack {
        id: "stuck-noise",
        title: "the noise source is held at one bit while keys are made, and a twin computes them",
        requirements: &["X15"],
        sources: &["medsec F09", "SP 800-90B 4.3"],
        weakness: "noise-untested",
        also_broken_by: &[],
        run: stuck_noise,
    },
    Attack {
        id: "dump-of-the-past",
        title: "a thief with flash and storage key reads what the pump recorded on earlier days",
        requirements: &["R16", "X13"],
        sources: &["medsec audit design, attacker at time T"],
        weakness: "secret-not-evolved",
        also_broken_by: &[],
        run: |seed| dump(seed, false),
    },
    Attack {
        id: "dump-after-forget",
        title: "the same thief, after ten minutes of uptime, reads the sessions just before",
        requirements: &["R15", "X13"],
        sources: &["medsec F23"],
        weakness: "forget-skipped",
        also_broken_by: &[("secret-not-evolved", "one secret opens every session")],
        run: |seed| dump(seed, true),
    },
    Attack {
        id: "read-without-key",
        title: "the log is read from the flash and from an export, with no key or with another authority's",
        requirements: &["R16", "X24"],
        sources: &["ICSMA-19-022-01", "CVE-2018-19012"],
        weakness: "records-in-clear",
        also_broken_by: &[],
        run: read_without_key,
    },
    Attack {
        id: "personal-data",
        title: "patients' numbers are looked for behind every input, refused and failed ones too",
        requirements: &["R08", "X24"],
        sources: &["medsec incident 41"],
        weakness: "personal-in-clear",
        also_broken_by: &[],
        run: personal_data,
    },
];

fn missing(what: &str) -> Outcome {
    Outcome::inconclusive(format!("no {what}"))
}

fn nonce_reuse_by_rollback(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(2)?;
    let before = ward.flash.clone();
    let (known, mut unknown) = (*b"an attacker's own", *b"PATIENT-........");
    ward.prng.fill(&mut unknown[8..]);
    let mut bodies = Vec::new();
    for patient in [*known.first_chunk::<16>().unwrap_or(&unknown), unknown] {
        ward.flash = before.clone();
        ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
            if !stay.assign(patient) {
                return Err(missing("record of a patient"));
            }
            stay.export()
        })?;
        let image = ward.image()?;
        let segments = image.segments();
        let (last, total) =
            segments.last().and_then(|s| s.entries.last()).ok_or_else(|| missing("entry"))?;
        let start = image.at(image.plan.slot(last.page), last.offset);
        bodies.push(image.pages[start + 8..start + total - 16].to_vec());
    }
    let same = bodies[0].iter().zip(&bodies[1]).map(|(a, b)| a ^ b).collect::<Vec<u8>>();
    let read = same.windows(16).any(|window| {
        window
            .iter()
            .zip(&known[..16])
            .zip(&unknown)
            .all(|((x, known), unknown)| x ^ known == *unknown)
    });
    if read {
        let how = "a patient's number is the sum of two records and a known one";
        return Err(Outcome::succeeded(Goal::SecretRead, how));
    }
    // What the attacker wrote himself may be where he wrote it.
    ward.blocked("a fresh salt in the keys of each session", &[])
}

fn stuck_noise(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(1)?;
    let mut device_seed = [0; 32];
    ward.prng.fill(&mut device_seed);
    let start = |behaviour: &Behaviour| {
        let mut random = Random::new(Noise::<1000>::new(behaviour.clone(), 1));
        // A fault is latched; whoever makes a key asks for it there.
        let _latched = random.start(Secret::new(device_seed), b"pump");
        random
    };
    for behaviour in [
        Behaviour::Stuck(false),
        Behaviour::Stuck(true),
        Behaviour::Alternating,
        Behaviour::Repeating(vec![0x5A, 0x13, 0xC4]),
        Behaviour::FailingAfter(0),
    ] {
        let (mut key, mut guess) = ([0; 32], [0; 32]);
        let made = start(&behaviour).fill(&mut key);
        start(&behaviour).fill_degraded(&mut guess).map_err(Outcome::inconclusive)?;
        if made.is_ok() && key == guess {
            let how = format!("a key made from {behaviour:?} is computed by a twin");
            return Err(Outcome::succeeded(Goal::SecretRead, how));
        }
        if made.is_ok() || key != [0; 32] {
            return Err(Outcome::succeeded(Goal::SecretRead, format!("a key from {behaviour:?}")));
        }
    }
    let noise = Noise::new(Behaviour::Stuck(true), 1);
    let therapy = Therapy::new();
    let lived = ward.boot_with::<false, _>(ResetCause::PowerOn, noise, &therapy, |stay| {
        stay.rest();
        day(stay)
    })?;
    lived.map_err(Outcome::inconclusive)?;
    // The log goes on by the seed, and says so.
    ward.blocked("noise is tested, and a fault refuses keys", &[0x0006])
}

/// The audit secrets that the cell's pages give to who holds the storage root, with the session each belongs to.
pub(super) fn dumped(identity: &Identity, image: &[u8]) -> Vec<(u32, Secret<32>)> {
    const COPY_BYTES: usize = 244;
    let at_rest = AtRest::<Aes256Gcm>::derive(&identity.storage_root);
    let page_bytes = usize::try_from(PAGE_BYTES).unwrap_or(0);
    let places =
        (0..4).flat_map(|page| (0..3).map(move |copy| page * page_bytes + copy * COPY_BYTES));
    let read = |at: usize| {
        let copy = image.get(at..at + COPY_BYTES)?;
        let mut reader = Reader::new(copy.get(12..)?);
        let public = reader.bytes(PUBLIC_BYTES).ok()?;
        let (nonce, mut body) = (reader.array().ok()?, reader.array::<64>().ok()?);
        let envelope = Envelope { nonce, tag: reader.array().ok()? };
        at_rest.open(public, &mut body, &envelope).ok()?;
        let index = u32::from_le_bytes(*public.first_chunk()?);
        Some((index, Secret::new(*body.first_chunk()?)))
    };
    places.filter_map(read).collect()
}

fn dump(seed: u64, recent: bool) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(6)?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        day(stay)?;
        stay.wait(700);
        stay.export()
    })?;
    let image = ward.image()?;
    let secrets = dumped(&ward.owner.identity(), &ward.flash.image());
    if secrets.is_empty() {
        return Err(missing("state that the storage root opens"));
    }
    let newest = image.segments().iter().map(|s| s.entries[0].0.session).max().unwrap_or(0);
    for segment in image.segments().iter().filter(|segment| segment.offset != 0) {
        let session = segment.entries[0].0.session;
        if recent != (session + 3 > newest) {
            continue;
        }
        for (index, audit) in &secrets {
            let holder = Holder { audit, segment };
            if holder.open::<Aes256Gcm>(&image).is_some() {
                let how = format!("session {session} opens with a secret stored for {index}");
                return Err(Outcome::succeeded(Goal::SecretRead, how));
            }
        }
    }
    ward.blocked("secrets evolve, and past ones are destroyed", &[0x0001])
}

fn read_without_key(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(3)?;
    let flash = ward.flash.image();
    for (name, bytes) in [("flash", &flash), ("export", &ward.export)] {
        if bytes.windows(NURSE.len()).any(|window| window == NURSE) {
            let how = format!("who set the rate stands in clear in the {name}");
            return Err(Outcome::succeeded(Goal::SecretRead, how));
        }
    }
    let image = ward.image()?;
    for stranger in [SimOwner::new(seed ^ 1), SimOwner::new(seed ^ 2)] {
        let (key, secret) = (ward.owner.public_key(), stranger.authority());
        let given = Given { key: &key, secret: Some(&secret), anchor: None };
        if opens(&image, &given) || opens(&image, &Given { secret: None, ..given }) {
            return Err(Outcome::succeeded(Goal::SecretRead, "another authority reads records"));
        }
    }
    ward.blocked("records are encrypted for the log authority alone", &[0x4001, 0x4002])
}

fn opens(image: &Image, given: &Given<'_>) -> bool {
    image.judge(given).is_ok_and(|view| !view.opened.is_empty())
}

fn personal_data(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let mut prng = ward.prng;
    for round in 0..6_u32 {
        let therapy = Therapy::new();
        let noise = Noise::good(prng.word());
        // From the third on, power or the part fails somewhere in what follows.
        let cut = if round < 3 { 0 } else { 6 + prng.below_u32(30) };
        ward.flash.cut_after(cut);
        let lived = ward.boot_with::<false, _>(ResetCause::LockUp, noise, &therapy, |stay| {
            let mut patient = [0; 16];
            // Before the log runs, in order, with a part that fails, and again.
            for step in 0..4 {
                prng.fill(&mut patient);
                stay.assign(patient);
                stay.press("0e12345e125ex");
                let mut note = [0; 32];
                prng.fill(&mut note);
                stay.note(note);
                if step == 2 {
                    stay.pump.device().log_mut().1.part().fail_after(1);
                }
            }
            if round < 3 { stay.export() } else { Ok(()) }
        })?;
        if let Err(error) = lived {
            ward.wires.send("console", format!("{error} {error:?}").as_bytes());
        }
        ward.flash.cut_after(0);
        ward.flash.fail_after(0);
    }
    ward.days(1)?;
    let opened = ward.judge(&ward.image()?, None)?.opened;
    for record in &opened {
        if let Some(at) = ward.canaries.find(&record.fields) {
            let how = format!("byte {at} of record {} is a patient's number", record.seq);
            return Err(Outcome::succeeded(Goal::PersonalData, how));
        }
    }
    ward.blocked("personal values leave only encrypted under a key of their own", &[0x4001, 0x4008])
}
