//! Attacks on what a host is told: the log is changed after the device wrote it.

use medsec_audit::checkpoint::Statement;
use medsec_audit::record::CLASS_CHECKPOINT;
use medsec_audit::verify::{Assurance, Authority, Keys as _, Subject};
use medsec_core::Secret;
use medsec_core::flash::ring::{RESUME_BYTES, Resume};
use medsec_core::suite::Aes256Gcm;
use medsec_sim::adversary::{Attack, Goal, Outcome};
use medsec_sim::tamper::change::{Base, kind};
use medsec_sim::tamper::forge::{Holder, put};
use medsec_sim::tamper::judge::{self, compare};
use medsec_sim::tamper::view::{Image, Segment};
use medsec_tool::exit::Exit;

use crate::host::Desk;
use crate::ward::{Evidence, Ward};

pub(super) static ATTACKS: [Attack; 12] = [
    Attack {
        id: "reseal-with-newer-key",
        title: "old records are written anew under a secret of a later session",
        requirements: &["R17"],
        sources: &["CVE-2023-31439"],
        weakness: "any-valid-key",
        also_broken_by: &[("secret-not-evolved", "one secret seals every session")],
        run: reseal_with_newer_key,
    },
    Attack {
        id: "silent-truncation",
        title: "the last records of an earlier session are removed",
        requirements: &["R17"],
        sources: &["CVE-2023-31438"],
        weakness: "adopted-count",
        also_broken_by: &[],
        run: silent_truncation,
    },
    Attack {
        id: "hidden-by-index",
        title: "records are removed, and the record that counts them is changed to fit",
        requirements: &["R17"],
        sources: &["CVE-2023-31437"],
        weakness: "header-unbound",
        also_broken_by: &[],
        run: hidden_by_index,
    },
    Attack {
        id: "tail-truncation",
        title: "the newest records are removed, also such as a checkpoint covers that was kept outside",
        requirements: &["R17", "X19"],
        sources: &["Ma and Tsudik 2008"],
        weakness: "anchor-ignored",
        also_broken_by: &[],
        run: tail_truncation,
    },
    Attack {
        id: "replayed-image",
        title: "the whole log is put back to an earlier day",
        requirements: &["R17", "X19"],
        sources: &["Ma and Tsudik 2008"],
        weakness: "anchor-ignored",
        also_broken_by: &[],
        run: replayed_image,
    },
    Attack {
        id: "crash-attack",
        title: "records are destroyed so that it looks like a power failure",
        requirements: &["R17"],
        sources: &["eprint 2017/107"],
        weakness: "torn-tail-many",
        also_broken_by: &[],
        run: crash_attack,
    },
    Attack {
        id: "public-key-forger",
        title: "a session is forged under a secret sealed to the log authority's public key",
        requirements: &["R17", "X13"],
        sources: &["medsec F08"],
        weakness: "chain-unvouched",
        also_broken_by: &[],
        run: public_key_forger,
    },
    Attack {
        id: "authority-forger",
        title: "a holder of the log authority's secret rewrites records as if the device had signed them",
        requirements: &["R17", "X13"],
        sources: &["medsec F08"],
        weakness: "mac-is-signed",
        also_broken_by: &[],
        run: authority_forger,
    },
    Attack {
        id: "forged-checkpoint",
        title: "the same, with a checkpoint of his own behind them",
        requirements: &["R17"],
        sources: &["medsec F30"],
        weakness: "signature-unchecked",
        also_broken_by: &[],
        run: |seed| rewritten_signed(seed, true),
    },
    Attack {
        id: "kept-checkpoint",
        title: "the same, with the device's checkpoint left in place",
        requirements: &["R17"],
        sources: &["medsec F01"],
        weakness: "checkpoint-hash-unbound",
        also_broken_by: &[(
            "signature-unchecked",
            "no signature is looked at, so none binds what it covers",
        )],
        run: |seed| rewritten_signed(seed, false),
    },
    Attack {
        id: "stale-state",
        title: "the device's own state is set back behind its log",
        requirements: &["R17", "X11"],
        sources: &["medsec audit design, rollback"],
        weakness: "state-index-unchecked",
        also_broken_by: &[],
        run: stale_state,
    },
    Attack {
        id: "unsealed-passes",
        title: "a log in which nothing can be verified is shown to the host tool",
        requirements: &["R17", "X19"],
        sources: &["systemd #15425", "systemd #11524"],
        weakness: "unverified-passes",
        also_broken_by: &[],
        run: unsealed_passes,
    },
];

