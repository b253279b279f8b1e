//! Attacks by people: who is nobody, who may something else, who was removed or has left, who says that he is another, and who has another pump.

use std::collections::HashSet;

use infusion_pump::people::PumpRole;
use medsec::auth::authenticator::Place;
use medsec::auth::credential::{Credentials, Flags};
use medsec::auth::event::SessionEnd;
use medsec::auth::people::PersonChange;
use medsec::auth::session::SessionId;
use medsec::core::identity::certificate::Kind;
use medsec::core::identity::trust::Origin;
use medsec::core::time::{TimeSource, WallTime};
use medsec::link::{Endpoint, Happened, OUT_BYTES_MIN};
use medsec_sim::adversary::{Attack, Goal, Outcome};
use medsec_sim::device::{PAGE_BYTES, PAGES, SimFlash};
use medsec_sim::fault::Model;
use medsec_sim::links::{SimHolder, SimLinks};

use super::link::{linked, links, missing, standing};
use crate::staff::{Bed, Member, Team, at_bed, knows_nobody, staffed};
use crate::ward::Ward;

const RATE_CHANGED: u16 = 0x4002;
const SESSION_ENDED: u16 = 0x1004;
const LOGIN_FAILED: u16 = 0x1003;
const ACCESS_DENIED: u16 = 0x1007;
const REVIEWED: u16 = 0x100A;
const REMOVED: u16 = 0x100C;
/// What was ordered, and what an attacker wants, in microlitres per hour.
const ORDERED: u32 = 36_000;
const WANTED: u32 = 999_000;

pub(super) static ATTACKS: [Attack; 7] = [
    Attack {
        id: "serial-number-only",
        title: "who knows the pump's serial number, and all that can be made of it, sets a dose",
        requirements: &["R10", "R12"],
        sources: &["CVE-2019-10964", "CWE-798", "CWE-284"],
        weakness: "any-secret",
        also_broken_by: &[],
        run: serial_number_only,
    },
    Attack {
        id: "every-command",
        title: "each command is given without a session, and in one of each role",
        requirements: &["R12", "R14"],
        sources: &["CVE-2022-1066", "CVE-2022-26423"],
        weakness: "role-unchecked",
        also_broken_by: &[],
        run: every_command,
    },
    Attack {
        id: "removed-goes-on",
        title: "somebody whose session is open is removed, without any network, and goes on in it",
        requirements: &["R12", "X03"],
        sources: &["CVE-2019-13517", "CWE-613"],
        weakness: "removed-kept",
        also_broken_by: &[],
        run: removed_goes_on,
    },
    Attack {
        id: "left-and-clock-set-back",
        title: "a nurse has left, the clock is set back by an hour, and somebody acts in her session",
        requirements: &["R12", "X06"],
        sources: &["CVE-2019-13517", "CWE-613"],
        weakness: "session-endless",
        also_broken_by: &[],
        run: left_and_clock_set_back,
    },
    Attack {
        id: "other-name-on-own-link",
        title: "a nurse's tool leaves its own check out, and says on her link that she is the administrator, whose bag was stolen",
        requirements: &["R12", "R18"],
        sources: &["CVE-2021-43355", "CWE-603"],
        weakness: "place-unbound",
        also_broken_by: &[],
        run: other_name_on_own_link,
    },
    Attack {
        id: "people-of-another-pump",
        title: "the people of a pump that somebody owns are put into 1,000 others",
        requirements: &["R10", "R14"],
        sources: &["CVE-2022-22766", "CVE-2017-6022", "CWE-1392"],
        weakness: "root-shared",
        also_broken_by: &[],
        run: people_of_another_pump,
    },
    Attack {
        id: "grant-kept",
        title: "what was granted in a session is kept, and used when that has ended",
        requirements: &["R12"],
        sources: &["CVE-2022-26393", "CWE-672"],
        weakness: "grant-undying",
        also_broken_by: &[],
        run: grant_kept,
    },
];

/// The nurse sets what was ordered, and starts.
fn treat(bed: &mut Bed<'_, '_, '_>, team: &Team) -> Result<SessionId, Outcome> {
    let session = bed.enter(&team.nurse, Place::Local)?;
    if bed.set_rate(session, ORDERED)? && bed.stay.press("s") {
        Ok(session)
    } else {
        Err(missing("therapy"))
    }
}

