//! A log that whoever holds all its keys wrote against every rule.

use std::sync::OnceLock;

use medsec_audit::checkpoint::Statement;
use medsec_audit::export::ExportHeader;
use medsec_audit::log::RING_ID;
use medsec_audit::record::{CLASS_CHECKPOINT, CLASS_ESCROW, is_clear};
use medsec_audit::segment::{Chain, SegmentKeys, entry_aad, next_audit, next_link, session_link};
use medsec_audit::state::{Escrow, PUBLIC_BYTES, PublicState};
use medsec_audit::verify::{Authority, NoKeys, Subject, Summary, verify};
use medsec_core::Secret;
use medsec_core::flash::ring::{
    Adopted, EntryHeader, Place, Plan, Retention, Void, committed, seq_low,
};
use medsec_core::key::DeviceKey;
use medsec_core::suite::{Aes256Gcm, Sealer};
use medsec_core::time::Ticks;
use medsec_sim::tamper::device::{MODEL, Setup};
use medsec_tool::catalogue::Catalogue;
use medsec_tool::model::{Evidence, Verify as _};
use medsec_tool::verifier::Verifier;

use crate::host::{Bounds, check_report, header_of, resume_of, trust, write};
use crate::input::Input;

/// A log written with all keys, by somebody who does not keep to the rules.
struct Forger {
    pages: Vec<u8>,
    plan: Plan,
    setup: Setup,
    key: &'static DeviceKey,
    page: u32,
    session: u32,
    ordinal: u32,
    offset: u32,
    seq: u64,
    sealer: Option<Sealer<Aes256Gcm>>,
    chain: Chain,
    signed: bool,
}

impl Forger {
    fn new(plan: Plan, setup: Setup) -> Self {
        static KEY: OnceLock<DeviceKey> = OnceLock::new();
        let geometry = plan.geometry();
        let bytes = usize::try_from(geometry.pages() * geometry.page_bytes()).unwrap_or(0);
        let key = KEY.get_or_init(|| setup.key());
        let (pages, offset) = (vec![0xFF; bytes], plan.header_bytes());
        let chain = Chain::new(&[0; 32]);
        Self {
            pages,
            plan,
            setup,
            key,
            page: 0,
            session: 1,
            ordinal: 0,
            offset,
            seq: 2,
            sealer: None,
            chain,
            signed: false,
        }
    }

    /// The audit secret of a session; of one far off, something else.
    fn audit(&self, session: u32) -> Secret<32> {
        let mut audit = self.setup.first_audit();
        for _ in 1..session.min(40) {
            audit = next_audit(&audit);
        }
        audit
    }

    /// The keys of the segment whose header is `bytes`.
    fn segment(&self, offset: u32, bytes: &[u8]) -> SegmentKeys {
        let (device, salt) = (self.setup.device(), [1; 16]);
        let mut link = session_link(&self.audit(self.session), self.session, &salt, &device, 1);
        for _ in 0..self.ordinal.min(8) {
            link = next_link(&link);
        }
        SegmentKeys::derive(&link, self.page, offset, committed(bytes))
    }

    fn header(&mut self, choice: u8, input: &mut Input<'_>) {
        self.page = if choice & 8 == 8 { input.number() } else { self.page.saturating_add(1) };
        let turned = choice & 0x10 == 0x10;
        let previous = if turned { self.chain.value() } else { [0; 32] };
        if turned {
            self.ordinal = self.ordinal.saturating_add(1);
        } else {
            (self.session, self.ordinal) = (input.number(), input.below(3));
        }
        let mut header = header_of(self.page, self.session, self.ordinal, self.seq, previous);
        header.floor = self.page.saturating_sub(u32::from(choice >> 5));
        let Ok(bytes) = header.encode() else { return };
        let keys = self.segment(0, &bytes);
        header.commit = keys.commit;
        let Ok(bytes) = header.encode() else { return };
        self.sealer = Some(Sealer::new(&keys.page));
        self.chain = Chain::new(&previous);
        self.chain.update(&bytes);
        write(&mut self.pages, &self.plan, self.page, 0, &bytes);
        self.offset = self.plan.header_bytes();
    }