/// The verdict on a changed log: whether the host missed the change.
fn told(
    ward: &mut Ward,
    evidence: &Evidence,
    changed: &Image,
    anchor: Option<&Statement>,
    control: &'static str,
) -> Result<Outcome, Outcome> {
    let view = ward.judge(changed, anchor)?;
    let original = if anchor.is_some() { &evidence.anchored } else { &evidence.view };
    let seq = anchor.map(|anchor| anchor.place.seq);
    match compare(original, &view, &evidence.genuine, seq) {
        judge::Outcome::Seen(_) => ward.blocked(control, &[]),
        judge::Outcome::Missed(why @ ("gap" | "end" | "anchor")) => {
            Err(Outcome::succeeded(Goal::LogSilenced, format!("records are gone unseen: {why}")))
        }
        judge::Outcome::Missed(why) => {
            Err(Outcome::succeeded(Goal::LogForged, format!("forged records pass: {why}")))
        }
        judge::Outcome::NoEffect | _ => Err(Outcome::inconclusive("nothing was changed")),
    }
}

fn start(seed: u64) -> Result<(Ward, Evidence), Outcome> {
    let mut ward = Ward::new(seed)?;
    let evidence = Evidence::gather(&mut ward, 5)?;
    Ok((ward, evidence))
}

fn missing(what: &str) -> Outcome {
    Outcome::inconclusive(format!("the log holds no {what}"))
}

/// The last segment of a session before the newest, if it begins with a resume record and nothing in it is signed; and
/// the segment that goes on from it.
fn unsigned_session(evidence: &Evidence) -> Result<(Segment, Segment), Outcome> {
    let segments = evidence.image.segments();
    let fits = |pair: &&[Segment]| {
        let session = |segment: &Segment| segment.entries.first().map(|(entry, _)| entry.session);
        let [segment, next] = pair else { return false };
        let signed = segment.entries.iter().any(|(entry, _)| class(evidence, entry) >= 0xC0);
        let resumes = segment.offset != 0 && next.offset != 0;
        let later = session(segment) > Some(1) && session(segment) < session(next);
        resumes && !signed && later && segment.entries.len() > 5
    };
    let found = segments.windows(2).find(|pair| fits(pair));
    let [segment, next] = found.ok_or_else(|| missing("unsigned session"))? else {
        return Err(missing("pair"));
    };
    Ok((segment.clone(), next.clone()))
}

fn class(evidence: &Evidence, entry: &medsec_sim::tamper::view::Entry) -> u8 {
    let image = &evidence.image;
    image.bytes::<8>(entry.page, entry.offset).map_or(0, |header| header[2])
}

/// The audit secret of a session, which the log authority can compute and the device held then.
pub(super) fn secret_of(ward: &Ward, image: &Image, session: u32) -> Result<Secret<32>, Outcome> {
    let key = ward.owner.public_key();
    let subject = Subject {
        plan: &image.plan,
        ring: image.header.ring,
        device: image.header.device,
        key: Some(&key),
        state: Some(&image.header.state),
        anchor: None,
    };
    let mut pages = (image.plan.geometry().page_bytes(), &image.pages[..]);
    let secret = ward.owner.authority();
    let mut authority = Authority::open::<Aes256Gcm, _>(&mut pages, &subject, &secret);
    authority.audit(session, 0).ok_or_else(|| missing("chain of secrets"))
}