/// What is delivered in a minute from now is what was ordered.
fn delivers_as_ordered(bed: &mut Bed<'_, '_, '_>, who: &str) -> Result<(), Outcome> {
    let before = bed.stay.therapy.delivered_ul();
    bed.stay.heart.pass(60_000_000);
    let delivered = bed.stay.therapy.delivered_ul() - before;
    if (590..=610).contains(&delivered) && bed.stay.therapy.ul_per_hour() == ORDERED {
        return Ok(());
    }
    let how = format!("{who}: {delivered} µl in a minute instead of 600");
    Err(Outcome::succeeded(Goal::Dose, how))
}

/// The pages in which people and their attempts are kept.
fn peoples_pages(flash: &[u8]) -> &[u8] {
    &flash[usize::try_from(PAGES * PAGE_BYTES).unwrap_or(0)..]
}

fn serial_number_only(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, team) = staffed(seed)?;
    let links = links(&ward)?;
    at_bed(&mut ward, |bed| {
        let session = treat(bed, &team)?;
        // She is gone, and nobody has a session.
        let ended = bed.people.sessions().end(session, SessionEnd::LoggedOut);
        ended.map_err(Outcome::inconclusive)?;
        let serial = bed.id();
        let digits = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let (whole, front, back): (String, String, String) =
            (digits(&serial), digits(&serial[..3]), digits(&serial[13..]));
        let made = [&whole, &front, &back, "", "0000", "123456", "service", "password"];
        for (member, secret) in team.all().into_iter().cycle().zip(made) {
            let entered = bed.password(&member, Place::Local, None, secret.as_bytes());
            if let Ok(session) = entered {
                bed.set_rate(session, WANTED)?;
            }
            bed.rest()?;
        }
        // And over the air, as the pump's remote control would say it if there were nothing else to know.
        let mut end = Endpoint::<_, 1>::new(standing(&links)?, bed.stay.pump.device().now());
        for channel in 0x80..=0x87 {
            let mut message = [&[channel, 0, 0], &serial[..], b"basal 999.0", &[0; 16]].concat();
            let mut out = [0; OUT_BYTES_MIN];
            let happened = end.receive(bed.stay.pump.device(), &mut message, &mut out);
            if matches!(happened, Ok(Happened::Application(..))) {
                return Err(Outcome::succeeded(Goal::Dose, "the pump is told by anybody"));
            }
        }
        delivers_as_ordered(bed, "by the serial number")?;
        bed.rest()?;
        bed.stay.export()
    })?;
    ward.blocked(
        "people prove who they are, by what no number tells",
        &[RATE_CHANGED, LOGIN_FAILED],
    )
}

/// What each role may of: the rate, the patient, people, the review of an emergency.
const MAY: [(PumpRole, [bool; 4]); 5] = [
    (PumpRole::Nurse, [true, false, false, false]),
    (PumpRole::Clinician, [true, true, false, false]),
    (PumpRole::Administrator, [false, false, true, false]),
    (PumpRole::Auditor, [false, false, false, true]),
    (PumpRole::Technician, [false, false, false, false]),
];

fn every_command(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, team) = staffed(seed)?;
    at_bed(&mut ward, |bed| {
        for (turn, member) in (0_u8..).zip(team.all()) {
            let may = MAY.iter().find(|(role, _)| *role == member.role).map(|(_, may)| *may);
            let session = bed.enter(&member, Place::Local)?;
            commanded(bed, session, turn, may.ok_or_else(|| missing("role"))?)?;
            let ended = bed.people.sessions().end(session, SessionEnd::LoggedOut);
            ended.map_err(Outcome::inconclusive)?;
            // Whoever is there has no session.
            commanded(bed, session, turn | 0x40, [false; 4])?;
            bed.rest()?;
        }
        bed.stay.export()
    })?;
    let reviewers = ward.records_of(REVIEWED)?;
    if reviewers.len() != 1 || reviewers[0].windows(8).all(|by| by != team.auditor.id.bytes()) {
        let how = format!("{} records of a review, one by the auditor is due", reviewers.len());
        return Err(Outcome::succeeded(Goal::LogForged, how));
    }
    ward.blocked("each command asks for a permission", &[RATE_CHANGED, ACCESS_DENIED, REVIEWED])
}

