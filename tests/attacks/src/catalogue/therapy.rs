//! Attacks on what the pump does at the bed, by way of its log, its clock and its keys.

use infusion_pump::pump::Key;
use infusion_pump::therapy::Alarm;
use medsec::ResetCause;
use medsec::core::event::{PrincipalId, SystemEvent};
use medsec::core::time::{TimeSource, WallTime};
use medsec_sim::adversary::{Attack, Goal, Outcome};
use medsec_sim::device::LOG_PAGES;

use crate::ward::{NURSE, Stay, Ward, day};

pub(super) static ATTACKS: [Attack; 6] = [
    Attack {
        id: "act-unrecorded",
        title: "the flash is made to fail under a change of the rate, so that no record of it is left",
        requirements: &["R11", "X02"],
        sources: &["KennyLoggings, CCS 2020"],
        weakness: "act-before-record",
        also_broken_by: &[],
        run: act_unrecorded,
    },
    Attack {
        id: "full-log-and-dead-part",
        title: "the log is filled and its part worn out, so that the pump might stop",
        requirements: &["X02"],
        sources: &["medsec invariant 1"],
        weakness: "security-stops-delivery",
        also_broken_by: &[(
            "reserve-spent",
            "with the reserve used up nothing is written, so nothing notices a dead part",
        )],
        run: full_log_and_dead_part,
    },
    Attack {
        id: "full-log-no-export",
        title: "a log that refuses when full is filled, so that nobody can record its export",
        requirements: &["R11", "X19"],
        sources: &["medsec F11"],
        weakness: "reserve-spent",
        also_broken_by: &[],
        run: full_log_no_export,
    },
    Attack {
        id: "burst-of-records",
        title: "records come faster than pages are erased, so that a tick might wait for an erase",
        requirements: &["X02", "X21"],
        sources: &["meshtastic pull request 11872", "PX4 pull request 26896"],
        weakness: "append-erases",
        also_broken_by: &[],
        run: burst_of_records,
    },
    Attack {
        id: "clock-set-back",
        title: "the clock is set back, so that what expired might open again",
        requirements: &["X06"],
        sources: &["medsec F18"],
        weakness: "clock-forgets-latest",
        also_broken_by: &[],
        run: clock_set_back,
    },
    Attack {
        id: "flood-of-refusals",
        title: "wrong keys are pressed again and again until the evidence is pushed out of the log",
        requirements: &["R11", "X21"],
        sources: &["medsec F11", "medsec audit design, flooding"],
        weakness: "refusals-unlimited",
        also_broken_by: &[],
        run: flood_of_refusals,
    },
];

fn missing(what: &str) -> Outcome {
    Outcome::inconclusive(format!("no {what}"))
}

