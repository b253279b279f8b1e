//! What a device serves, and to whom.

use medsec_audit::export::ExportError;
use medsec_audit::hal::Watcher;
use medsec_core::identity::certificate::Kind;
use medsec_core::identity::peer::ProvenPeer;
use medsec_core::identity::trust::Origin;
use medsec_core::suite::Suite;
use medsec_core::time::Ticks;
use medsec_transport::event::Dropped;

use super::record::{note, principal};
use super::request::{ANSWER_BYTES_MAX, About, Answer, Condition, Refused, Request};
use super::{CHECKPOINT_MS_MIN, Living};
use crate::{Device, Port};

/// Bytes before the part in an answer.
const PART_HEAD_BYTES: usize = 17;

/// Whether a peer may ask for this.
///
/// Deny by default: what is not listed is for nobody.
fn may(peer: &ProvenPeer, request: &Request) -> bool {
    match (peer.claims().kind, peer.origin()) {
        (Kind::Person, Origin::Owner) => true,
        (Kind::Service, Origin::Maker) => *request == Request::About,
        _ => false,
    }
}

/// Serves a request, and says how many bytes its answer has in `buffer`.
pub(super) fn serve<P: Port, W: Watcher, const WORDS: usize>(
    device: &mut Device<P, W>,
    living: &Living<P::Suite, WORDS>,
    now: Ticks,
    request: Request,
    buffer: &mut [u8; ANSWER_BYTES_MAX],
) -> Result<usize, Refused> {
    let peer = living.link.peer().filter(|peer| may(peer, &request));
    let Some(by) = peer.map(|peer| principal(peer.claims())) else {
        note(device, Dropped::Denied, now);
        return Err(Refused::Denied);
    };
    match request {
        Request::About => written(&Answer::About(about(device, now)), buffer),
        Request::ExportStart => {
            device.record_export(by).map_err(|_| Refused::NotReady)?;
            let (log, _) = device.log_mut();
            let cursor = log.export_start().map_err(why_not)?;
            written(&Answer::ExportStarted(cursor, log.export_bytes()), buffer)
        }
        Request::ExportRead(mut cursor) => {
            device.record_export(by).map_err(|_| Refused::NotReady)?;
            let (log, flash) = device.log_mut();
            let (front, part) =
                buffer.split_first_chunk_mut::<PART_HEAD_BYTES>().ok_or(Refused::NotReady)?;
            let count = log.export(flash, P::PROFILE.model, &mut cursor, part).map_err(why_not)?;
            let head = written(&Answer::Part(cursor, &[]), front)?;
            Ok(head.saturating_add(count))
        }
        Request::Checkpoint => {
            let is_soon = |last: Ticks| now.millis_since(last) < CHECKPOINT_MS_MIN;
            let checkpoint = &mut device.budgets().checkpoint;
            if checkpoint.is_some_and(is_soon) {
                return Err(Refused::NotReady);
            }
            *checkpoint = Some(now);
            device.log_mut().0.request_checkpoint();
            written(&Answer::Noted, buffer)
        }
    }
}

fn about<P: Port, W: Watcher>(device: &mut Device<P, W>, now: Ticks) -> About {
    let health = device.health();
    let (log, _) = device.log_mut();
    let condition = Condition::default()
        .with(Condition::RECORDING, log.is_running())
        .with(Condition::RANDOM, health.random.is_ok())
        .with(Condition::RECORDS_LOST, health.records_lost)
        .with(Condition::FLASH_FAULT, health.log.fault.is_some());
    About {
        model: P::PROFILE.model,
        device: log.device(),
        suite: P::Suite::ID,
        condition,
        sessions: health.log.sessions,
        used_per_mille: health.log.used_per_mille,
        export_bytes: log.export_bytes(),
        uptime_ms: now.as_millis(),
    }
}

/// Bytes of an answer at the front of a buffer.
pub(super) fn written(answer: &Answer<'_>, buffer: &mut [u8]) -> Result<usize, Refused> {
    answer.encode(buffer).map(<[u8]>::len).map_err(|_| Refused::NotReady)
}

const fn why_not(error: ExportError) -> Refused {
    match error {
        ExportError::Changed => Refused::Changed,
        ExportError::State | _ => Refused::NotReady,
    }
}
