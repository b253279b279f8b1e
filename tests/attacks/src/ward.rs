//! A pump at a bed, its owner, and all that can be measured of it from outside.

use core::fmt::Display;

use infusion_pump::application::Pump;
use infusion_pump::events::{PatientNumber, PumpEvent};
use infusion_pump::pump::Key;
use infusion_pump::therapy::{TICK_MS, Therapy};
use medsec::audit::log::Progress;
use medsec::core::event::PrincipalId;
use medsec::core::flash::Region;
use medsec::core::suite::Aes256Gcm;
use medsec::{BootError, Device, Pause, Port, Profile, ResetCause, Retention, Sensitive};
use medsec_audit::checkpoint::Statement;
use medsec_audit::verify::Assurance;
use medsec_sim::adversary::heart::{Heart, TimedFlash};
use medsec_sim::adversary::wire::{Canaries, Wires};
use medsec_sim::adversary::{Goal, Outcome};
use medsec_sim::clock::SimClock;
use medsec_sim::device::{LOG_PAGES, MODEL, PAGE_BYTES, SimFlash, SimOwner};
use medsec_sim::fault::Model;
use medsec_sim::prng::Prng;
use medsec_sim::rng::Noise;
use medsec_sim::tamper::view::{Entry, Given, Image, Record, View};

use crate::host;

/// The nurse, by the random id of her enrolment.
pub(crate) const NURSE: [u8; 8] = *b"\x1f\x8a\x55\x02\x9c\x33\x71\xe0";
/// What the therapy loop lends for maintenance, in milliseconds.
pub(crate) const PAUSE_MS: u32 = 8;
/// A tick of the therapy may be late by no more than one period.
const LATE_US_MAX: u64 = 10_000;
/// More calls of maintenance than anything takes.
const TURNS_MAX: u32 = 4_000;

/// The pump's board for one boot; `BLOCK` if its log refuses when it is full.
pub(crate) struct Board<'a, 'e, const BLOCK: bool> {
    flash: TimedFlash<'a, 'e>,
    noise: Noise,
    clock: SimClock,
}

impl<'a, 'e, const BLOCK: bool> Port for Board<'a, 'e, BLOCK> {
    type Suite = Aes256Gcm;
    type Flash = TimedFlash<'a, 'e>;
    type Entropy = Noise;
    type Clock = SimClock;

    const PROFILE: Profile = Profile {
        model: MODEL,
        cell: Region::new(0, 4 * PAGE_BYTES),
        log: Region::new(4 * PAGE_BYTES, LOG_PAGES * PAGE_BYTES),
        retention: if BLOCK { Retention::Block } else { Retention::Overwrite },
    };

    fn parts(self) -> (Self::Flash, Self::Entropy, Self::Clock) {
        (self.flash, self.noise, self.clock)
    }
}

/// The pump between its boots.
pub(crate) struct Ward {
    /// Draws all that the pump and its owner have.
    pub(crate) seed: u64,
    pub(crate) owner: SimOwner,
    pub(crate) flash: SimFlash,
    pub(crate) prng: Prng,
    pub(crate) wires: Wires,
    /// Patients' numbers, which must be found nowhere.
    pub(crate) canaries: Canaries,
    /// The last export that was taken.
    pub(crate) export: Vec<u8>,
    late_us: u64,
}

impl Ward {
    /// A new pump.
    pub(crate) fn new(seed: u64) -> Result<Self, Outcome> {
        let owner = SimOwner::new(seed);
        let flash = owner.manufacture(Model::None, seed).map_err(Outcome::inconclusive)?;
        let (prng, wires, canaries) = (Prng::new(seed), Wires::new(), Canaries::new());
        Ok(Self { seed, owner, flash, prng, wires, canaries, export: Vec::new(), late_us: 0 })
    }

    /// A power cycle in which `live` happens; the log runs when it begins.
    pub(crate) fn boot<const BLOCK: bool, T>(
        &mut self,
        cause: ResetCause,
        live: impl FnOnce(&mut Stay<'_, '_, BLOCK>) -> Result<T, Outcome>,
    ) -> Result<T, Outcome> {
        let noise = Noise::good(self.prng.word());
        let therapy = Therapy::new();
        let lived = self.boot_with::<BLOCK, T>(cause, noise, &therapy, |stay| {
            stay.rest();
            live(stay)
        })?;
        lived.map_err(|error| Outcome::inconclusive(format!("no log: {error}")))
    }

