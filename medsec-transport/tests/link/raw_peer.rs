//! A peer that is known and trusted, but says what this crate never says for it: it speaks the handshake itself.

use medsec_core::Secret;
use medsec_core::identity::certificate::{Kind, Kinds};
use medsec_core::identity::trust::Refusal;
use medsec_core::key::{Label, derive};
use medsec_core::suite::Aes256Gcm;
use medsec_transport::frame::{Channel, ReceiveError, Sender};
use medsec_transport::link::{Handshake, Link, LinkError, Received};
use medsec_transport::noise::handshake_state::{HandshakeState, Role};
use medsec_transport::noise::pattern::{XX, XX_PSK3};

use crate::parties::{Attempt, Party, Setting, device, station, tool};
use crate::{LABELLED, device_without};

/// What bodies of frames about the link begin with.
const CLOSE: u8 = 1;
const ALERT: u8 = 2;

/// An honest end of a link, and what the peer sends with.
struct Heard {
    link: Link<Aes256Gcm, 0>,
    sender: Sender<Aes256Gcm, 0>,
}

impl Heard {
    fn seal(&mut self, channel: Channel, is_last: bool, body: &[u8]) -> Vec<u8> {
        let mut buffer = [0; 50];
        self.sender.seal(channel, is_last, body, &mut buffer).unwrap().bytes().to_vec()
    }

    /// What is said of the link is not understood, and does not end it.
    fn does_not_know(&mut self, is_last: bool, body: &[u8]) {
        let mut frame = self.seal(Channel::Control, is_last, body);
        assert_eq!(self.link.open(&mut frame), Err(ReceiveError::Unknown), "{body:?}");
        assert!(!self.link.is_ended());
    }

    fn hears(&mut self, body: &[u8]) {
        let mut frame = self.seal(Channel::App, true, body);
        assert!(matches!(self.link.open(&mut frame), Ok(Received::Message(_))));
    }

    /// An ordinary message still arrives, and so does the end.
    fn goes_on_to_its_end(&mut self) {
        self.hears(b"bolus");
        let mut frame = self.seal(Channel::Control, true, &[CLOSE]);
        assert_eq!(self.link.open(&mut frame), Ok(Received::Closed));
        assert!(self.link.is_ended());
    }
}

/// The side of the peer, by certificates or by label as the header of the first message says.
fn raw<'s>(party: &'s Party, role: Role, header: &[u8]) -> HandshakeState<'s, Aes256Gcm> {
    let prologue = [b"medsec/v1/transport/link\0\0\0\0\0\0\0\0", header, &[0; 32]].concat();
    let parts = [&prologue[..], &[0; 32]];
    let is_labelled = header.starts_with(&[2]);
    let pattern = if is_labelled { &XX_PSK3 } else { &XX };
    let psk = is_labelled.then(label);
    let mut state = HandshakeState::new(pattern, role, &parts, &party.secret, None, psk).unwrap();
    state.set_ephemeral(Secret::new([77; 32]));
    state
}

/// What both sides know that have the label of `LABELLED`.
fn label() -> Secret<32> {
    let mut code = [0; 32];
    code.split_at_mut(16).0.fill(7);
    derive(&Secret::new(code), Label::LinkPair, &[])
}

/// The next message of the peer, behind what comes before it.
fn written(state: &mut HandshakeState<'_, Aes256Gcm>, front: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut buffer = [0; 250];
    let message = state.write_message(payload, &mut buffer).unwrap();
    [front, message].concat()
}

/// The peer reads a message without the bytes in front.
fn read(state: &mut HandshakeState<'_, Aes256Gcm>, front: usize, message: &[u8]) {
    let (_, message) = message.split_at(front);
    state.read_message(&mut message.to_vec()).unwrap();
}

/// The peer begins as the initiator of the setting, and says that it is of this kind; the responder, and what it thinks of the certificate.
fn initiate(
    setting: &Setting,
    announced: Kind,
) -> (Handshake<'_, Aes256Gcm, 0>, Sender<Aes256Gcm, 0>, Result<(), LinkError>) {
    let header = [1, 1, announced.code(), 0];
    let mut state = raw(&setting.initiator, Role::Initiator, &header);
    let first = written(&mut state, &header, &[]);
    let (mut responder, second) = setting.accept(&first, 0).unwrap();
    read(&mut state, 1, &second);
    let wire = setting.initiator.certificate.to_wire();
    let mut third = written(&mut state, &[0x11], &wire);
    let judged = responder.receive(&mut third, &mut []).map(|answer| assert!(answer.is_none()));
    (responder, Sender::new(state.finish().unwrap().send), judged)
}

/// The peer answers as the responder of the setting.
fn respond(setting: &Setting) -> Result<Heard, LinkError> {
    let (mut initiator, first) = setting.begin(0);
    let mut state = raw(&setting.responder, Role::Responder, first.split_at(4).0);
    read(&mut state, 4, &first);
    let wire = setting.responder.certificate.to_wire();
    let mut second = written(&mut state, &[0x10], &wire);
    let mut buffer = [0; 250];
    let third = initiator.receive(&mut second, &mut buffer)?.unwrap();
    read(&mut state, 1, third.bytes());
    let sender = Sender::new(state.finish().unwrap().send);
    Ok(Heard { link: setting.establish(initiator), sender })
}

