//! Attacks on what is left open: what answers on the radio and over a link, and the ports on the board, in each part of the pump's life.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use infusion_pump::therapy::Rate;
use medsec::core::event::PortKind;
use medsec::core::identity::certificate::Kind;
use medsec::core::identity::trust::Origin;
use medsec::core::lifecycle::{Change, Lifecycle};
use medsec::core::local_port::{LocalPort, Port, PortFault, Sessions};
use medsec::core::time::Ticks;
use medsec::link::request::{Answer, Refused};
use medsec::link::{Endpoint, Happened, OUT_BYTES_MIN, Standing};
use medsec::transport::frame::Channel;
use medsec::transport::link::Received;
use medsec_sim::adversary::{Attack, Goal, Outcome};
use medsec_sim::links::{SimHolder, SimLinks};
use medsec_sim::prng::Prng;

use super::link::{
    DROPPED, End, Peer, gives_log_by, holder, linked, links, missing, receive, standing,
};
use crate::staff::{Bed, at_bed, staffed, unstaffed};
use crate::ward::Stay;

/// First bytes of messages that the pump answers, to whom it does not know: the beginning of a handshake by certificate.
const ANSWERS: [u8; 1] = [0x01];
/// What it serves over a link: channel and first byte of a request.
const SERVES: [(Channel, u8); 4] = [
    (Channel::Audit, 0x02),
    (Channel::Audit, 0x03),
    (Channel::Audit, 0x04),
    (Channel::Config, 0x01),
];
/// Commands that come by the cable.
const COMMANDS: u32 = 20;

pub(super) static ATTACKS: [Attack; 3] = [
    Attack {
        id: "listening-set",
        title: "everything that could answer is tried, on the radio, over a link and at each port, in each part of the pump's life",
        requirements: &["R20", "R12"],
        sources: &["CVE-2023-1968", "CVE-2023-1966"],
        weakness: "port-open-at-boot",
        also_broken_by: &[],
        run: listening_set,
    },
    Attack {
        id: "cable-while-closed",
        title: "commands come by a cable at a port that nobody has opened: in service, across a reset and during therapy",
        requirements: &["R20", "X02"],
        sources: &["CVE-2022-43557", "CVE-2023-29060"],
        weakness: "port-open-at-boot",
        also_broken_by: &[],
        run: cable_while_closed,
    },
    Attack {
        id: "test-key-in-service",
        title: "somebody with a certificate of the laboratory asks a pump in service for its log",
        requirements: &["X13", "X20"],
        sources: &["CVE-2024-1275", "CVE-2023-1968"],
        weakness: "stage-ignored",
        also_broken_by: &[],
        run: test_key_in_service,
    },
];

/// A line of the board. The chip has it connected from reset on, as boot loaders leave theirs.
#[derive(Clone)]
struct Line {
    is_connected: Rc<Cell<bool>>,
    received: Rc<RefCell<Vec<u8>>>,
}

impl Line {
    fn at_reset() -> Self {
        Self { is_connected: Rc::new(Cell::new(true)), received: Rc::default() }
    }

    /// Somebody sends bytes into it.
    fn send(&self, bytes: &[u8]) {
        if self.is_connected.get() {
            self.received.borrow_mut().extend_from_slice(bytes);
        }
    }

    fn cut(&self) {
        self.is_connected.set(false);
        self.received.borrow_mut().clear();
    }
}

macro_rules! local_ports {
    ($($port:ident = $kind:ident $name:literal),+) => {$(
        struct $port(Line);

        impl LocalPort for $port {
            const KIND: PortKind = PortKind::$kind;
            const NAME: &'static str = $name;
            const PURPOSE: &'static str = "service";
            const OPENER: &'static str = "technician";
            const LEASE_MS_MAX: u32 = 600_000;

            fn connect(&mut self) -> Result<(), PortFault> {
                self.0.is_connected.set(true);
                Ok(())
            }

            fn disconnect(&mut self) {
                self.0.cut();
            }
        }
    )+};
}

local_ports!(Console = DebugUart "console", Usb = UsbService "USB", Card = MemoryCard "card");

/// No session is open.
struct Nobody;

impl Sessions for Nobody {
    fn is_open(&self, _: [u8; 8], _: Ticks) -> bool {
        false
    }
}