    /// A power cycle with a noise source and a therapy of the caller's, and whatever the boot comes to.
    pub(crate) fn boot_with<const BLOCK: bool, T>(
        &mut self,
        cause: ResetCause,
        noise: Noise,
        therapy: &Therapy,
        live: impl FnOnce(&mut Stay<'_, '_, BLOCK>) -> Result<T, Outcome>,
    ) -> Result<Result<T, BootError>, Outcome> {
        self.flash.power_off();
        self.flash.power_on();
        let clock = SimClock::new();
        let tick = || therapy.tick();
        let heart = Heart::new(clock.clone(), TICK_MS, &tick);
        let flash = TimedFlash::new(&mut self.flash, &heart);
        let board = Board::<BLOCK> { flash, noise, clock };
        let outcome = match Device::boot(board, &self.owner.identity(), cause) {
            Ok(device) => {
                let mut stay = Stay {
                    pump: Pump::new(device, therapy),
                    therapy,
                    heart: &heart,
                    wires: &mut self.wires,
                    canaries: &mut self.canaries,
                    export: &mut self.export,
                };
                Ok(live(&mut stay))
            }
            Err(error) => {
                // The essential function goes on without a log.
                self.wires.send("console", format!("{error} {error:?}\n").as_bytes());
                heart.pass(1_000_000);
                Err(error)
            }
        };
        self.late_us = self.late_us.max(heart.late_us());
        match outcome {
            Ok(lived) => lived.map(Ok),
            Err(error) => Ok(Err(error)),
        }
    }

    /// An ordinary day of the pump: `boots` power cycles with patients, changes of the rate and alarms.
    pub(crate) fn days(&mut self, boots: u32) -> Result<(), Outcome> {
        for _ in 0..boots {
            self.boot::<false, _>(ResetCause::PowerOn, day)?;
        }
        Ok(())
    }

    /// What the log authority says of an image.
    pub(crate) fn judge(&self, image: &Image, anchor: Option<&Statement>) -> Result<View, Outcome> {
        let (key, secret) = (self.owner.public_key(), self.owner.authority());
        let given = Given { key: &key, secret: Some(&secret), anchor };
        image.judge(&given).map_err(|error| Outcome::inconclusive(format!("{error:?}")))
    }

    /// The last export as an image.
    pub(crate) fn image(&self) -> Result<Image, Outcome> {
        Image::of(&self.export).map_err(|error| Outcome::inconclusive(format!("{error:?}")))
    }

    /// The authentic records of the last export.
    fn authentic(&self) -> Result<Vec<Record>, Outcome> {
        let mut opened = self.judge(&self.image()?, None)?.opened;
        opened.retain(|record| record.assurance != Assurance::Unanchored);
        Ok(opened)
    }

    /// The fields of those of an event.
    pub(crate) fn records_of(&self, event: u16) -> Result<Vec<Vec<u8>>, Outcome> {
        let of_event = |record: Record| (record.event == event).then_some(record.fields);
        Ok(self.authentic()?.into_iter().filter_map(of_event).collect())
    }

    /// The attack was stopped by `control`; looks at what must hold besides, and that `events` stand in the last export.
    pub(crate) fn blocked(
        &mut self,
        control: &'static str,
        events: &[u16],
    ) -> Result<Outcome, Outcome> {
        if self.late_us > LATE_US_MAX {
            let how = format!("a tick was {} µs late", self.late_us);
            return Err(Outcome::succeeded(Goal::TickLate, how));
        }
        let image = self.flash.image();
        self.wires.send("flash", &image);
        if !self.export.is_empty() {
            let made = host::reports(&self.owner, &self.export)?;
            self.wires.send("report", &made);
            let records = self.authentic()?;
            let is_there = |id: &u16| records.iter().any(|record| record.event == *id);
            if let Some(missing) = events.iter().find(|id| !is_there(id)) {
                let how = format!("no authentic record of event {missing:#06x}");
                return Err(Outcome::succeeded(Goal::LogSilenced, how));
            }
        } else if !events.is_empty() {
            return Err(Outcome::inconclusive("no export to look for events in"));
        }
        if let Some((wire, at)) = self.wires.leak(&self.canaries) {
            let how = format!("a patient's number at byte {at} of {wire}");
            return Err(Outcome::succeeded(Goal::PersonalData, how));
        }
        Ok(Outcome::Blocked { control, events: events.to_vec() })
    }
}

/// The pump in one power cycle.
pub(crate) struct Stay<'a, 'e, const BLOCK: bool> {
    pub(crate) pump: Pump<'a, Board<'a, 'e, BLOCK>>,
    pub(crate) therapy: &'a Therapy,
    pub(crate) heart: &'a Heart<'e>,
    wires: &'a mut Wires,
    canaries: &'a mut Canaries,
    export: &'a mut Vec<u8>,
}

impl<const BLOCK: bool> Stay<'_, '_, BLOCK> {
    /// Does all maintenance that is due; whether it ended well.
    pub(crate) fn rest(&mut self) -> bool {
        for _ in 0..TURNS_MAX {
            self.heart.pass(2_000);
            match self.pump.idle(&Pause::lend(&mut (), PAUSE_MS)) {
                Ok(Progress::Idle) => return true,
                Ok(_) => {}
                Err(error) => {
                    self.say(&error);
                    return false;
                }
            }
        }
        false
    }

    /// Puts `what` on the console.
    pub(crate) fn say(&mut self, what: &dyn Display) {
        self.wires.send("console", format!("{what}\n").as_bytes());
    }

    /// Something is on the wire of a link.
    pub(crate) fn hear(&mut self, message: &[u8]) {
        self.wires.send("link", message);
    }