fn reseal_with_newer_key(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, evidence) = start(seed)?;
    let (segment, _) = unsigned_session(&evidence)?;
    let session = segment.entries[0].0.session;
    let audit = secret_of(&ward, &evidence.image, session + 2)?;
    let bodies = |(_, total): &(_, usize)| {
        let mut body = vec![0; total - 24];
        body[..4].copy_from_slice(&[3, 1, 5, 4]);
        (1, body)
    };
    let bodies: Vec<_> = segment.entries.iter().map(bodies).collect();
    let mut image = evidence.image.clone();
    let holder = Holder { audit: &audit, segment: &segment };
    holder.write::<Aes256Gcm>(&mut image, &bodies).ok_or_else(|| missing("room"))?;
    told(&mut ward, &evidence, &image, None, "exact key index for each place")
}

/// Blanks the last `count` entries of a segment; where the first of them began.
fn blank_last(image: &mut Image, segment: &Segment, count: usize) -> Result<u32, Outcome> {
    let first = segment.entries.len() - count;
    for (entry, total) in &segment.entries[first..] {
        let padded =
            usize::try_from(image.plan.geometry().round_up(u32::try_from(*total).unwrap_or(0)));
        let blank = vec![0xFF; padded.unwrap_or(0)];
        put(image, entry.page, entry.offset, &blank).ok_or_else(|| missing("room"))?;
    }
    Ok(segment.entries[first].0.offset)
}

fn silent_truncation(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, evidence) = start(seed)?;
    let (segment, _) = unsigned_session(&evidence)?;
    let mut image = evidence.image.clone();
    blank_last(&mut image, &segment, 3)?;
    told(&mut ward, &evidence, &image, None, "each session states what it went on from")
}

fn hidden_by_index(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, evidence) = start(seed)?;
    let (segment, next) = unsigned_session(&evidence)?;
    let mut image = evidence.image.clone();
    let end = blank_last(&mut image, &segment, 3)?;
    let (page, offset) = (next.page, next.offset);
    let bytes = image.bytes::<RESUME_BYTES>(page, offset).ok_or_else(|| missing("record"))?;
    let mut resume = Resume::parse(&bytes, page, offset).map_err(|_| missing("resume record"))?;
    resume.adopted.count -= 3;
    resume.adopted.end = end;
    let mut forged = resume.encode(page, offset).map_err(|_| missing("room"))?;
    forged[80..].copy_from_slice(&bytes[80..]);
    put(&mut image, page, offset, &forged).ok_or_else(|| missing("room"))?;
    told(&mut ward, &evidence, &image, None, "headers are committed to")
}

fn tail_truncation(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, evidence) = start(seed)?;
    let mut image = evidence.image.clone();
    let segments = image.segments();
    let newest = segments.last().ok_or_else(|| missing("segment"))?;
    blank_last(&mut image, newest, newest.entries.len() - 2)?;
    told(&mut ward, &evidence, &image, Some(&evidence.anchor), "a checkpoint kept outside")
}

fn replayed_image(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, evidence) = start(seed)?;
    let image = evidence.older[evidence.older.len() - 2].clone();
    told(&mut ward, &evidence, &image, Some(&evidence.anchor), "a checkpoint kept outside")
}

fn crash_attack(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, evidence) = start(seed)?;
    let (segment, _) = unsigned_session(&evidence)?;
    let mut image = evidence.image.clone();
    for (entry, total) in segment.entries.iter().rev().take(3) {
        let mut noise = vec![0; total - 8];
        ward.prng.fill(&mut noise);
        put(&mut image, entry.page, entry.offset + 8, &noise).ok_or_else(|| missing("room"))?;
    }
    told(&mut ward, &evidence, &image, None, "one torn record in a session, no more")
}

fn public_key_forger(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, evidence) = start(seed)?;
    let public = ward.owner.authority().public();
    let base = Base::new(evidence.image.clone(), Vec::new(), public);
    let forge = kind("forge session").ok_or_else(|| missing("way to forge a session"))?;
    let forged = (0..20).find_map(|_| forge.make(&base, &mut ward.prng));
    let image = forged.ok_or_else(|| missing("place for a session"))?;
    told(&mut ward, &evidence, &image, None, "the device vouches for a chain of secrets")
}