    fn resume(&mut self, choice: u8, input: &mut Input<'_>) {
        let adopted = Adopted {
            page: self.page,
            offset: if choice & 8 == 8 { 0 } else { input.number() },
            session: self.session,
            count: if choice & 0x10 == 0x10 { input.number() } else { 1 },
            end: self.offset,
        };
        let follows = choice & 0x20 == 0x20;
        if follows {
            self.ordinal = self.ordinal.saturating_add(1);
        } else {
            (self.session, self.ordinal) = (self.session.saturating_add(1), 0);
            self.offset =
                self.plan.resume_offset(self.offset, input.below(3)).unwrap_or(self.offset);
            self.chain = Chain::new(&[0; 32]);
        }
        self.seq = self.seq.wrapping_add(u64::from(choice >> 6));
        let mut resume = resume_of(self.session, self.ordinal, self.seq, adopted);
        let Ok(bytes) = resume.encode(self.page, self.offset) else { return };
        let keys = self.segment(self.offset, &bytes);
        resume.commit = keys.commit;
        let Ok(bytes) = resume.encode(self.page, self.offset) else { return };
        self.sealer = Some(Sealer::new(&keys.page));
        self.chain.update(&bytes);
        write(&mut self.pages, &self.plan, self.page, self.offset, &bytes);
        self.offset = self.offset.saturating_add(self.plan.resume_bytes());
        self.seq = self.seq.wrapping_add(1);
    }

    fn entry(&mut self, class: u8, body: &[u8]) {
        let body = &body[..body.len().min(114)];
        let Ok(length) = u16::try_from(body.len()) else { return };
        let place = Place { page: self.page, offset: self.offset, seq: self.seq };
        let head = EntryHeader { length, class, seq_low: seq_low(self.seq) }
            .encode(self.page, self.offset);
        let mut aad = entry_aad(&place, &head).to_vec();
        let mut sealed = body.to_vec();
        let tag = if is_clear(class) {
            aad.extend_from_slice(body);
            self.sealer.as_mut().map(|sealer| sealer.seal(self.seq, &aad, &mut []))
        } else {
            self.sealer.as_mut().map(|sealer| sealer.seal(self.seq, &aad, &mut sealed))
        };
        let tag = tag.and_then(Result::ok).unwrap_or([0; 16]);
        let bytes = [&head[..], &sealed, &tag].concat();
        write(&mut self.pages, &self.plan, self.page, self.offset, &bytes);
        self.chain.update(&bytes);
        self.offset = self.offset.saturating_add(self.plan.entry_bytes(u32::from(length)));
        self.seq = self.seq.wrapping_add(1);
    }

    fn checkpoint(&mut self, choice: u8) {
        let statement = Statement {
            device: self.setup.device(),
            session: self.session,
            place: Place { page: self.page, offset: self.offset, seq: self.seq },
            at: Ticks::from_millis(5),
            value: self.chain.value(),
        };
        let Ok(mut body) = statement.sign(self.key) else { return };
        if choice & 0x18 == 0x18 {
            body[20] ^= 1;
        }
        self.signed = true;
        self.entry(CLASS_CHECKPOINT, &body);
    }

