//! Entries of `medsec_transport`.

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::identity::certificate::Certificate;
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::identity::trust::{Stage, Today, Trust};
use medsec_core::key::DeviceKey;
use medsec_core::rng::Random;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305};
use medsec_core::time::Ticks;
use medsec_transport::frame::{
    Channel, Opened, Outgoing, ReceiveError, Receiver, SendError, Sender,
};
use medsec_transport::hal::ChannelLost;
use medsec_transport::limiter::{AdmissionError, AdmissionKey, Limiter};
use medsec_transport::link::{Handshake, Judging, Link, LinkError, Method, Own, Received};
use medsec_transport::noise::handshake_state::{
    BeginError, Finished, HandshakeState, ReadError, Role, WriteError,
};
use medsec_transport::noise::pattern::{KK, XX, XX_PSK3};
use medsec_transport::sealed_file::{
    Checked, Checking, Content, FileWriter, Opening, ReadError as FileReadError, Recipients,
    RecipientsError, Sender as FileSender, WriteError as FileWriteError,
};
use medsec_transport::segment::{self, Assembler, SegmentError};
use medsec_transport::stream::{self, Inbox, StreamError};
use medsec_transport::wifi::{Association, Pin, Policy, WifiRefusal, judge};

use crate::opaque::{OpaqueChannel, OpaqueNoise};

type Side<'s> = HandshakeState<'s, Aes256Gcm>;

#[unsafe(no_mangle)]
fn entry_handshake_begin<'s>(
    role: Role,
    prologue: &[u8],
    own: &'s AgreementSecret,
    remote: &[u8; 32],
    psk: Option<Secret<32>>,
) -> Result<Side<'s>, BeginError> {
    match psk {
        Some(psk) => Side::new(&XX_PSK3, role, &[prologue, &[]], own, None, Some(psk)),
        None if role == Role::Initiator => Side::new(&XX, role, &[prologue, &[]], own, None, None),
        None => Side::new(&KK, role, &[prologue, &[]], own, Some(remote), None),
    }
}

#[unsafe(no_mangle)]
fn entry_handshake_ephemeral(side: &mut Side<'_>, secret: Secret<32>) -> (usize, bool, bool) {
    side.set_ephemeral(secret);
    (side.overhead(), side.is_to_write(), side.is_finished())
}

#[unsafe(no_mangle)]
fn entry_handshake_write<'m>(
    side: &mut Side<'_>,
    payload: &[u8],
    out: &'m mut [u8],
) -> Result<&'m mut [u8], WriteError> {
    side.write_message(payload, out)
}

#[unsafe(no_mangle)]
fn entry_handshake_read<'m>(
    side: &mut Side<'_>,
    message: &'m mut [u8],
) -> Result<&'m mut [u8], ReadError> {
    side.read_message(message)
}

#[unsafe(no_mangle)]
fn entry_handshake_read_chacha<'m>(
    side: &mut HandshakeState<'_, ChaCha20Poly1305>,
    message: &'m mut [u8],
) -> Result<&'m mut [u8], ReadError> {
    side.read_message(message)
}

#[unsafe(no_mangle)]
fn entry_handshake_finish(side: Side<'_>) -> Option<Finished<Aes256Gcm>> {
    side.finish()
}

#[unsafe(no_mangle)]
fn entry_link_send(end: &mut Finished<Aes256Gcm>, ad: &[u8], body: &mut [u8]) -> Option<[u8; 16]> {
    end.send.rekey().ok()?;
    end.send.encrypt_with_ad(ad, body).ok()
}

#[unsafe(no_mangle)]
fn entry_link_receive(
    end: &mut Finished<Aes256Gcm>,
    ad: &[u8],
    body: &mut [u8],
    tag: &[u8; 16],
) -> bool {
    end.receive.decrypt_uncounted(ad, body, tag).is_ok()
        || end.receive.decrypt_with_ad(ad, body, tag).is_ok()
}