    /// Presses keys, with maintenance behind each; whether all were taken.
    pub(crate) fn press(&mut self, keys: &str) -> bool {
        let mut taken = true;
        for key in keys.chars() {
            let key = match key {
                'e' => Key::Enter,
                'c' => Key::Clear,
                's' => Key::Start,
                'x' => Key::Stop,
                'a' => Key::Silence,
                _ => Key::Digit(key.to_digit(10).and_then(|d| u8::try_from(d).ok()).unwrap_or(0)),
            };
            if let Err(error) = self.pump.press(key) {
                self.say(&error);
                self.wires.send("console", format!("{error:?}\n").as_bytes());
                taken = false;
            }
            self.rest();
        }
        taken
    }

    /// Gives the pump to a patient, whose number is looked for everywhere from now on.
    pub(crate) fn assign(&mut self, patient: [u8; 16]) -> bool {
        self.canaries.add(&patient);
        let assigned = self.pump.assign(PrincipalId::new(NURSE), PatientNumber::new(patient));
        if let Err(error) = &assigned {
            self.wires.send("console", format!("{error} {error:?}\n").as_bytes());
        }
        self.rest();
        assigned.is_ok()
    }

    /// A note in somebody's own words, which are looked for everywhere from now on.
    pub(crate) fn note(&mut self, text: [u8; 32]) {
        self.canaries.add(&text);
        let event =
            PumpEvent::NoteTaken { by: PrincipalId::new(NURSE), text: Sensitive::new(text) };
        if let Err(error) = self.pump.device().log(&event) {
            self.wires.send("console", format!("{error} {error:?}\n").as_bytes());
        }
        self.rest();
    }

    /// Seconds go by.
    pub(crate) fn wait(&mut self, seconds: u64) {
        self.heart.pass(seconds * 1_000_000);
        self.rest();
    }

    /// Asks for a checkpoint and has it written.
    pub(crate) fn checkpoint(&mut self) {
        self.pump.device().log_mut().0.request_checkpoint();
        self.rest();
    }

    /// Takes an export, which is then the last one.
    pub(crate) fn export(&mut self) -> Result<(), Outcome> {
        let (log, flash) = self.pump.device().log_mut();
        let bytes = usize::try_from(log.export_bytes()).map_err(Outcome::inconclusive)?;
        let mut export = vec![0; bytes];
        let mut cursor = log.export_start().map_err(Outcome::inconclusive)?;
        let mut done = 0;
        while done < bytes {
            let given = log.export(flash, MODEL, &mut cursor, &mut export[done..]);
            done += given.map_err(Outcome::inconclusive)?;
        }
        self.wires.send("export", &export);
        *self.export = export;
        Ok(())
    }
}

/// One power cycle of an ordinary day, exported at its end.
pub(crate) fn day<const BLOCK: bool>(stay: &mut Stay<'_, '_, BLOCK>) -> Result<(), Outcome> {
    let mut patient = *b"PATIENT-........";
    let serial = u64::from(stay.pump.device().health().log.sessions);
    Prng::new(serial).fill(&mut patient[8..]);
    let worked = stay.assign(patient) && stay.press("125es");
    stay.wait(20);
    let worked = worked && stay.press("90e") && stay.press("xs");
    stay.wait(5);
    let raised = stay.pump.raise(infusion_pump::therapy::Alarm::Occlusion).is_ok();
    stay.rest();
    let worked = worked && raised && stay.press("asx");
    stay.export()?;
    if worked { Ok(()) } else { Err(Outcome::inconclusive("an ordinary day did not go by")) }
}

/// A log to attack: many sessions, some signed, and what is genuine in it.
pub(crate) struct Evidence {
    /// The newest export.
    pub(crate) image: Image,
    /// Earlier ones.
    pub(crate) older: Vec<Image>,
    /// A signed checkpoint that was kept outside: the newest.
    pub(crate) anchor: Statement,
    /// What the log authority says of the image.
    pub(crate) view: View,
    /// The same with the anchor.
    pub(crate) anchored: View,
    /// All that the device ever wrote.
    pub(crate) genuine: Vec<Entry>,
}

impl Evidence {
    /// The log of `boots` ordinary days and one more, which ends with a checkpoint.
    pub(crate) fn gather(ward: &mut Ward, boots: u32) -> Result<Self, Outcome> {
        let mut older = Vec::new();
        for _ in 0..boots {
            ward.days(1)?;
            older.push(ward.image()?);
        }
        ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
            day(stay)?;
            stay.checkpoint();
            stay.export()
        })?;
        let image = ward.image()?;
        let view = ward.judge(&image, None)?;
        let newest = view.statements.iter().max_by_key(|statement| statement.place.seq).copied();
        let anchor = newest.ok_or_else(|| Outcome::inconclusive("no checkpoint"))?;
        let anchored = ward.judge(&image, Some(&anchor))?;
        if anchored.summary.first_bad.is_some() || !anchored.summary.anchored {
            return Err(Outcome::inconclusive("the log is not whole before the attack"));
        }
        let mut genuine = Vec::new();
        for image in older.iter().chain([&image]) {
            genuine.extend(ward.judge(image, None)?.verified);
        }
        genuine.sort_unstable();
        genuine.dedup();
        Ok(Self { image, older, anchor, view, anchored, genuine })
    }
}