/// Changes the first record of a segment under its own keys; its number.
fn rewrite_first(
    ward: &Ward,
    image: &mut Image,
    segment: &Segment,
    checkpoint: impl FnOnce(&mut Vec<u8>),
) -> Result<u64, Outcome> {
    let audit = secret_of(ward, image, segment.entries[0].0.session)?;
    let holder = Holder { audit: &audit, segment };
    let mut bodies = holder.open::<Aes256Gcm>(image).ok_or_else(|| missing("key"))?;
    let first = bodies.iter().position(|(class, _)| *class < 0xC0);
    let first = first.ok_or_else(|| missing("record"))?;
    bodies[first].1[4] ^= 1;
    if let Some((_, body)) = bodies.iter_mut().find(|(class, _)| *class == CLASS_CHECKPOINT) {
        checkpoint(body);
    }
    holder.write::<Aes256Gcm>(image, &bodies).ok_or_else(|| missing("room"))?;
    Ok(segment.entries[first].0.seq)
}

/// Whether the record `seq` is said to be signed by the device.
fn is_called_signed(ward: &Ward, image: &Image, seq: u64) -> Result<bool, Outcome> {
    let view = ward.judge(image, None)?;
    let record = view.opened.iter().find(|record| record.seq == seq);
    let by_record = record.is_some_and(|record| record.assurance == Assurance::Signed);
    let by_range = view.ranges.iter().any(|range| {
        range.assurance == Assurance::Signed && (range.first_seq..=range.last_seq).contains(&seq)
    });
    Ok(by_record || by_range && view.summary.first_bad.is_none())
}

fn authority_forger(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, evidence) = start(seed)?;
    let (segment, _) = unsigned_session(&evidence)?;
    let mut image = evidence.image.clone();
    let seq = rewrite_first(&ward, &mut image, &segment, |_| {})?;
    if is_called_signed(&ward, &image, seq)? {
        return Err(Outcome::succeeded(Goal::LogForged, "a forged record is called signed"));
    }
    ward.blocked("what the log's keys vouch for is told apart from what the device signed", &[])
}

fn rewritten_signed(seed: u64, own_signature: bool) -> Result<Outcome, Outcome> {
    let (mut ward, evidence) = start(seed)?;
    let mut image = evidence.image.clone();
    let segments = image.segments();
    let newest = segments.last().ok_or_else(|| missing("segment"))?;
    let signature = ward.prng.word();
    let seq = rewrite_first(&ward, &mut image, newest, |body| {
        if own_signature {
            body[8..16].copy_from_slice(&signature.to_le_bytes());
        }
    })?;
    if is_called_signed(&ward, &image, seq)? {
        return Err(Outcome::succeeded(Goal::LogForged, "a forged record is called signed"));
    }
    ward.blocked("a checkpoint is the device's signature over all that was stored", &[])
}

fn stale_state(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, evidence) = start(seed)?;
    let mut image = evidence.image.clone();
    image.header.state = evidence.older[1].header.state;
    let view = ward.judge(&image, None)?;
    if view.summary.first_bad.is_none() {
        let how = "a state that was set back passes as the device's present one";
        return Err(Outcome::succeeded(Goal::Configuration, how));
    }
    ward.blocked("the state's index is proven and no session lies above it", &[])
}

fn unsealed_passes(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, _) = start(seed)?;
    let mut export = ward.export.clone();
    let pages = medsec_audit::export::EXPORT_HEADER_BYTES;
    export[pages..].fill(0xFF);
    let desk = Desk::new(&ward.owner, &export)?;
    let both = "--device-key @device.key --authority-key @authority.key";
    let other = medsec_sim::device::SimOwner::new(seed ^ 99);
    let stranger = Desk::new(&ward.owner, &ward.export)?;
    stranger.put_keys(other.public_key(), other.authority_bytes())?;
    for (desk, words) in [
        (&desk, format!("verify @pump.export {both}")),
        (&desk, "verify @pump.export --device-key @device.key".to_owned()),
        (&stranger, "verify @pump.export".to_owned()),
        (&stranger, "verify @pump.export --device-key @device.key".to_owned()),
        (&stranger, format!("verify @pump.export {both}")),
    ] {
        if desk.log(&words).0 == Exit::Ok {
            let how = format!("medsec log {words} passes");
            return Err(Outcome::succeeded(Goal::LogForged, how));
        }
    }
    ward.blocked("no verdict without something that was verified", &[])
}