#[unsafe(no_mangle)]
fn entry_frame_seal<'m>(
    sender: &mut Sender<Aes256Gcm, 4>,
    channel: Channel,
    body: &[u8],
    out: &'m mut [u8],
) -> Result<Outgoing<'m>, SendError> {
    sender.seal(channel, true, body, out)
}

#[unsafe(no_mangle)]
fn entry_frame_open<'m>(
    receiver: &mut Receiver<Aes256Gcm, 4>,
    frame: &'m mut [u8],
) -> Result<Opened<'m>, ReceiveError> {
    receiver.open(frame)
}

#[unsafe(no_mangle)]
fn entry_frame_open_in_order<'m>(
    receiver: &mut Receiver<ChaCha20Poly1305, 0>,
    frame: &'m mut [u8],
) -> Result<Opened<'m>, ReceiveError> {
    receiver.open(frame)
}

#[unsafe(no_mangle)]
fn entry_link_begin<'a, 'm>(
    own: Own<'a>,
    judging: &Judging<'a>,
    method: Method<'a>,
    random: &mut Random<OpaqueNoise>,
    out: &'m mut [u8],
) -> Result<(Handshake<'a, Aes256Gcm, 4>, Outgoing<'m>), LinkError> {
    Handshake::begin(own, *judging, method, &[0; 32], random, out)
}

#[unsafe(no_mangle)]
fn entry_link_accept<'a, 'm>(
    own: Own<'a>,
    judging: &Judging<'a>,
    method: Method<'a>,
    random: &mut Random<OpaqueNoise>,
    first: &mut [u8],
    out: &'m mut [u8],
) -> Result<(Handshake<'a, Aes256Gcm, 4>, Outgoing<'m>), LinkError> {
    Handshake::accept(own, *judging, method, &[0; 32], random, first, out)
}

#[unsafe(no_mangle)]
fn entry_link_go_on<'m>(
    handshake: &mut Handshake<'_, Aes256Gcm, 4>,
    message: &mut [u8],
    out: &'m mut [u8],
) -> Result<Option<Outgoing<'m>>, LinkError> {
    handshake.receive(message, out)
}

#[unsafe(no_mangle)]
fn entry_link_establish(
    handshake: Handshake<'_, Aes256Gcm, 4>,
    authority: &LinkAuthority,
) -> Result<Link<Aes256Gcm, 4>, LinkError> {
    handshake.establish(authority)
}

#[unsafe(no_mangle)]
fn entry_link_alert<'m>(
    handshake: Handshake<'_, Aes256Gcm, 4>,
    out: &'m mut [u8],
) -> Result<Outgoing<'m>, LinkError> {
    handshake.alert(out)
}

#[unsafe(no_mangle)]
fn entry_link_open<'m>(
    link: &mut Link<Aes256Gcm, 4>,
    frame: &'m mut [u8],
) -> Result<Received<'m>, ReceiveError> {
    link.open(frame)
}

#[unsafe(no_mangle)]
fn entry_link_seal<'m>(
    link: &mut Link<Aes256Gcm, 4>,
    body: &[u8],
    out: &'m mut [u8],
) -> Result<Outgoing<'m>, SendError> {
    link.seal(Channel::App, true, body, out)
}

#[unsafe(no_mangle)]
fn entry_link_close<'m>(
    link: &mut Link<Aes256Gcm, 4>,
    out: &'m mut [u8],
) -> Result<Outgoing<'m>, SendError> {
    link.close(out)
}

#[unsafe(no_mangle)]
fn entry_segment_put(
    outbox: &mut segment::Outbox<300>,
    frame: &Outgoing<'_>,
) -> Result<(), SendError> {
    outbox.put(frame)
}

#[unsafe(no_mangle)]
fn entry_segment_send(
    outbox: &mut segment::Outbox<300>,
    channel: &mut OpaqueChannel,
) -> Result<bool, ChannelLost> {
    outbox.send(channel)
}

#[unsafe(no_mangle)]
fn entry_segment_push<'a>(
    assembler: &'a mut Assembler<300>,
    packet: &[u8],
) -> Result<Option<&'a mut [u8]>, SegmentError> {
    assembler.push(packet)
}