/// All commands in a session; what they do is what it may, at the drive, at the bed and among the people.
fn commanded(
    bed: &mut Bed<'_, '_, '_>,
    session: SessionId,
    turn: u8,
    [rate, patient, people, review]: [bool; 4],
) -> Result<(), Outcome> {
    let wrong = |what: &str, goal, was_due| {
        if was_due {
            return Err(missing(what));
        }
        Err(Outcome::succeeded(goal, format!("in session {turn:#04x} {what} is changed")))
    };
    let due = 10_000 + 100 * u32::from(turn);
    bed.set_rate(session, due)?;
    if (bed.stay.therapy.ul_per_hour() == due) != rate {
        return wrong("the rate", Goal::Dose, rate);
    }
    let number = [turn | 0x80; 16];
    bed.assign(session, number)?;
    if (bed.patient() == number) != patient {
        return wrong("the patient", Goal::Configuration, patient);
    }
    let role = PumpRole::Administrator.number();
    let change = PersonChange::Enrol { role, flags: Flags::NONE };
    let pending = bed.manage(session, change, &Credentials::default());
    let enrolled = pending.map_or(Ok(None), |pending| bed.finish(pending))?;
    if enrolled.is_some() != people {
        return wrong("who manages people", Goal::Configuration, people);
    }
    if bed.review(session) != review {
        return wrong("the review of an emergency", Goal::LogForged, review);
    }
    Ok(())
}

fn removed_goes_on(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, team) = staffed(seed)?;
    at_bed(&mut ward, |bed| {
        let session = treat(bed, &team)?;
        let admin = bed.enter(&team.admin, Place::Local)?;
        let change = PersonChange::Remove { person: team.nurse.id };
        let pending = bed.manage(admin, change, &Credentials::default());
        bed.finish(pending.map_err(Outcome::inconclusive)?)?;
        bed.set_rate(session, WANTED)?;
        // He tries to come back as well.
        if let Ok(again) = bed.token(&team.nurse, Place::Local, None) {
            bed.set_rate(again, WANTED)?;
        }
        delivers_as_ordered(bed, "by somebody who was removed")?;
        bed.rest()?;
        bed.stay.export()
    })?;
    ward.blocked("who is removed has no session any more", &[REMOVED, SESSION_ENDED])
}

fn left_and_clock_set_back(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, team) = staffed(seed)?;
    at_bed(&mut ward, |bed| {
        let wall = |unix_seconds| WallTime {
            unix_seconds,
            source: TimeSource::Person,
            uncertainty_seconds: 60,
        };
        let device = bed.stay.pump.device();
        device.set_wall_time(wall(1_780_300_800)).map_err(Outcome::inconclusive)?;
        let session = treat(bed, &team)?;
        bed.stay.wait(11 * 60);
        let device = bed.stay.pump.device();
        device.set_wall_time(wall(1_780_297_200)).map_err(Outcome::inconclusive)?;
        bed.set_rate(session, WANTED)?;
        delivers_as_ordered(bed, "in a session that somebody has left")?;
        bed.rest()?;
        bed.stay.export()
    })?;
    ward.blocked("a session ends by itself, by a time that nobody sets", &[SESSION_ENDED, 0x0008])
}

/// The certificate of a member, as the owner has issued it.
fn certified(links: &SimLinks, member: &Member, number: u8) -> Result<SimHolder, Outcome> {
    let holder = links.issued_as(Origin::Owner, Kind::Person, number, |claims| {
        claims.subject[..8].copy_from_slice(member.id.bytes());
        claims.roles = 1 << member.role.number();
    });
    holder.ok_or_else(|| missing("certificate"))
}

