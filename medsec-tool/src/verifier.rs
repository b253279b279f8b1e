//! The verifier of `medsec-audit`, made to fit the tool: it finds the log in its file, picks the suite, and turns what the
//! verifier shows into rows.

mod collect;
mod source;
mod wall;

use medsec_audit::checkpoint::Statement;
use medsec_audit::verify::{self, Authority, CHAINS_MAX, Keys, NoKeys, Subject, Summary};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::key::device_id;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};

use crate::catalogue::Catalogue;
use crate::error::Error;
use crate::keyfile::{Checkpoint, DeviceKey};
use crate::model::{
    Contents, Evidence, ForgeableWindow, LogReport, RangeRow, SessionEnd, SessionRow, Trust,
    Verdict, Verify, Weight,
};
use crate::text::counted;
use crate::untrusted::Untrusted;
use collect::Collector;
use source::Source;

/// The verifier of this tool.
#[derive(Clone, Copy, Debug)]
pub struct Verifier;

impl Verify for Verifier {
    fn verify(&self, evidence: &Evidence<'_>, trust: &Trust) -> Result<LogReport, Error> {
        let source = Source::find(evidence)?;
        let case = Case::new(&source, evidence.catalogue, trust)?;
        if source.suite == Aes256Gcm::ID {
            case.verify::<Aes256Gcm>()
        } else if source.suite == ChaCha20Poly1305::ID {
            case.verify::<ChaCha20Poly1305>()
        } else {
            let reason = Untrusted::new(format!("no suite has the number {}", source.suite));
            Err(Error::NotALog { reason })
        }
    }
}

/// One log and what it is verified against.
struct Case<'a> {
    source: &'a Source<'a>,
    catalogue: &'a Catalogue,
    trust: &'a Trust,
    device: [u8; 16],
    anchor: Option<Statement>,
}

impl<'a> Case<'a> {
    fn new(
        source: &'a Source<'a>,
        catalogue: &'a Catalogue,
        trust: &'a Trust,
    ) -> Result<Self, Error> {
        let device = device_id(source.model, trust.device.key());
        if source.device.is_some_and(|stated| stated != device) {
            return Err(Error::OtherDevice);
        }
        let anchor = match &trust.anchor {
            None => None,
            Some(checkpoint) => Some(parse_anchor(checkpoint, &trust.device, &device)?),
        };
        Ok(Self { source, catalogue, trust, device, anchor })
    }