fn initiated(setting: &Setting) -> Heard {
    let (responder, sender, judged) = initiate(setting, Kind::Person);
    judged.unwrap();
    Heard { link: setting.establish(responder), sender }
}

#[test]
fn what_is_not_known_of_a_link_does_not_end_it() {
    let setting = Setting::new(tool(), device(), Attempt::Certified);
    let ends: [fn(&Setting) -> Heard; 2] = [initiated, |setting| respond(setting).unwrap()];
    for end in ends {
        let mut heard = end(&setting);
        for body in [&[][..], &[0], &[9], &[CLOSE, 1], &[ALERT], &[ALERT, 0xff]] {
            heard.does_not_know(true, body);
        }
        heard.does_not_know(false, &[CLOSE]);
        heard.goes_on_to_its_end();
    }
}

/// A refusal comes from a responder that has said nothing before, and tells who was certified for this device.
#[test]
fn a_refusal_from_elsewhere_does_not_end_a_link() {
    let setting = Setting::new(tool(), device(), Attempt::Certified);
    let refused = [ALERT, Refusal::Epoch.code()];
    let mut late = respond(&setting).unwrap();
    late.hears(b"first");
    late.does_not_know(true, &refused);
    late.goes_on_to_its_end();
    let mut from_initiator = initiated(&setting);
    from_initiator.does_not_know(true, &refused);
    from_initiator.does_not_know(true, &refused);
    from_initiator.goes_on_to_its_end();
    for untold in [Refusal::Issuer.code(), Refusal::Signature.code(), 0, 0xff] {
        let mut heard = respond(&setting).unwrap();
        heard.does_not_know(true, &[ALERT, untold]);
        heard.goes_on_to_its_end();
    }
    let mut heard = respond(&setting).unwrap();
    let mut frame = heard.seal(Channel::Control, true, &refused);
    assert_eq!(heard.link.open(&mut frame), Ok(Received::Refused(Refusal::Epoch)));
    assert!(heard.link.is_ended());
}

/// Both kinds are wanted here, so it is what was announced that decides.
#[test]
fn a_peer_of_another_kind_than_it_said_is_refused() {
    for (announced, party, is_good) in [
        (Kind::Station, tool(), false),
        (Kind::Person, tool(), true),
        (Kind::Person, station(), false),
    ] {
        let mut setting = Setting::new(party, device(), Attempt::Certified);
        setting.wanted = Kinds::of(&[Kind::Person, Kind::Station]);
        let (responder, _, judged) = initiate(&setting, announced);
        assert_eq!(judged, if is_good { Ok(()) } else { Err(LinkError::Kind) });
        assert_eq!(responder.is_complete(), is_good);
        assert_eq!(responder.alert(&mut [0; 50]).unwrap_err(), LinkError::Layout);
    }
}

/// This crate shows no such certificate; one who does speaks a suite that nobody has vouched for.
#[test]
fn a_certificate_without_the_suite_is_refused() {
    let lacking = || {
        let mut person = tool();
        person.with_suites(0b10);
        person
    };
    let setting = Setting::new(lacking(), device_without(), Attempt::Certified);
    assert_eq!(setting.try_begin::<Aes256Gcm, 0>(0).unwrap_err(), LinkError::Suite);
    let honest = Setting::new(tool(), device(), Attempt::Certified);
    let first = honest.begin::<Aes256Gcm, 0>(0).1;
    assert_eq!(setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap_err(), LinkError::Suite);

    let setting = Setting::new(lacking(), device(), Attempt::Certified);
    let (responder, _, judged) = initiate(&setting, Kind::Person);
    assert_eq!((judged, responder.is_complete()), (Err(LinkError::Suite), false));
    let setting = Setting::new(tool(), device_without(), Attempt::Certified);
    assert_eq!(respond(&setting).map(|_| ()).unwrap_err(), LinkError::Suite);
    let setting = Setting::new(tool(), device_without(), Attempt::Pinned);
    assert_eq!(setting.try_begin::<Aes256Gcm, 0>(0).unwrap_err(), LinkError::Suite);
}

#[test]
fn an_initiator_speaks_with_the_kind_it_looks_for() {
    let mut setting = Setting::new(tool(), device(), Attempt::Certified);
    setting.looked_for = Kinds::of(&[Kind::Station]);
    assert_eq!(respond(&setting).map(|_| ()).unwrap_err(), LinkError::Kind);
    setting.looked_for = Kinds::of(&[Kind::Station, Kind::Device]);
    respond(&setting).unwrap();
}

/// Who has stolen key and label of a device pairs with it, but not as the device itself.
#[test]
fn a_device_does_not_pair_with_its_own_key() {
    for (initiator, expected) in [(tool(), Ok(())), (device(), Err(LinkError::Subject))] {
        let setting = Setting::new(initiator, device(), LABELLED);
        let header = [2, 1, Kind::Person.code(), 0];
        let mut state = raw(&setting.initiator, Role::Initiator, &header);
        let first = written(&mut state, &header, &[]);
        let (mut responder, second) = setting.accept::<Aes256Gcm, 0>(&first, 0).unwrap();
        read(&mut state, 1, &second);
        let mut third = written(&mut state, &[0x11], &[]);
        let judged = responder.receive(&mut third, &mut []).map(|answer| assert!(answer.is_none()));
        assert_eq!((judged, responder.is_complete()), (expected, expected.is_ok()));
    }
}