#[unsafe(no_mangle)]
fn entry_stream_put(
    outbox: &mut stream::Outbox<300>,
    frame: &Outgoing<'_>,
) -> Result<(), SendError> {
    outbox.put(frame)
}

#[unsafe(no_mangle)]
fn entry_stream_send(
    outbox: &mut stream::Outbox<300>,
    channel: &mut OpaqueChannel,
) -> Result<bool, ChannelLost> {
    outbox.send(channel)
}

#[unsafe(no_mangle)]
fn entry_stream_push<'a>(
    inbox: &'a mut Inbox<300>,
    bytes: &mut &[u8],
) -> Result<Option<&'a mut [u8]>, StreamError> {
    inbox.push(bytes)
}

#[unsafe(no_mangle)]
fn entry_wifi_judge(elements: &[u8], privacy: bool, policy: Policy) -> Result<Pin, WifiRefusal> {
    judge(elements, privacy, policy)
}

#[unsafe(no_mangle)]
fn entry_wifi_admits(pin: &Pin, association: &Association) -> bool {
    pin.admits(association)
}

#[unsafe(no_mangle)]
fn entry_limiter_admit<'m>(
    limiter: &mut Limiter,
    key: &AdmissionKey,
    now: Ticks,
    message: &'m mut [u8],
) -> Result<&'m mut [u8], AdmissionError> {
    limiter.admit(key, now, message)
}

#[unsafe(no_mangle)]
fn entry_limiter_append<'m>(
    key: &AdmissionKey,
    first: &Outgoing<'_>,
    out: &'m mut [u8],
) -> Result<Outgoing<'m>, SendError> {
    key.append(first, out)
}

#[unsafe(no_mangle)]
fn entry_limiter_take(limiter: &mut Limiter, now: Ticks) -> Result<(), AdmissionError> {
    limiter.take(now)
}

#[unsafe(no_mangle)]
fn entry_file_recipients(
    certificates: &[Certificate],
    trust: Trust<'_>,
    today: Today,
    stage: Stage,
) -> Result<Recipients, RecipientsError> {
    Recipients::judge(certificates, trust, today, stage)
}

#[unsafe(no_mangle)]
fn entry_file_begin<'m>(
    sender: FileSender<'_>,
    recipients: &Recipients,
    random: &mut Random<OpaqueNoise>,
    out: &'m mut [u8],
) -> Result<(FileWriter<Aes256Gcm>, Outgoing<'m>), FileWriteError> {
    FileWriter::begin(sender, Content::Audit, recipients, random, out)
}

#[unsafe(no_mangle)]
fn entry_file_chunk<'m>(
    writer: &mut FileWriter<Aes256Gcm>,
    content: &[u8],
    out: &'m mut [u8],
) -> Result<Outgoing<'m>, FileWriteError> {
    writer.chunk(content, out)
}

#[unsafe(no_mangle)]
fn entry_file_finish<'m>(
    writer: FileWriter<Aes256Gcm>,
    key: &DeviceKey,
    content: &[u8],
    out: &'m mut [u8],
) -> Result<Outgoing<'m>, FileWriteError> {
    writer.finish(key, content, out)
}

#[unsafe(no_mangle)]
fn entry_file_check(
    checking: &mut Checking<'_, Aes256Gcm>,
    bytes: &mut [u8],
) -> Result<usize, FileReadError> {
    checking.take(bytes)?;
    Ok(checking.due())
}

#[unsafe(no_mangle)]
fn entry_file_checked(
    checking: Checking<'_, Aes256Gcm>,
) -> Result<Opening<Aes256Gcm>, FileReadError> {
    checking.finish().map(Checked::open)
}

#[unsafe(no_mangle)]
fn entry_file_open<'b>(
    opening: &mut Opening<Aes256Gcm>,
    bytes: &'b mut [u8],
) -> Result<&'b [u8], FileReadError> {
    opening.take(bytes)
}
