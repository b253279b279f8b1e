//! Honest histories: devices that lose power again and again, touched by nobody. Nothing bad may be found in their logs.

use core::fmt;

use medsec_audit::checkpoint::Statement;
use medsec_core::flash::ring::Retention;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};

use super::device::{Device, Setup};
use super::life;
use super::view::{Given, Image};
use crate::fault::Model;
use crate::prng::{Prng, mix};

/// What was lived, and what was said of it.
#[derive(Clone, Default, Debug)]
pub struct Tally {
    /// Histories.
    pub histories: u64,
    /// Power cuts in them.
    pub cuts: u64,
    /// Reports: each log is judged after each boot, in two modes, and with an anchor.
    pub reports: u64,
    /// Reports in which something bad was found.
    pub alarms: u64,
    /// The first of them.
    pub first: Vec<String>,
}

impl Tally {
    /// Adds what another thread counted.
    pub fn merge(&mut self, other: &Self) {
        self.histories += other.histories;
        self.cuts += other.cuts;
        self.reports += other.reports;
        self.alarms += other.alarms;
        self.first.extend(other.first.iter().take(20).cloned());
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for alarm in &self.first {
            writeln!(f, "false alarm: {alarm}")?;
        }
        let Self { histories, cuts, reports, alarms, .. } = self;
        write!(
            f,
            "{histories} honest histories with {cuts} power cuts, {reports} reports, {alarms} false alarms"
        )
    }
}

/// Lives `histories` histories.
#[inline]
#[must_use]
pub fn run(histories: u64, seed: u64) -> Tally {
    let mut tally = Tally::default();
    for history in 0..histories {
        one(history, mix(seed ^ mix(history)), &mut tally);
    }
    tally
}

/// Lives one history, which `seed` draws.
#[inline]
pub fn one(history: u64, seed: u64, tally: &mut Tally) {
    let retention = if history.is_multiple_of(2) { Retention::Overwrite } else { Retention::Block };
    let setup = |pages| Setup { pages, retention, seed: 10 };
    let pages = 3 + u32::try_from(seed % 3).unwrap_or(0);
    match (history / 2) % 6 {
        0 => live::<Aes256Gcm, 4, 4, 2048>(setup(pages), seed, tally),
        1 => live::<ChaCha20Poly1305, 1, 8, 2048>(setup(pages), seed, tally),
        2 => live::<ChaCha20Poly1305, 4, 16, 2048>(setup(pages), seed, tally),
        3 => live::<Aes256Gcm, 4, 256, 4096>(setup(pages), seed, tally),
        4 => live::<ChaCha20Poly1305, 4, 4, 4096>(setup(pages), seed, tally),
        _ => live::<Aes256Gcm, 1, 1, 2048>(setup(pages), seed, tally),
    }
    tally.histories += 1;
}

fn live<S: Suite, const R: usize, const W: usize, const P: usize>(
    setup: Setup,
    seed: u64,
    tally: &mut Tally,
) {
    let Ok(mut device) = Device::<S, R, W, P>::new(setup, Model::None, seed) else {
        tally.alarms += 1;
        return;
    };
    let mut prng = Prng::new(seed);
    let model = Model::CONTRACT[prng.below(Model::CONTRACT.len())];
    device.flash.set_model(model);
    device.flash.set_erase_steps(1 + prng.below_u32(3));
    let mut anchor = None;
    let boots = 4 + prng.below(12);
    for boot in 0..boots {
        let within = prng.choose(&[4, 12, 40, 120]);
        let clean = prng.one(1, 4) || boot + 1 == boots;
        device.flash.cut_after(if clean { 0 } else { 1 + prng.below_u32(within) });
        if !device.boot(prng.word()) {
            tally.alarms += 1;
            tally.first.push(format!("seed {seed} boot {boot}: no log under {model}"));
            return;
        }
        report(&mut device, setup, &mut anchor, (seed, boot), tally);
        let most = prng.choose(&[3, 10, 40]);
        life(&mut device, &mut prng, most);
        if !device.flash.is_off() {
            report(&mut device, setup, &mut anchor, (seed, boot), tally);
            device.power_off();
        }
    }
    tally.cuts += u64::from(device.flash.cuts_in_all());
}

/// Has the log judged in each way, and takes the newest checkpoint as the next anchor that may be one: its session runs, or
/// went on behind it. The last entry of a session that a cut ended may read otherwise next time.
fn report<S: Suite, const R: usize, const W: usize, const P: usize>(
    device: &mut Device<S, R, W, P>,
    setup: Setup,
    anchor: &mut Option<Statement>,
    (seed, boot): (u64, usize),
    tally: &mut Tally,
) {
    let image = device.export().and_then(|export| Image::of(&export).ok());
    let running = device.log().filter(|log| log.is_running()).map(|log| log.health().sessions);
    let (key, secret) = (setup.key().public(), setup.authority());
    for (name, secret) in [("with keys", Some(&secret)), ("public key only", None)] {
        let given = Given { key: &key, secret, anchor: anchor.as_ref() };
        let view = image.as_ref().and_then(|image| image.judge(&given).ok());
        tally.reports += 1;
        let Some(view) = view else {
            tally.alarms += 1;
            tally.first.push(format!("seed {seed} boot {boot}: no report"));
            return;
        };
        if let Some((verdict, page, offset)) = view.summary.first_bad {
            tally.alarms += 1;
            if tally.first.len() < 20 {
                let verdict = verdict_name(verdict);
                let place = format!("page {page} offset {offset}");
                let history = tally.histories;
                tally.first.push(format!(
                    "history {history} seed {seed} boot {boot} {name}: {verdict} at {place}"
                ));
            }
        }
        let rests = |it: &&Statement| {
            running == Some(it.session)
                || view
                    .verified
                    .iter()
                    .any(|entry| entry.session == it.session && entry.seq > it.place.seq)
        };
        let newest = view.statements.iter().filter(rests).max_by_key(|it| it.place.seq);
        if name == "with keys" && newest.is_some() {
            *anchor = newest.copied();
        }
    }
}

fn verdict_name(verdict: medsec_audit::verify::Verdict) -> &'static str {
    use medsec_audit::verify::Verdict;
    match verdict {
        Verdict::Gap => "gap",
        Verdict::Truncated => "truncated",
        Verdict::Modified => "modified",
        Verdict::Reordered => "reordered",
        Verdict::RolledBack => "rolled back",
        Verdict::Verified
        | Verdict::TornTail
        | Verdict::OverwrittenByPolicy
        | Verdict::Unanchored
        | _ => "not bad",
    }
}