/// The ports of the board, as the firmware takes them over at boot, and the lines behind them.
struct Ports {
    console: Port<Console>,
    usb: Port<Usb>,
    card: Port<Card>,
    lines: [(&'static str, Line); 3],
}

impl Ports {
    fn at_boot() -> Self {
        let lines = ["console", "USB", "card"].map(|name| (name, Line::at_reset()));
        let [console, usb, card] = lines.clone().map(|(_, line)| line);
        Self {
            console: Port::new(Console(console)),
            usb: Port::new(Usb(usb)),
            card: Port::new(Card(card)),
            lines,
        }
    }

    /// Those through which something gets in.
    fn open(&mut self, now: Ticks) -> Vec<&'static str> {
        // To ask whether a port is open is not to open it.
        let served = [
            self.console.enabled(&Nobody, now).is_ok(),
            self.usb.enabled(&Nobody, now).is_ok(),
            self.card.enabled(&Nobody, now).is_ok(),
        ];
        let lines = self.lines.iter().zip(served);
        let is_open = |((name, line), served): (&(&'static str, Line), bool)| {
            (line.is_connected.get() || served).then_some(*name)
        };
        lines.filter_map(is_open).collect()
    }
}

/// The first bytes that are answered on the radio by who holds nothing but what the owner's tools share.
fn answered(end: &mut End<'_>, stay: &mut Stay<'_, '_, false>, links: &SimLinks) -> Vec<u8> {
    let mut draw = Prng::new(26);
    let mut answered = Vec::new();
    for first in 0..=u8::MAX {
        let mut message = [0; 36];
        draw.fill(&mut message);
        message[..4].copy_from_slice(&[first, 1, Kind::Person.code(), 1]);
        message[35] &= 0x7f;
        let message = [&message[..], &links.admission().tag(&message)].concat();
        if receive(end, stay, &message).is_some() {
            answered.push(first);
        }
    }
    answered
}

/// What is served over a link; what is for the application does not count.
fn served(
    link: &mut Peer,
    end: &mut End<'_>,
    stay: &mut Stay<'_, '_, false>,
) -> Vec<(Channel, u8)> {
    let mut served = Vec::new();
    let channels = Channel::ALL.into_iter().filter(|channel| *channel != Channel::Control);
    for (channel, first) in channels.flat_map(|channel| (0..=u8::MAX).map(move |b| (channel, b))) {
        let is_served = [1, 17].into_iter().any(|length| {
            let mut body = [0; 17];
            body[0] = first;
            let mut out = [0; 64];
            let Ok(frame) = link.seal(channel, true, &body[..length], &mut out) else {
                return false;
            };
            let (mut message, mut out) = (frame.bytes().to_vec(), [0; OUT_BYTES_MIN]);
            let happened = end.receive(stay.pump.device(), &mut message, &mut out);
            let Ok(Happened::Answer(answer)) = happened else { return false };
            let mut answer = answer.bytes().to_vec();
            let Ok(Received::Message(opened)) = link.open(&mut answer) else { return true };
            !matches!(Answer::parse(opened.body), Ok(Answer::Refused(Refused::Unknown)))
        });
        if is_served {
            served.push((channel, first));
        }
    }
    served
}

/// Tries all there is; what answers without being declared is an error.
fn listen(bed: &mut Bed<'_, '_, '_>, links: &SimLinks, nurse: &SimHolder) -> Result<(), Outcome> {
    let life = bed.people.lifecycle();
    let opened = |what: String| {
        let how = format!("{what} answers in state {:?}", life.state());
        Err(Outcome::succeeded(Goal::PortOpened, how))
    };
    let mut ports = Ports::at_boot();
    let stay = &mut *bed.stay;
    let now = stay.pump.device().now();
    if let Some(port) = ports.open(now).first() {
        return opened(format!("the {port} port"));
    }
    let mut end = Endpoint::new(stood(links, life)?, now);
    let first = answered(&mut end, stay, links);
    if first != ANSWERS {
        return opened(format!("the radio, to {first:02x?},"));
    }
    stay.wait(4);
    let mut link = linked(links, nurse, &mut end, stay).ok_or_else(|| missing("link"))?;
    let mut served = served(&mut link, &mut end, stay);
    served.sort_by_key(|(channel, first)| (channel.code(), *first));
    if served != SERVES {
        return opened(format!("a link, to {served:02x?},"));
    }
    stay.wait(3_600);
    let now = stay.pump.device().now();
    if let Some(port) = ports.open(now).first() {
        return opened(format!("after an hour the {port} port"));
    }
    Ok(())
}

/// How the pump goes about links in a part of its life.
fn stood(links: &SimLinks, life: Lifecycle) -> Result<Standing<'_>, Outcome> {
    Ok(Standing { stage: life.stage(), ..standing(links)? })
}

fn listening_set(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = unstaffed(seed)?;
    let links = links(&ward)?;
    let nurse = holder(&links, Kind::Person)?;
    let ways = [
        Change::BeginProvisioning,
        Change::FinishProvisioning,
        Change::Claim,
        Change::BeginMaintenance,
        Change::EndMaintenance,
        Change::Sanitize,
        Change::Decommission,
    ];
    at_bed(&mut ward, |bed| listen(bed, &links, &nurse))?;
    for change in ways {
        at_bed(&mut ward, |bed| {
            bed.live(change)?;
            listen(bed, &links, &nurse)
        })?;
        // And again, as a boot finds it.
        at_bed(&mut ward, |bed| {
            listen(bed, &links, &nurse)?;
            bed.stay.export()
        })?;
    }
    ward.blocked(
        "ports are closed at each boot, and what is not listed is not answered",
        &[DROPPED],
    )
}

/// What the firmware would do for a cable: it takes a rate off the port, if that is open.
fn by_cable(ports: &mut Ports, stay: &mut Stay<'_, '_, false>) {
    let now = stay.pump.device().now();
    let Ok(mut enabled) = ports.usb.enabled(&Nobody, now) else { return };
    let Ok(part) = enabled.part(now) else { return };
    let received: Vec<u8> = part.0.received.borrow_mut().drain(..).collect();
    if let Some(bytes) = received.first_chunk()
        && let Ok(rate) = Rate::from_ul_per_hour(u32::from_le_bytes(*bytes))
    {
        stay.therapy.set_rate(rate);
    }
}

fn cable_while_closed(seed: u64) -> Result<Outcome, Outcome> {
    let (mut ward, team) = staffed(seed)?;
    for is_therapy in [false, true] {
        at_bed(&mut ward, |bed| {
            // The cable has been in since before the reset.
            let mut ports = Ports::at_boot();
            let ordered = if is_therapy {
                let session = bed.enter(&team.nurse, medsec::auth::authenticator::Place::Local)?;
                if !bed.set_rate(session, 36_000)? || !bed.stay.press("s") {
                    return Err(missing("therapy"));
                }
                36_000
            } else {
                0
            };
            let before = bed.stay.therapy.delivered_ul();
            for _ in 0..COMMANDS {
                ports.lines[1].1.send(&999_000_u32.to_le_bytes());
                by_cable(&mut ports, bed.stay);
                bed.stay.wait(60);
            }
            let delivered = bed.stay.therapy.delivered_ul() - before;
            let due = ordered / 60 * COMMANDS;
            // Each wait ends with maintenance, which takes a moment.
            if bed.stay.therapy.ul_per_hour() != ordered || delivered > due + due / 100 {
                let how = format!("{delivered} µl by cable, where {due} were ordered");
                return Err(Outcome::succeeded(Goal::Dose, how));
            }
            bed.stay.export()
        })?;
    }
    ward.blocked("a port is closed until somebody who may has opened it", &[0x4002, 0x4004])
}

fn test_key_in_service(seed: u64) -> Result<Outcome, Outcome> {
    let mut ward = unstaffed(seed)?;
    let links = links(&ward)?;
    let nurse = holder(&links, Kind::Person)?;
    let laboratory =
        |kind, number| links.issued_as(Origin::Owner, kind, number, |claims| claims.is_test = true);
    let tester = laboratory(Kind::Person, 40).ok_or_else(|| missing("person of the laboratory"))?;
    let given = |bed: &mut Bed<'_, '_, '_>, holder: &SimHolder| {
        let standing = stood(&links, bed.people.lifecycle())?;
        bed.stay.wait(4);
        gives_log_by(standing, &links, holder, bed.stay)
    };
    at_bed(&mut ward, |bed| {
        // Where the pump is made, the laboratory's holds: it is a certificate like any other.
        if !given(bed, &tester)? {
            return Err(missing("log for the laboratory"));
        }
        for change in [Change::BeginProvisioning, Change::FinishProvisioning, Change::Claim] {
            bed.live(change)?;
        }
        for change in [None, Some(Change::BeginMaintenance), Some(Change::EndMaintenance)] {
            change.map_or(Ok(()), |change| bed.live(change))?;
            if given(bed, &tester)? {
                let how = "the log of a pump in service is given to the laboratory";
                return Err(Outcome::succeeded(Goal::SecretRead, how));
            }
            if !given(bed, &nurse)? {
                return Err(missing("link of the true holder"));
            }
        }
        bed.stay.export()
    })?;
    ward.blocked("certificates for tests end where a pump waits for its owner", &[DROPPED])
}