fn act_unrecorded(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(1)?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        stay.press("125es");
        let rate = stay.therapy.ul_per_hour();
        let before = stay.therapy.delivered_ul();
        for keys in ["990e", "250e", "50e"] {
            for key in keys.chars().take_while(|key| *key != 'e') {
                stay.press(&key.to_string());
            }
            stay.pump.device().log_mut().1.part().fail_after(1);
            let taken = stay.pump.press(Key::Enter);
            if taken.is_ok() || stay.therapy.ul_per_hour() != rate {
                let how = format!("{} µl/h without a record", stay.therapy.ul_per_hour());
                return Err(Outcome::succeeded(Goal::Dose, how));
            }
            stay.rest();
        }
        stay.heart.pass(60_000_000);
        // 12.5 ml/h for a minute, within what a few ticks deliver.
        let delivered = stay.therapy.delivered_ul() - before;
        if !(208..=230).contains(&delivered) {
            return Err(Outcome::succeeded(Goal::Dose, format!("{delivered} µl in a minute")));
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("a change is recorded before it is made", &[0x4002, 0x4004])
}

/// A running pump whose log, which refuses when full, is full.
fn fill(stay: &mut Stay<'_, '_, true>) -> Result<(), Outcome> {
    let started = stay.press("360es");
    for _ in 0..4_000 {
        if !stay.press("a") {
            return if started { Ok(()) } else { Err(missing("start")) };
        }
    }
    Err(missing("full log"))
}

fn full_log_and_dead_part(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.boot::<true, _>(ResetCause::PowerOn, |stay| {
        fill(stay)?;
        stay.export()?;
        for page in 0..4 + LOG_PAGES {
            stay.pump.device().log_mut().1.part().wear_out(page);
        }
        // The auditor's record fails, and so does all maintenance from here on.
        let by = PrincipalId::new(NURSE);
        let recorded = stay.pump.device().log_reserved(&SystemEvent::ExportStarted { by });
        let rested = stay.rest();
        if recorded.is_ok() || rested || stay.therapy.alarm() != Some(Alarm::Security) {
            let how = format!("a dead log raises no alarm; it said {:?}", recorded.err());
            return Err(Outcome::succeeded(Goal::Alarm, how));
        }
        let before = stay.therapy.delivered_ul();
        stay.heart.pass(60_000_000);
        let delivered = stay.therapy.delivered_ul() - before;
        if !(590..=610).contains(&delivered) {
            let how = format!("{delivered} µl in a minute at 36 ml/h");
            return Err(Outcome::succeeded(Goal::Dose, how));
        }
        let raised = stay.pump.raise(Alarm::Occlusion);
        if raised.is_ok() || stay.therapy.alarm() != Some(Alarm::Occlusion) {
            return Err(Outcome::succeeded(Goal::Alarm, "no alarm without a record of it"));
        }
        if stay.therapy.is_running() {
            return Err(Outcome::succeeded(Goal::Dose, "a blocked line does not stop delivery"));
        }
        Ok(())
    })?;
    ward.blocked("therapy does not wait for the log, and stopping is always possible", &[0x0101])
}

fn full_log_no_export(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.boot::<true, _>(ResetCause::PowerOn, |stay| {
        fill(stay)?;
        let by = PrincipalId::new(NURSE);
        if let Err(error) = stay.pump.device().log_reserved(&SystemEvent::ExportStarted { by }) {
            let how = format!("the export of a full log cannot be recorded: {error}");
            return Err(Outcome::succeeded(Goal::LogSilenced, how));
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("a reserve that only the way out of a full log uses", &[0x0105])
}

fn burst_of_records(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(1)?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        stay.press("360es");
        let mut refused = 0_u32;
        for _ in 0..400 {
            refused += u32::from(stay.pump.press(Key::Silence).is_err());
        }
        stay.rest();
        day(stay)?;
        // The open page and the erased one behind it do not hold all.
        if refused == 0 && stay.heart.late_us() <= 10_000 {
            return Err(missing("erase in the way"));
        }
        Ok(())
    })?;
    ward.blocked("an append never erases", &[0x4007])
}

fn clock_set_back(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        let wall = |unix_seconds| WallTime {
            unix_seconds,
            source: TimeSource::Person,
            uncertainty_seconds: 60,
        };
        let now = 1_780_300_800;
        for seconds in [now, now - 86_400 * 365, now - 1, 0] {
            stay.pump.device().set_wall_time(wall(seconds)).map_err(Outcome::inconclusive)?;
            stay.wait(5);
            let latest = stay.pump.device().latest_wall_time().unix_seconds;
            if latest < now {
                let how = format!("what expires is judged by {latest}, after {now} was seen");
                return Err(Outcome::succeeded(Goal::Configuration, how));
            }
        }
        day(stay)
    })?;
    ward.blocked("expiry is judged by the latest time there was", &[0x0007, 0x0008])
}

fn flood_of_refusals(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    ward.days(2)?;
    let evidence = ward.judge(&ward.image()?, None)?.verified;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        for _ in 0..3_000 {
            let refused = stay.pump.press(Key::Enter);
            if refused.is_ok() || stay.therapy.ul_per_hour() != 0 {
                return Err(Outcome::succeeded(Goal::Dose, "a rate out of range is set"));
            }
            stay.rest();
        }
        // The number of those that were left out is told in time.
        stay.wait(700);
        stay.press("e");
        stay.export()
    })?;
    let view = ward.judge(&ward.image()?, None)?;
    let lost = evidence.iter().filter(|entry| !view.verified.contains(entry)).count();
    if lost > 0 {
        let how = format!("{lost} of {} records are pushed out by wrong keys", evidence.len());
        return Err(Outcome::succeeded(Goal::LogSilenced, how));
    }
    ward.blocked("what anybody can cause is recorded a few times, then counted", &[0x4003, 0x0103])
}
