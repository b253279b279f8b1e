//! The first inputs of each corpus, from real structures and, for targets that follow a script, drawn.

use medsec_audit::checkpoint::Statement;
use medsec_audit::record::RecordHeader;
use medsec_core::codec::Writer;
use medsec_core::event::{Category, Count, Digest8, Outcome, PrincipalId, ResetCause, SystemEvent};
use medsec_core::flash::ring::{HEADER_BYTES, Header, Place, Retention};
use medsec_core::identity::certificate::Kind;
use medsec_core::identity::permit::{Action, Binding, Terms, Unsigned};
use medsec_core::key::Context;
use medsec_core::time::{Ticks, TimeSource, WallTime};
use medsec_core::{Sensitive, events};
use medsec_sim::device::SimOwner;
use medsec_sim::links::SimLinks;
use medsec_sim::prng::Prng;
use medsec_tool::catalogue;
use medsec_tool::keyfile::{AuthoritySecret, DeviceKey};
use medsec_tool::permit::permit_file;

use crate::TARGETS;
use crate::link::signer;
use crate::log::life;

events! {
    /// A maker's events, for a catalogue.
    enum SeedEvent {
        /// Someone was served.
        Served = 0x4001 [AccessControl, Security, Success] {
            /// By whom.
            public by: PrincipalId,
            /// Why the device had started.
            public cause: ResetCause,
            /// To whom.
            encrypt person: Sensitive<[u8; 20]>,
        },
    }
}

/// Inputs for a target.
#[must_use]
pub fn of(target: &str) -> Vec<Vec<u8>> {
    let real = match target {
        "fields" => events_written(),
        "headers" => headers(),
        "record" => bodies(),
        "export" => life(Retention::Overwrite).exports.iter().rev().take(2).cloned().collect(),
        "keyfile" => key_files(),
        "layout" => vec![
            b"medsec-layout-1\nsuite 1\nmodel 7\npage 4096\nunit 4\ncell 0\nlog 16384 65536\n"
                .to_vec(),
            b"medsec-layout-1\nsuite 2\nmodel 1\npage 2048\nunit 8\ncell 65536\nlog 0 65536"
                .to_vec(),
        ],
        "catalogue" => vec![catalogue::write(SeedEvent::CATALOGUE).into_bytes()],
        "untrusted" => {
            vec!["\u{1b}[2J\u{202e}a\u{feff}\u{ad}é\r\n".as_bytes().to_vec(), vec![b'a'; 5000]]
        }
        _ => Vec::new(),
    };
    if !real.is_empty() {
        return real;
    }
    let bytes_max =
        TARGETS.iter().find(|known| known.name == target).map_or(0, |known| known.bytes_max);
    let mut prng = Prng::new(u64::try_from(target.len()).unwrap_or(0));
    let drawn = (0..32)
        .map(|turn| {
            let mut bytes = vec![0; (8 << (turn % 5)).min(bytes_max)];
            prng.fill(&mut bytes);
            // Small numbers more often than chance gives them.
            for byte in bytes.iter_mut().skip(1).step_by(2) {
                *byte %= 16;
            }
            bytes
        })
        .collect();
    match target {
        "certificate" => crate::identity::seeds(drawn),
        "permit" => crate::permit::seeds(drawn),
        "provision" => crate::provision::seeds(drawn),
        _ => drawn,
    }
}

fn events_written() -> Vec<Vec<u8>> {
    struct Xor;
    impl medsec_core::event::PersonalSealer for Xor {
        fn seal(&mut self, _: &mut [u8]) -> Result<[u8; 16], medsec_core::suite::SealError> {
            Ok([7; 16])
        }
    }
    let wall = WallTime { unix_seconds: 1, source: TimeSource::Person, uncertainty_seconds: 2 };
    let by = PrincipalId::new([4; 8]);
    let mut out: Vec<Vec<u8>> = [
        SystemEvent::BootCompleted { cause: ResetCause::Watchdog },
        SystemEvent::ClockSet { from: wall, to: wall },
        SystemEvent::ExportStarted { by },
        SystemEvent::RecordsSuppressed { count: Count::new(3) },
        SystemEvent::DamagedPage { digest: Digest8::of(&[1; 32]) },
    ]
    .iter()
    .map(|event| {
        let mut bytes = [0; 104];
        let length = medsec_core::event::encode(event, &mut bytes, &mut Xor).expect("it fits");
        bytes[..length].to_vec()
    })
    .collect();
    let served =
        SeedEvent::Served { by, cause: ResetCause::PowerOn, person: Sensitive::new([b'x'; 20]) };
    let mut bytes = [0; 104];
    let length = medsec_core::event::encode(&served, &mut bytes, &mut Xor).expect("it fits");
    out.push(bytes[..length].to_vec());
    out.push([&[4][..], b"name", &[0; 11]].concat());
    out.push([&[2, 1, 0, 0, 0, 3, 4, 9, 0, 0, 0, 6, 1, 2, 3, 4, 5, 6, 7, 8, 0x40][..]].concat());
    out
}

