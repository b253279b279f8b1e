//! The adversary: changes logs in every way it can without the device's keys, and counts what the verifier says.
//!
//! # The adversary
//! Has the export and earlier ones, and all of the part but for what is in the core's registers. Knows every format, makes
//! every checksum, knows the public keys, also that of the log authority. Holds neither the device's storage root (and so
//! not the key of its mount either), nor the evolving secrets, nor the signing key.
//!
//! # What is judged
//! Each change is judged three times: with the log authority's secret, without it, and with it and the newest checkpoint as
//! an anchor. [`judge`] says what counts as seen. [`histories`] is the other side: logs of devices that lost power and were
//! touched by nobody, in which nothing bad may be found.

pub mod change;
pub mod device;
pub mod forge;
pub mod histories;
pub mod judge;
pub mod vectors;
pub mod view;

use core::fmt;

use medsec_audit::checkpoint::Statement;
use medsec_audit::verify::Verdict;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::RecordError;
use medsec_core::flash::ring::Retention;
use medsec_core::key::PublicKey;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};

use self::change::{Base, KINDS};
use self::device::{Device, Setup};
use self::judge::{Outcome, compare};
use self::view::{Entry, Given, Image, View};
use crate::fault::Model;
use crate::prng::{Prng, mix};

/// Ways of judging a change.
pub const MODES: [&str; 3] = ["with keys", "public key only", "with keys and anchor"];

const COLUMNS: [&str; 10] = [
    "no effect",
    "torn tail",
    "policy",
    "unanchored",
    "gap",
    "truncated",
    "modified",
    "reordered",
    "rolled back",
    "missed",
];
/// Column of the changes that were not seen.
const MISSED: usize = COLUMNS.len() - 1;

const fn column(outcome: Outcome) -> usize {
    match outcome {
        Outcome::NoEffect | Outcome::Seen(Verdict::Verified) => 0,
        Outcome::Seen(Verdict::TornTail) => 1,
        Outcome::Seen(Verdict::OverwrittenByPolicy) => 2,
        Outcome::Seen(Verdict::Unanchored) => 3,
        Outcome::Seen(Verdict::Gap) => 4,
        Outcome::Seen(Verdict::Truncated) => 5,
        Outcome::Seen(Verdict::Modified) => 6,
        Outcome::Seen(Verdict::Reordered) => 7,
        Outcome::Seen(Verdict::RolledBack) => 8,
        Outcome::Seen(_) | Outcome::Missed(_) => MISSED,
    }
}

/// What was done and what was said of it.
#[derive(Clone, Default, Debug)]
pub struct Tally {
    /// Entries that are verified in the honest logs, records and checkpoints.
    pub entries: u64,
    /// Honest logs that were changed.
    pub logs: u64,
    counts: [[[u64; COLUMNS.len()]; KINDS.len()]; MODES.len()],
    /// The first changes that were not seen: kind, mode, log, draw, why.
    pub missed: Vec<String>,
    /// What the honest histories came to.
    pub histories: histories::Tally,
}

impl Tally {
    /// Changes made.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.counts[0].iter().flatten().sum()
    }

    /// Changes that some mode did not see.
    #[must_use]
    pub fn unseen(&self) -> u64 {
        self.counts.iter().flatten().map(|row| row[MISSED]).sum()
    }

    /// Changes of the kind called `name`.
    #[must_use]
    pub fn of_kind(&self, name: &str) -> u64 {
        let kinds = KINDS.iter().zip(&self.counts[0]);
        kinds.filter(|(kind, _)| kind.name == name).map(|(_, row)| row.iter().sum::<u64>()).sum()
    }

    /// Changes that passed as a torn tail with the log authority's secret at hand.
    #[must_use]
    pub fn torn_tails(&self) -> u64 {
        self.counts[0].iter().map(|row| row[1]).sum()
    }

    /// Adds what another thread counted.
    pub fn merge(&mut self, other: &Self) {
        self.entries += other.entries;
        self.logs += other.logs;
        let cells = self.counts.iter_mut().flatten().flatten();
        for (sum, count) in cells.zip(other.counts.iter().flatten().flatten()) {
            *sum += count;
        }
        self.missed.extend(other.missed.iter().take(20).cloned());
        self.histories.merge(&other.histories);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (mode, counts) in MODES.iter().zip(&self.counts) {
            write!(f, "{mode:<24}")?;
            for column in COLUMNS {
                write!(f, " {column:>11}")?;
            }
            writeln!(f)?;
            let mut sums = [0; COLUMNS.len()];
            for (kind, row) in KINDS.iter().zip(counts) {
                write!(f, "{:<24}", kind.name)?;
                for (count, sum) in row.iter().zip(&mut sums) {
                    write!(f, " {count:>11}")?;
                    *sum += count;
                }
                writeln!(f)?;
            }
            write!(f, "{:<24}", "sum")?;
            for sum in sums {
                write!(f, " {sum:>11}")?;
            }
            writeln!(f, "\n")?;
        }
        for missed in &self.missed {
            writeln!(f, "missed: {missed}")?;
        }
        let (changes, logs, unseen) = (self.changes(), self.logs, self.unseen());
        writeln!(f, "{} entries in {logs} logs, {changes} changes, {unseen} missed", self.entries)?;
        write!(f, "{}", self.histories)
    }
}

