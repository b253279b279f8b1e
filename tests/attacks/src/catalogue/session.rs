//! Attacks over links that are genuine and proven: by who goes on where another left off, and by who was revoked.

use medsec::core::identity::certificate::Kind;
use medsec::link::request::{Answer, Request};
use medsec::link::{Endpoint, Standing};
use medsec::{ResetCause, audit::export::Cursor};
use medsec_sim::adversary::{Attack, Goal, Outcome};
use medsec_sim::links::SimHolder;

use super::link::{
    DROPPED, EXPORT_STARTED, End, Peer, ask, holder, linked, linked_again, links, missing, standing,
};
use crate::ward::{Stay, Ward, day};

pub(super) static ATTACKS: [Attack; 2] = [
    Attack {
        id: "log-taken-over",
        title: "a person's link is dropped midway, and another goes on with her export, so that the log does not know who has it",
        requirements: &["R11", "R18"],
        sources: &["CVE-2018-10596", "CWE-778"],
        weakness: "reader-unnamed",
        also_broken_by: &[("export-unrecorded", "no reader of the log is recorded")],
        run: log_taken_over,
    },
    Attack {
        id: "revoked-goes-on",
        title: "a person is revoked while her link is open, and goes on reading over it",
        requirements: &["R18", "X20"],
        sources: &["CVE-2019-13517", "CWE-613"],
        weakness: "link-outlives-trust",
        also_broken_by: &[("revocation-ignored", "a revocation changes nothing")],
        run: revoked_goes_on,
    },
];

/// Reads from `cursor` to the end of an export, or `parts` of it; where it goes on.
fn read(
    link: &mut Peer,
    end: &mut End<'_>,
    stay: &mut Stay<'_, '_, false>,
    mut cursor: Cursor,
    parts: usize,
) -> Result<Cursor, Outcome> {
    for _ in 0..parts {
        let answer = ask(link, end, stay, Request::ExportRead(cursor)).unwrap_or_default();
        match Answer::parse(&answer) {
            Ok(Answer::Part(_, [])) => break,
            Ok(Answer::Part(next, _)) => cursor = next,
            _ => return Err(missing("part of the log")),
        }
    }
    Ok(cursor)
}

fn log_taken_over(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let (nurse, other) = (holder(&links, Kind::Person)?, links.holder(Kind::Person, 12));
    let other = other.ok_or_else(|| missing("other person"))?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        day(stay)?;
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        let mut link = linked(&links, &nurse, &mut end, stay).ok_or_else(|| missing("link"))?;
        let answer = ask(&mut link, &mut end, stay, Request::ExportStart).unwrap_or_default();
        let Ok(Answer::ExportStarted(cursor, length)) = Answer::parse(&answer) else {
            return Err(missing("export"));
        };
        let cursor = read(&mut link, &mut end, stay, cursor, 8)?;
        // Her link is gone without a word; who recorded it, or found the cursor in her tool's files, is certified himself.
        drop(link);
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        let mut link = linked(&links, &other, &mut end, stay).ok_or_else(|| missing("link"))?;
        let cursor = read(&mut link, &mut end, stay, cursor, usize::MAX)?;
        if cursor.offset != length {
            return Err(missing("rest of the log"));
        }
        stay.rest();
        stay.export()
    })?;
    for reader in [&nurse, &other] {
        if !is_named(&ward, EXPORT_STARTED, reader)? {
            let who = reader.certificate.claims().serial;
            let how = format!("no record says that person {who} has read the log");
            return Err(Outcome::succeeded(Goal::LogSilenced, how));
        }
    }
    ward.blocked("each reader of the log is recorded by name, also of the rest", &[EXPORT_STARTED])
}

fn revoked_goes_on(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = Ward::new(seed)?;
    let links = links(&ward)?;
    let nurse = holder(&links, Kind::Person)?;
    let revoked = [links.revoke(&nurse).ok_or_else(|| missing("revocation"))?];
    let trust = links.trust_with(&revoked).ok_or_else(|| missing("trust"))?;
    ward.boot::<false, _>(ResetCause::PowerOn, |stay| {
        day(stay)?;
        let mut end = Endpoint::new(standing(&links)?, stay.pump.device().now());
        let mut link = linked(&links, &nurse, &mut end, stay).ok_or_else(|| missing("link"))?;
        let answer = ask(&mut link, &mut end, stay, Request::ExportStart).unwrap_or_default();
        let Ok(Answer::ExportStarted(cursor, _)) = Answer::parse(&answer) else {
            return Err(missing("export"));
        };
        let cursor = read(&mut link, &mut end, stay, cursor, 8)?;
        end.stand(stay.pump.device(), Standing { trust, ..standing(&links)? });
        let answer = ask(&mut link, &mut end, stay, Request::ExportRead(cursor));
        if answer.is_some() {
            let how = "the log is given on to somebody who was revoked";
            return Err(Outcome::succeeded(Goal::SecretRead, how));
        }
        stay.wait(4);
        if linked_again(&links, &nurse, &mut end, stay).is_some_and(|mut link| {
            ask(&mut link, &mut end, stay, Request::ExportRead(cursor)).is_some()
        }) {
            let how = "the log is given on over a new link of somebody who was revoked";
            return Err(Outcome::succeeded(Goal::SecretRead, how));
        }
        stay.rest();
        stay.export()
    })?;
    ward.blocked("links end with what their peers were judged by", &[DROPPED])
}

/// Whether an authentic record of this event names the holder.
fn is_named(ward: &Ward, event: u16, holder: &SimHolder) -> Result<bool, Outcome> {
    let who = &holder.certificate.claims().subject[..8];
    let records = ward.records_of(event)?;
    Ok(records.iter().any(|fields| fields.windows(8).any(|window| window == who)))
}
