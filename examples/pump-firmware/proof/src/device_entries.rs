//! Entries of the hub, and of an event as a maker declares it.

use medsec::audit::log::{MaintainError, Progress};
use medsec::audit::{FormatError, Place};
use medsec::core::event::{Count, PrincipalId};
use medsec::core::flash::Region;
use medsec::core::identity::certificate::Certificate;
use medsec::core::suite::Aes256Gcm;
use medsec::core::time::{Ticks, WallTime};
use medsec::device::Health;
use medsec::link::{Endpoint, EndpointError, Happened};
use medsec::log_file::{LogFile, LogFileError};
use medsec::transport::frame::{Outgoing, SendError};
use medsec::transport::sealed_file::Recipients;
use medsec::{
    BootError, Device, Identity, Pause, Port, Profile, RecordError, Recorder, ResetCause,
    Retention, Secret, Sensitive, events,
};

use crate::opaque::{OpaqueClock, OpaqueFlash, OpaqueNoise};

/// A board of which nothing is known but its map.
pub struct OpaquePort;

impl Port for OpaquePort {
    type Suite = Aes256Gcm;
    type Flash = OpaqueFlash;
    type Entropy = OpaqueNoise;
    type Clock = OpaqueClock;

    const PROFILE: Profile = Profile {
        model: 1,
        cell: Region::new(0, 4 * 4096),
        log: Region::new(4 * 4096, 16 * 4096),
        retention: Retention::Block,
    };

    fn parts(self) -> (OpaqueFlash, OpaqueNoise, OpaqueClock) {
        (OpaqueFlash, OpaqueNoise, OpaqueClock)
    }
}

events! {
    /// A maker's event with a field of each privacy class.
    pub enum MakerEvent {
        /// All of them.
        Everything = 0x4001 [ControlSystem, Security, Success] {
            /// Public.
            public by: PrincipalId,
            /// Public.
            public count: Count,
            /// Encrypted.
            encrypt patient: Sensitive<[u8; 16]>,
            /// Left out.
            omit note: Sensitive<[u8; 32]>,
        },
    }
}

type Opaque = Device<OpaquePort>;

#[unsafe(no_mangle)]
fn entry_device_format(
    identity: &Identity,
    station_seed: Secret<32>,
) -> Result<OpaqueFlash, FormatError> {
    Opaque::format(OpaquePort, identity, station_seed)
}

#[unsafe(no_mangle)]
fn entry_device_boot(identity: &Identity, cause: ResetCause) -> Result<Opaque, BootError> {
    Device::boot(OpaquePort, identity, cause)
}

#[unsafe(no_mangle)]
fn entry_device_log(device: &mut Opaque, event: &MakerEvent) -> Result<Place, RecordError> {
    device.log(event)
}

#[unsafe(no_mangle)]
fn entry_device_log_reserved(
    device: &mut Opaque,
    event: &MakerEvent,
) -> Result<Place, RecordError> {
    device.log_reserved(event)
}

#[unsafe(no_mangle)]
fn entry_device_record(device: &mut Opaque, event: &MakerEvent) -> Result<(), RecordError> {
    device.record(event)
}

#[unsafe(no_mangle)]
fn entry_device_maintain(
    device: &mut Opaque,
    pause: &Pause<'_>,
) -> Result<Progress, MaintainError> {
    device.maintain(pause)
}

#[unsafe(no_mangle)]
fn entry_device_health(device: &Opaque) -> Health {
    device.health()
}

#[unsafe(no_mangle)]
fn entry_device_log_mut(device: &mut Opaque) -> bool {
    let (log, _) = device.log_mut();
    log.request_checkpoint();
    log.is_running()
}

#[unsafe(no_mangle)]
fn entry_device_public_key(device: &Opaque) -> [u8; 32] {
    device.public_key().to_bytes()
}

#[unsafe(no_mangle)]
fn entry_device_id(model: u32, key: &medsec::core::key::PublicKey) -> [u8; 16] {
    medsec::device::device_id(model, key)
}

#[unsafe(no_mangle)]
fn entry_device_now(device: &mut Opaque) -> Ticks {
    device.now()
}

#[unsafe(no_mangle)]
fn entry_device_wall_time(device: &mut Opaque, time: WallTime) -> Result<(), RecordError> {
    device.set_wall_time(time)?;
    let latest = device.latest_wall_time();
    device.set_wall_time(latest)?;
    let present = device.wall_time();
    device.set_wall_time(present)
}

#[unsafe(no_mangle)]
fn entry_endpoint_receive<'m>(
    end: &mut Endpoint<'_, Aes256Gcm, 4>,
    device: &mut Opaque,
    message: &'m mut [u8],
    out: &'m mut [u8],
) -> Result<Happened<'m>, EndpointError> {
    end.receive(device, message, out)
}

#[unsafe(no_mangle)]
fn entry_endpoint_send<'m>(
    end: &mut Endpoint<'_, Aes256Gcm, 4>,
    body: &[u8],
    out: &'m mut [u8],
) -> Result<Outgoing<'m>, SendError> {
    end.send(true, body, out)
}

#[unsafe(no_mangle)]
fn entry_endpoint_close<'m>(
    end: &mut Endpoint<'_, Aes256Gcm, 4>,
    now: Ticks,
    out: &'m mut [u8],
) -> Result<Outgoing<'m>, SendError> {
    end.expire(now);
    end.close(out)
}

#[unsafe(no_mangle)]
fn entry_log_file_begin<'m>(
    device: &mut Opaque,
    by: PrincipalId,
    certificate: &Certificate,
    recipients: &Recipients,
    out: &'m mut [u8],
) -> Result<(LogFile<OpaquePort>, Outgoing<'m>), LogFileError> {
    device.begin_log_file(by, certificate, recipients, out)
}

#[unsafe(no_mangle)]
fn entry_log_file_next<'m>(
    file: &mut LogFile<OpaquePort>,
    device: &mut Opaque,
    out: &'m mut [u8],
) -> Result<Option<Outgoing<'m>>, LogFileError> {
    file.next(device, out)
}