    fn run(&mut self, input: &mut Input<'_>) {
        let mut signatures = 0;
        while !input.is_empty() {
            let choice = input.u8();
            match choice & 7 {
                0 => self.header(choice, input),
                1 => self.resume(choice, input),
                2 | 3 => {
                    let body = input.take(usize::from(choice >> 3) * 4);
                    self.entry(1 + (choice & 1), body);
                }
                4 => {
                    // A record as a device makes it.
                    let mut body = vec![3, 1, 6, 4, 1, 0, 0, 0, 0, 0, 3];
                    body.extend(input.array::<4>());
                    self.entry(1, &body);
                }
                5 if signatures < 3 => {
                    signatures += 1;
                    self.checkpoint(choice);
                }
                6 => {
                    let (at, bytes) = (u32::from(input.u16()) % 2048, input.chunk());
                    write(&mut self.pages, &self.plan, self.page, at, bytes);
                }
                _ => {
                    let class =
                        [CLASS_ESCROW, CLASS_CHECKPOINT, 0xB0, choice][usize::from(choice >> 6)];
                    let body = input.take(92);
                    self.entry(class, body);
                }
            }
        }
    }
}

/// The escrow of the chain that begins with session 1.
fn escrow(setup: &Setup) -> Escrow {
    static ESCROW: OnceLock<Escrow> = OnceLock::new();
    *ESCROW.get_or_init(|| {
        let (audit, ephemeral) = (setup.first_audit(), Secret::new([0x33; 32]));
        let authority = setup.authority().public();
        Escrow::seal::<Aes256Gcm>(&audit, 1, &setup.device(), &authority, &ephemeral)
            .expect("a sound key")
    })
}

/// A log that is authentic and breaks every rule: the verifier keeps to its bounds, and the tool shows what it says.
pub(crate) fn forged(data: &[u8]) {
    let setup = Setup { pages: 3, retention: Retention::Overwrite, seed: 10 };
    let mut input = Input::new(data);
    let choice = input.u8();
    let (index, void) = (input.number(), Void { page: input.number(), session: input.number() });
    let mut header = ExportHeader {
        suite: 1,
        ring: RING_ID,
        retention: setup.retention,
        model: MODEL,
        device: setup.device(),
        page_bytes: 2048,
        unit: 4,
        pages: 3,
        body_bytes_max: 114,
        state: [0; PUBLIC_BYTES],
    };
    let plan = header.plan().expect("sizes that fit");
    let mut forger = Forger::new(plan, setup);
    let state = PublicState { index, void, lifecycle: 0, escrow: escrow(&setup), proof: [0; 16] };
    header.state = state.encode(&forger.audit(index)).expect("a state takes its bytes");
    forger.run(&mut input);
    let (key, secret) = (forger.key.public(), setup.authority());
    let subject = Subject {
        plan: &plan,
        ring: header.ring,
        device: header.device,
        key: (choice & 1 == 0).then_some(&key),
        state: (choice & 2 == 0).then_some(&header.state),
        anchor: None,
    };
    let mut image = (2048_u32, &forger.pages[..]);
    let mut bounds = Bounds::new(&plan, choice & 1 == 0 && forger.signed);
    if choice & 4 == 0 {
        let mut keys = Authority::open::<Aes256Gcm, _>(&mut image, &subject, &secret);
        check_summary(
            &verify::<Aes256Gcm, _, _, _>(&mut image, &mut keys, &subject, &mut bounds),
            &plan,
        );
    } else {
        check_summary(
            &verify::<Aes256Gcm, _, _, _>(&mut image, &mut NoKeys, &subject, &mut bounds),
            &plan,
        );
    }
    if choice & 8 == 8 {
        let mut bytes = header.encode().expect("a header takes its bytes").to_vec();
        bytes.extend(&forger.pages);
        let catalogue = Catalogue::default();
        let evidence = Evidence { bytes: &bytes, layout: None, catalogue: &catalogue };
        let trust = trust(&setup, choice & 16 == 16, None);
        if let Ok(report) = Verifier.verify(&evidence, &trust) {
            check_report(&report);
        }
    }
}

fn check_summary(summary: &Summary, plan: &Plan) {
    let inside = |place: Place| place.offset <= plan.geometry().page_bytes();
    assert!(summary.head.is_none_or(|(_, place)| inside(place)));
    assert!(summary.signed_to.is_none_or(|(_, place)| inside(place)));
    assert!(summary.first_bad.is_none_or(|(verdict, ..)| verdict.is_bad()));
}