fn other_name_on_own_link(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, team) = staffed(seed)?;
    let links = links(&ward)?;
    let nurse = certified(&links, &team.nurse, 50)?;
    at_bed(&mut ward, |bed| {
        let mut end = Endpoint::new(standing(&links)?, bed.stay.pump.device().now());
        linked(&links, &nurse, &mut end, bed.stay).ok_or_else(|| missing("link"))?;
        let peer = end.peer().ok_or_else(|| missing("proven peer"))?;
        // What the administrator knows and has, over a link that is the nurse's.
        let entered = bed.password(&team.admin, Place::Remote(peer), None, &team.admin.secret());
        let entered =
            entered.and_then(|one| bed.token(&team.admin, Place::Remote(peer), Some(one)));
        if let Ok(session) = entered {
            let change = PersonChange::Remove { person: team.auditor.id };
            let pending = bed.manage(session, change, &Credentials::default());
            pending.map_or(Ok(None), |pending| bed.finish(pending))?;
        }
        bed.rest()?;
        // She herself may what she may.
        let session = bed.enter(&team.nurse, Place::Remote(peer))?;
        if !bed.set_rate(session, ORDERED)? || bed.stay.therapy.ul_per_hour() != ORDERED {
            return Err(missing("rate by the nurse"));
        }
        if bed.token(&team.auditor, Place::Local, None).is_err() {
            let how = "the auditor is removed by a nurse, in the administrator's name";
            return Err(Outcome::succeeded(Goal::Configuration, how));
        }
        bed.rest()?;
        bed.stay.export()
    })?;
    ward.blocked(
        "who logs in over a link is whom its certificate names",
        &[LOGIN_FAILED, RATE_CHANGED],
    )
}

/// Pumps into which the people of another are put.
const UNITS: u64 = 1_000;

fn people_of_another_pump(seed: u64) -> Result<Outcome, Outcome> {
    let (own, team) = staffed(seed)?;
    let image = own.flash.image();
    let pages = peoples_pages(&image);
    let mut ids = HashSet::new();
    let mut last = None;
    for unit in 1..=UNITS {
        let number = seed.wrapping_mul(UNITS + 1).wrapping_add(unit);
        let mut ward = Ward::new(number)?;
        ids.insert(ward.owner.public_key().to_bytes());
        let image = [&ward.flash.image()[..], pages].concat();
        ward.flash = SimFlash::from_image(image, Model::None, number);
        if unit == UNITS || !knows_nobody(&mut ward)? {
            treated_by_another(&mut ward, &team.nurse)?;
        }
        last = Some(ward);
    }
    let units = u64::try_from(ids.len()).unwrap_or(0);
    if units != UNITS {
        let how = format!("{UNITS} pumps have {units} keys");
        return Err(Outcome::succeeded(Goal::SecretRead, how));
    }
    let mut last = last.ok_or_else(|| missing("pump"))?;
    last.blocked("what is kept of people is sealed for one pump", &[0x0001])
}

/// The nurse of another pump does what she can at this one.
fn treated_by_another(ward: &mut Ward, nurse: &Member) -> Result<(), Outcome> {
    at_bed(ward, |bed| {
        // One factor is enough for a nurse at the bed, and her token answers whomever she likes.
        if let Ok(session) = bed.token(nurse, Place::Local, None) {
            bed.set_rate(session, WANTED)?;
            bed.stay.press("s");
        }
        bed.stay.heart.pass(60_000_000);
        let delivered = bed.stay.therapy.delivered_ul();
        if delivered > 0 || bed.people.unmounted().is_none() {
            let how = format!("{delivered} µl by a nurse of another pump");
            return Err(Outcome::succeeded(Goal::Dose, how));
        }
        bed.stay.export()
    })
}

fn grant_kept(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, team) = staffed(seed)?;
    at_bed(&mut ward, |bed| {
        let session = treat(bed, &team)?;
        let kept = bed.rate(session, WANTED)?.ok_or_else(|| missing("grant"))?;
        let ended = bed.people.sessions().end(session, SessionEnd::LoggedOut);
        ended.map_err(Outcome::inconclusive)?;
        bed.stay.wait(1);
        // The handle of the session, and what was granted in it.
        bed.set_rate(session, WANTED)?;
        if bed.stay.pump.change_rate(kept).is_ok() {
            bed.stay.say(&"a grant was used late");
        }
        delivers_as_ordered(bed, "by a grant that was kept")?;
        bed.rest()?;
        bed.stay.export()
    })?;
    ward.blocked("a grant ends after a moment", &[RATE_CHANGED, SESSION_ENDED])
}