/// Real headers and resume records, behind the choice that has them parsed.
fn headers() -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    for export in life(Retention::Overwrite).exports.iter().rev().take(2) {
        for page in export[168..].chunks_exact(2048) {
            let Some(bytes) = page.first_chunk::<HEADER_BYTES>() else { continue };
            let Ok(header) = Header::parse(bytes) else { continue };
            out.push([&[0, 1, 1][..], bytes].concat());
            out.push(
                [&[3, 0xFF][..], &header.page.to_le_bytes(), &[112], &page[112..208]].concat(),
            );
        }
    }
    out
}

fn bodies() -> Vec<Vec<u8>> {
    let export = &life(Retention::Overwrite).exports[0];
    let (head, _) = export.split_at(168);
    let statement = Statement {
        device: [1; 16],
        session: 2,
        place: Place { page: 3, offset: 4, seq: 5 },
        at: Ticks::from_millis(6),
        value: [7; 32],
    };
    let header = RecordHeader {
        event: 0x103,
        category: Category::AuditLog,
        outcome: Outcome::MinorFailure,
        at: Ticks::from_millis(8),
    };
    let mut record = [0; 15];
    header.encode(&mut Writer::new(&mut record)).expect("ten bytes");
    // The public state ends the header of an export; its escrow stands behind five numbers in it.
    let state = &head[168 - 124..];
    vec![
        statement.encode().to_vec(),
        record.to_vec(),
        state.to_vec(),
        [&state[4..8], &state[20..108]].concat(),
        vec![9; 72],
    ]
}

/// Files of a permit by one, and of what the first of two has signed.
fn permits(hex: &dyn Fn(&[u8]) -> String) -> [Vec<u8>; 2] {
    let (first, second) = (signer(101), signer(102));
    let terms = |action| Terms {
        action,
        binding: Binding::Challenge,
        number: 1,
        device: [3; 16],
        run: [4; 32],
        digest: [0; 32],
        mask: 0,
        value: 0,
        ttl_seconds: 600,
    };
    let keys = [first.public(), second.public()];
    let mut alone = Unsigned::new(terms(Action::Recovery), &keys[..1]).expect("one signs for it");
    alone.sign(&first).expect("it is named");
    let both = Unsigned::new(terms(Action::ReturnToClaim), &keys).expect("two sign for it");
    let body = both.to_be_signed();
    let signature = first.sign(Context::Permit, &[&body]).expect("it fits");
    let (body, key, signature) = (hex(&body), hex(&first.public().to_bytes()), hex(&signature));
    [
        permit_file(&alone.finish().expect("it is signed")).into_bytes(),
        format!("medsec-permit-draft-1 {body} {key} {signature}\n").into_bytes(),
    ]
}

fn key_files() -> Vec<Vec<u8>> {
    let setup = &life(Retention::Overwrite).setup;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let links = SimLinks::new(&SimOwner::new(1).identity(), 100).expect("its keys are sound");
    let certificate = links.holder(Kind::Person, 9).expect("there is such a holder").certificate;
    let (secret, bytes) = ("09".repeat(32), hex(&certificate.to_bytes()));
    let [maker, owner] = [101, 102].map(|byte| hex(&signer(byte).public().to_bytes()));
    let [permit, draft] = permits(&hex);
    vec![
        permit,
        draft,
        format!("medsec-holder-1 {secret} {secret} {bytes}\n").into_bytes(),
        format!("medsec-certificate-1 {bytes}\n").into_bytes(),
        format!("medsec-trust-1\nowner {owner}\nmaker {maker}\nadmission {secret}\n").into_bytes(),
        format!("medsec-trust-1\nowner {owner}").into_bytes(),
        DeviceKey::from(setup.key().public()).to_file().into_bytes(),
        AuthoritySecret::file_of(setup.authority_bytes().expose()).as_bytes().to_vec(),
        format!("medsec-checkpoint-1 {} {}\n", "0a".repeat(76), "01".repeat(64)).into_bytes(),
    ]
}