/// Makes `changes` changes to honest logs of about 10,000 records in all, and to further, smaller ones where the changes
/// are many.
#[inline]
#[must_use]
pub fn run(changes: u64, seed: u64) -> Tally {
    let mut tally = Tally::default();
    let logs = LOGS + changes / CHANGES_PER_LOG;
    let share = changes.div_ceil(logs);
    for log in 0..logs {
        match log_of(log, seed) {
            Some(subject) => {
                tally.logs += 1;
                tally.entries += u64::try_from(subject.original[0].verified.len()).unwrap_or(0);
                change(&subject, share, mix(seed ^ log), &mut tally);
            }
            None => tally.missed.push(format!("log {log}: no honest log")),
        }
    }
    tally
}

/// An honest log, and what is said of it in each mode.
struct Subject {
    name: u64,
    base: Base,
    key: PublicKey,
    secret: AgreementSecret,
    anchor: Statement,
    original: [View; 3],
    /// All that the device was ever seen to have written, whatever a report said of it.
    genuine: Vec<Entry>,
}

impl Subject {
    fn given(&self, mode: usize) -> Given<'_> {
        Given {
            key: &self.key,
            secret: (mode != 1).then_some(&self.secret),
            anchor: (mode == 2).then_some(&self.anchor),
        }
    }
}

fn change(subject: &Subject, changes: u64, seed: u64, tally: &mut Tally) {
    let mut prng = Prng::new(seed);
    let mut done = 0;
    for draw in 0..changes.saturating_mul(4) {
        if done >= changes {
            return;
        }
        let index = usize::try_from(draw).unwrap_or(0) % KINDS.len();
        let Some(image) = KINDS[index].make(&subject.base, &mut prng) else { continue };
        done += 1;
        for (mode, mode_name) in MODES.iter().enumerate() {
            let outcome = match image.judge(&subject.given(mode)) {
                Ok(changed) => {
                    let anchor = (mode == 2).then_some(subject.anchor.place.seq);
                    compare(&subject.original[mode], &changed, &subject.genuine, anchor)
                }
                Err(_) => Outcome::Missed("not judged"),
            };
            tally.counts[mode][index][column(outcome)] += 1;
            if let Outcome::Missed(why) = outcome
                && tally.missed.len() < 20
            {
                let kind = KINDS[index].name;
                tally
                    .missed
                    .push(format!("{kind} {mode_name}, log {} draw {draw}: {why}", subject.name));
            }
        }
    }
}

/// Honest logs: two suites, two retentions, three geometries.
const LOGS: u64 = 12;
/// One further log for so many changes: more histories rather than more changes to the same ones.
const CHANGES_PER_LOG: u64 = 2_500;
/// What part of the pages and records of the first logs these have.
const SHARE: u32 = 4;

#[inline]
fn log_of(log: u64, seed: u64) -> Option<Subject> {
    let retention = if log.is_multiple_of(2) { Retention::Overwrite } else { Retention::Block };
    let share = if log < LOGS { 1 } else { SHARE };
    let setup = |pages: u32| Setup { pages: pages / share, retention, seed: 10 };
    let seed = mix(seed ^ mix(log));
    match (log / 2) % 6 {
        0 => honest::<Aes256Gcm, 4, 4, 4096>(log, setup(16), seed),
        1 => honest::<ChaCha20Poly1305, 4, 4, 4096>(log, setup(16), seed),
        2 => honest::<Aes256Gcm, 1, 8, 2048>(log, setup(32), seed),
        3 => honest::<ChaCha20Poly1305, 1, 8, 2048>(log, setup(32), seed),
        4 => honest::<Aes256Gcm, 4, 256, 4096>(log, setup(64), seed),
        _ => honest::<ChaCha20Poly1305, 4, 256, 4096>(log, setup(64), seed),
    }
}