    fn subject(&self) -> Subject<'_> {
        Subject {
            plan: &self.source.plan,
            ring: medsec_audit::log::RING_ID,
            device: self.device,
            key: Some(self.trust.device.key()),
            state: self.source.state.as_ref(),
            anchor: self.anchor.as_ref(),
        }
    }

    fn verify<S: Suite>(&self) -> Result<LogReport, Error> {
        let Some(secret) = &self.trust.authority else {
            let (collector, summary) = self.walk::<S, _>(&mut NoKeys);
            self.check_device(&collector)?;
            return self.report(collector, &summary, Contents::Sealed, Vec::new());
        };
        let secret = AgreementSecret::from_bytes(Secret::new(*secret.expose()));
        let mut authority =
            Authority::open::<S, _>(&mut self.source.image(), &self.subject(), &secret);
        if authority.chains() == 0 {
            // The secrets are sealed for one device: with another device's key nothing opens either.
            let (collector, _) = self.walk::<S, _>(&mut NoKeys);
            self.check_device(&collector)?;
            return Err(Error::ForeignAuthority);
        }
        let mut notes = Vec::new();
        if authority.chains() == CHAINS_MAX {
            notes.push(format!("only the newest {CHAINS_MAX} chains of secrets were opened"));
        }
        let (collector, summary) = self.walk::<S, _>(&mut authority);
        self.report(collector, &summary, Contents::Opened, notes)
    }

    fn walk<S: Suite, K: Keys>(&self, keys: &mut K) -> (Collector<'_>, Summary) {
        let mut collector = Collector::new(self.catalogue);
        let subject = self.subject();
        let summary =
            verify::verify::<S, _, _, _>(&mut self.source.image(), keys, &subject, &mut collector);
        (collector, summary)
    }

    /// Whether anything ties the log to the device. An export states its device, so there it was compared; whoever
    /// changed every checkpoint of it gets a verdict.
    fn check_device(&self, collector: &Collector<'_>) -> Result<(), Error> {
        let is_tied = self.source.device.is_some() || !collector.checkpoints.is_empty();
        if is_tied || !self.source.holds_checkpoint() {
            return Ok(());
        }
        Err(Error::NoneSigned)
    }

    fn report(
        &self,
        mut collector: Collector<'_>,
        summary: &Summary,
        contents: Contents,
        mut notes: Vec<String>,
    ) -> Result<LogReport, Error> {
        if summary.head.is_none() && !self.source.holds_page() && self.source.state.is_none() {
            let reason = Untrusted::from("no page has the form of a log page");
            return Err(Error::NotALog { reason });
        }
        if summary.silent_sessions > 0 {
            let sessions = counted(u64::from(summary.silent_sessions), "session");
            notes.push(format!(
                "{sessions} after the newest one left no record: the device was started and \
                 recorded nothing, or what it recorded was removed"
            ));
        }
        collector.finish();
        let sessions = sessions(&collector.ranges, summary);
        Ok(LogReport {
            device_id: self.device,
            contents,
            sessions,
            forgeable: forgeable(&collector.ranges, summary),
            checkpoint: collector.kept().map(|(statement, signature)| Checkpoint {
                signed: statement.encode().to_vec(),
                signature: *signature,
            }),
            anchored: summary.anchored,
            state_believed: summary.state_believed,
            misfits: collector.misfits,
            notes: notes.into_iter().map(Untrusted::new).collect(),
            ranges: collector.ranges,
            records: collector.records,
        })
    }
}

/// The statement of a checkpoint that this device signed.
fn parse_anchor(
    checkpoint: &Checkpoint,
    key: &DeviceKey,
    device: &[u8; 16],
) -> Result<Statement, Error> {
    let statement = Statement::parse(&checkpoint.signed).map_err(|_| Error::ForeignAnchor)?;
    let signed = statement.verify(key.key(), &checkpoint.signature);
    if statement.device != *device || signed.is_err() {
        return Err(Error::ForeignAnchor);
    }
    Ok(statement)
}

/// What lies behind the newest signature.
fn forgeable(ranges: &[RangeRow], summary: &Summary) -> Option<ForgeableWindow> {
    let (_, head) = summary.head?;
    let first_seq = match summary.signed_to {
        Some((_, place)) => place.seq.saturating_add(1),
        None => {
            ranges.iter().filter(|range| !range.is_place()).map(|range| range.first_seq).min()?
        }
    };
    (first_seq <= head.seq).then_some(ForgeableWindow { first_seq, last_seq: head.seq })
}

/// The sessions of `ranges`, which are in the order of the log.
fn sessions(ranges: &[RangeRow], summary: &Summary) -> Vec<SessionRow> {
    let newest = summary.head.map(|(session, _)| session);
    let mut sessions: Vec<SessionRow> = Vec::new();
    for range in ranges.iter().filter(|range| !range.is_place()) {
        let known = sessions.iter_mut().rev().find(|session| session.index == range.session);
        let end = match range.verdict.weight() {
            Weight::Bad => SessionEnd::Unknown,
            Weight::Notice if range.verdict == Verdict::TornTail => SessionEnd::Torn,
            Weight::Good | Weight::Notice | Weight::Open => SessionEnd::Complete,
        };
        let end = if Some(range.session) == newest { SessionEnd::Newest } else { end };
        if let Some(session) = known {
            session.first_seq = session.first_seq.min(range.first_seq);
            session.last_seq = session.last_seq.max(range.last_seq);
            if session.end != SessionEnd::Unknown {
                session.end = end;
            }
        } else {
            let (index, first_seq, last_seq) = (range.session, range.first_seq, range.last_seq);
            sessions.push(SessionRow { index, first_seq, last_seq, end });
        }
    }
    sessions
}