/// Lives until the ring is full of records, with a power cut in every third boot or so.
fn honest<S: Suite, const R: usize, const W: usize, const P: usize>(
    name: u64,
    setup: Setup,
    seed: u64,
) -> Option<Subject> {
    let mut device = Device::<S, R, W, P>::new(setup, Model::None, seed).ok()?;
    let mut prng = Prng::new(seed);
    let mut older = Vec::new();
    let enough = if name < LOGS { RECORDS } else { RECORDS / SHARE };
    let mut records = 0;
    while records < enough || older.len() < 24 {
        if !device.boot(prng.word()) {
            return None;
        }
        if prng.one(1, 4)
            && let Some(export) = device.export()
        {
            older.push(Image::of(&export).ok()?);
        }
        device.flash.set_model(Model::CONTRACT[prng.below(Model::CONTRACT.len())]);
        device.flash.cut_after(if prng.one(1, 3) { 1 + prng.below_u32(60) } else { 0 });
        records += life(&mut device, &mut prng, 70);
        if prng.one(1, 3)
            && let Some(export) = device.export()
        {
            older.push(Image::of(&export).ok()?);
        }
        device.flash.cut_after(0);
        device.power_off();
    }
    device.boot(prng.word()).then_some(())?;
    life(&mut device, &mut prng, 40);
    if let Some(log) = device.log() {
        log.request_checkpoint();
    }
    device.maintain().ok()?;
    for _ in 0..5 {
        // The newest records, that nothing vouches for yet.
        device.record(&mut prng).ok();
    }
    let image = Image::of(&device.export()?).ok()?;
    let (key, secret) = (setup.key().public(), setup.authority());
    let view = |secret, anchor| image.judge(&Given { key: &key, secret, anchor }).ok();
    let keyed = view(Some(&secret), None)?;
    let anchor = *keyed.statements.iter().max_by_key(|statement| statement.place.seq)?;
    let original = [keyed, view(None, None)?, view(Some(&secret), Some(&anchor))?];
    let honest = original.iter().all(|view| view.summary.first_bad.is_none());
    if !honest || !original[2].summary.anchored {
        return None;
    }
    older.truncate(40);
    let mut genuine: Vec<Entry> = Vec::new();
    for image in older.iter().chain([&image]) {
        // Also what a clearing gave up before a report could call it verified, and what was in flight at a cut.
        let segments = image.segments().into_iter();
        genuine.extend(segments.flat_map(|segment| segment.entries).map(|(entry, _)| entry));
        for secret in [None, Some(&secret)] {
            let view = image.judge(&Given { key: &key, secret, anchor: None }).ok()?;
            genuine.extend(view.verified);
        }
    }
    genuine.sort_unstable();
    genuine.dedup();
    let base = Base::new(image, older, secret.public());
    Some(Subject { name, base, key, secret, anchor, original, genuine })
}

/// Records appended in the life of one log; what the ring cannot hold is given up.
const RECORDS: u32 = 1300;

/// One boot: up to `most` records, maintenance in between. How many were acknowledged.
fn life<S: Suite, const R: usize, const W: usize, const P: usize>(
    device: &mut Device<S, R, W, P>,
    prng: &mut Prng,
    most: usize,
) -> u32 {
    let mut count = 0;
    if let Some(log) = device.log() {
        log.request_session();
    }
    if prng.one(1, 8) {
        device.wait(700_000);
    }
    for _ in 0..prng.below(most) {
        match device.record(prng) {
            Ok(_) => count += 1,
            Err(RecordError::Full) => {
                if let Some(log) = device.log() {
                    log.request_clear();
                }
            }
            Err(_) => {}
        }
        if prng.one(1, 60)
            && let Some(log) = device.log()
        {
            log.request_checkpoint();
        }
        let failed = (count == 0 || prng.one(3, 4)) && device.maintain().is_err();
        if failed && device.flash.is_off() {
            break;
        }
    }
    count
}

/// One log of at least `records` records over many boots, on 4 KiB pages of which it fills most, and whose it is.
#[inline]
#[must_use]
pub fn large(records: u32) -> Option<(Image, Setup)> {
    let setup = Setup { pages: records / 36, retention: Retention::Overwrite, seed: 10 };
    let mut device = Device::<Aes256Gcm, 4, 4, 4096>::new(setup, Model::None, 1).ok()?;
    let mut prng = Prng::new(1);
    let mut count = 0;
    while count < records {
        device.boot(prng.word()).then_some(())?;
        count += life(&mut device, &mut prng, 100);
        device.power_off();
    }
    device.boot(prng.word()).then_some(())?;
    Some((Image::of(&device.export()?).ok()?, setup))
}
