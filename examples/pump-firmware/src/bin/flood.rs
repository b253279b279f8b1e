//! The pump with a link, while strangers and people of the house send it one first message after the other.
//!
//! `cargo xtask emulate` wants few of them to cost it more than a look, the link to be answered all the while, and the
//! therapy to come in time.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use medsec::Secret;
use medsec::link::request::{Answer, REQUEST_BYTES_MAX, Request};
use medsec::link::{Endpoint, EndpointError, Happened, OUT_BYTES_MIN, Standing};
use medsec_core::identity::Day;
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::identity::trust::Stage;
use medsec_core::rng::Random;
use medsec_core::suite::{Aes256Gcm, TAG_BYTES};
use medsec_core::time::Ticks;
use medsec_transport::frame::overhead;
use medsec_transport::limiter::AdmissionKey;
use medsec_transport::link::{Handshake, Link, MESSAGE_BYTES_MAX, Method, Received};
use pump_firmware::board::console::Line;
use pump_firmware::board::noise::{EmulatedNoise, SplitMix};
use pump_firmware::board::options::Options;
use pump_firmware::board::{self, clock, flash};
use pump_firmware::links::Sides;
use pump_firmware::port::Board;
use pump_firmware::workload::{self, Application, Failure};

type Pumping = Application<Board<false>>;
type End<'i> = Endpoint<'i, Aes256Gcm, 1>;

/// Of so many messages, one is tagged by somebody who has the admission key.
const INSIDERS: u32 = 16;
/// Parts of the flood. In each second one he leaves nothing waiting at the pump, in the others he does: each way spares the pump another of its
/// two limits.
const TURNS: u32 = 10;
/// After so many messages the person with the link asks something, and somebody does something at the pump.
const PERSON_EVERY: u32 = 200;
/// Bytes of the header that names method, suite, kind and window.
const HEADER_BYTES: usize = 4;
/// The last byte of the key behind it.
const KEY_END: usize = HEADER_BYTES + 31;
/// Bytes of the longest first message with its tag.
const FIRST_BYTES_MAX: usize = 68;
/// A call that computes longer than this has made an agreement: a look takes a third of it or less, an agreement fifteen times as much.
const LONG_TICKS: u32 = 250 * clock::TICKS_PER_US;

/// What came of the flood.
#[derive(Default)]
struct Told {
    /// Calls that took long.
    long: u32,
    /// The longest of the others, and the shortest of these.
    short_max: u32,
    long_min: u32,
    /// Messages that were answered.
    answered: u32,
    /// Questions of the person, all of them answered.
    asked: u32,
}

/// First messages as they look, by certificate and pinned, each with its tag.
struct Recorded([([u8; FIRST_BYTES_MAX], usize); 2]);

/// The person's tool.
struct Tool<'a> {
    sides: &'a Sides,
    key: &'a AdmissionKey,
    random: Random<EmulatedNoise>,
}

fn failed<E>(_: E) -> Failure {
    Failure::Link
}

impl<'a> Tool<'a> {
    fn new(sides: &'a Sides, key: &'a AdmissionKey) -> Result<Self, Failure> {
        let mut random = Random::new(EmulatedNoise::new(2));
        random.start(Secret::new([7; 32]), b"tool").map_err(failed)?;
        Ok(Self { sides, key, random })
    }

    /// Begins, and gives the first message with its tag.
    fn begin(
        &mut self,
        is_pinned: bool,
    ) -> Result<(Handshake<'a, Aes256Gcm, 1>, [u8; FIRST_BYTES_MAX], usize), Failure> {
        let ([_, device], [tool, _]) = (&self.sides.certificates, self.sides.own());
        let method = if is_pinned { Method::Pinned(device) } else { Method::Certified };
        let judging = self.sides.judging().ok_or(Failure::Link)?;
        let (mut first, mut tagged) = ([0; MESSAGE_BYTES_MAX], [0; FIRST_BYTES_MAX]);
        let begun = Handshake::begin(tool, judging, method, &[0; 32], &mut self.random, &mut first);
        let (handshake, first) = begun.map_err(failed)?;
        let length = self.key.append(&first, &mut tagged).map_err(failed)?.bytes().len();
        Ok((handshake, tagged, length))
    }

    /// A link with the pump.
    fn connect(
        &mut self,
        end: &mut End<'_>,
        pump: &mut Pumping,
    ) -> Result<Link<Aes256Gcm, 1>, Failure> {
        let (mut handshake, mut first, length) = self.begin(false)?;
        let (mut second, mut third) = ([0; OUT_BYTES_MIN], [0; MESSAGE_BYTES_MAX]);
        let first = first.get_mut(..length).ok_or(Failure::Link)?;
        let answer = end.receive(pump.device(), first, &mut second).map_err(failed)?;
        let Happened::Answer(answer) = answer else { return Err(Failure::Link) };
        let length = answer.bytes().len();
        let second = second.get_mut(..length).ok_or(Failure::Link)?;
        let last = handshake.receive(second, &mut third).map_err(failed)?;
        let length = last.ok_or(Failure::Link)?.bytes().len();
        let third = third.get_mut(..length).ok_or(Failure::Link)?;
        end.receive(pump.device(), third, &mut [0; OUT_BYTES_MIN]).map_err(failed)?;
        let authority = LinkAuthority::take(&mut self.random).ok_or(Failure::Link)?;
        handshake.establish(&authority).map_err(failed)
    }
}

/// Asks the pump what it is over the link; it has to answer.
#[inline(never)]
fn ask(
    link: &mut Link<Aes256Gcm, 1>,
    end: &mut End<'_>,
    pump: &mut Pumping,
) -> Result<(), Failure> {
    let mut body = [0; REQUEST_BYTES_MAX];
    let mut frame = [0; REQUEST_BYTES_MAX + overhead::<1>()];
    let mut out = [0; OUT_BYTES_MIN];
    let body = Request::About.encode(&mut body).map_err(failed)?;
    let sealed = link.seal(Request::About.channel(), true, body, &mut frame).map_err(failed)?;
    let length = sealed.bytes().len();
    let frame = frame.get_mut(..length).ok_or(Failure::Link)?;
    let happened = end.receive(pump.device(), frame, &mut out).map_err(failed)?;
    let Happened::Answer(answer) = happened else { return Err(Failure::Link) };
    let length = answer.bytes().len();
    let answer = out.get_mut(..length).ok_or(Failure::Link)?;
    let Ok(Received::Message(opened)) = link.open(answer) else { return Err(Failure::Link) };
    matches!(Answer::parse(opened.body), Ok(Answer::About(_))).then_some(()).ok_or(Failure::Link)
}

/// Writes a first message that nobody means, and gives its length.
fn garbage(
    number: u32,
    turn: u32,
    recorded: &Recorded,
    key: &AdmissionKey,
    random: &mut SplitMix,
    message: &mut [u8; FIRST_BYTES_MAX],
) -> usize {
    let is_insider = number % INSIDERS == 0;
    let waits = number.checked_div(turn).unwrap_or(0) % 2 == 1;
    let is_pinned = if is_insider { !waits } else { random.below(2) == 0 };
    let Recorded([certified, pinned]) = recorded;
    let (like, length) = if is_pinned { pinned } else { certified };
    *message = *like;
    let kind = random.below(8);
    if is_insider || kind > 1 || !waits {
        for byte in message.iter_mut().skip(HEADER_BYTES) {
            [*byte, ..] = random.next().to_le_bytes();
        }
    }
    if is_insider && let Some(last) = message.get_mut(KEY_END) {
        // A key as RFC 7748 has it: others cost nothing.
        *last &= 0x7f;
    }
    let end = length.saturating_sub(TAG_BYTES);
    if let Some((body, rest)) = message.split_at_mut_checked(end)
        && is_insider
        && let Some(tag) = rest.first_chunk_mut()
    {
        *tag = key.tag(body);
    } else if kind == 7 {
        // Of any length.
        let any = usize::try_from(random.below(68)).unwrap_or(0);
        return any.saturating_add(1);
    }
    *length
}

/// The flood. Of the call that takes a message only the core's own work counts, not the flash it waited for.
#[inline(never)]
fn flood(
    messages: u32,
    recorded: &Recorded,
    link: &mut Link<Aes256Gcm, 1>,
    tool: &Tool<'_>,
    end: &mut End<'_>,
    pump: &mut Pumping,
) -> Result<Told, Failure> {
    let mut random = SplitMix::new(0x666C_6F6F_6400);
    let mut told = Told { long_min: u32::MAX, ..Told::default() };
    let (mut message, mut out) = ([0; FIRST_BYTES_MAX], [0; OUT_BYTES_MIN]);
    let turn = messages.checked_div(TURNS).unwrap_or(0).max(1);
    for number in 1..=messages {
        let length = garbage(number, turn, recorded, tool.key, &mut random, &mut message);
        let message = message.get_mut(..length).ok_or(Failure::Link)?;
        let (begun, words) = (clock::now(), flash::counts().words);
        let happened = end.receive(pump.device(), message, &mut out);
        let halted = flash::counts().words.wrapping_sub(words).wrapping_mul(flash::WORD_TICKS);
        let ticks = clock::now().wrapping_sub(begun).saturating_sub(halted);
        match happened {
            Ok(Happened::Answer(_)) => told.answered = told.answered.wrapping_add(1),
            Err(
                EndpointError::Admission(_)
                | EndpointError::Busy
                | EndpointError::Layout
                | EndpointError::Handshake(_),
            ) => {}
            // No first message ends a link or reaches the application.
            Ok(_) | Err(_) => return Err(Failure::Link),
        }
        if ticks > LONG_TICKS {
            told.long = told.long.wrapping_add(1);
            told.long_min = told.long_min.min(ticks);
        } else {
            told.short_max = told.short_max.max(ticks);
        }
        if number % PERSON_EVERY == 0 {
            ask(link, end, pump)?;
            told.asked = told.asked.wrapping_add(1);
            workload::step(pump, number.checked_div(PERSON_EVERY).unwrap_or(0))?;
        }
    }
    Ok(told)
}

#[inline(never)]
fn live(pump: &mut Pumping, options: &Options) -> Result<(), Failure> {
    workload::settle(pump)?;
    let sides = Sides::new().ok_or(Failure::Link)?;
    let key = AdmissionKey::derive(&Secret::new([5; 32]));
    let ([person, _], [_, own]) = (&sides.certificates, sides.own());
    let standing = Standing {
        own,
        trust: sides.trust().ok_or(Failure::Link)?,
        floor: Day::FIRST,
        stage: Stage::Service,
        admission: Some(&key),
        pin: Some(person),
    };
    let mut end = Endpoint::new(standing, Ticks::from_millis(0));
    let mut tool = Tool::new(&sides, &key)?;
    let mut recorded = Recorded([([0; FIRST_BYTES_MAX], 0); 2]);
    for (is_pinned, like) in [false, true].into_iter().zip(&mut recorded.0) {
        let (_, message, length) = tool.begin(is_pinned)?;
        *like = (message, length);
    }
    let mut link = tool.connect(&mut end, pump)?;
    ask(&mut link, &mut end, pump)?;
    let begun = pump.device().now();
    let told = flood(options.events, &recorded, &mut link, &tool, &mut end, pump)?;
    let ms = pump.device().now().millis_since(begun);
    ask(&mut link, &mut end, pump)?;
    let is_kept = end.peer().is_some_and(|peer| peer.claims() == person.claims());
    if !is_kept {
        return Err(Failure::Link);
    }
    tell(options.events, &told, ms);
    Ok(())
}

fn tell(messages: u32, told: &Told, ms: u64) {
    let line = Line::new().text("FLOOD ").number(messages.into());
    let line = line.text(" long ").number(told.long.into()).text(" ms ").number(ms);
    let line = line.text(" answered ").number(told.answered.into());
    let line = line.text(" asked ").number(told.asked.into());
    let line = line.text(" short_max ").number(told.short_max.into());
    line.text(" long_min ").number(told.long_min.into()).send();
}

fn run(board: Board<false>, options: &Options) -> Result<(), Failure> {
    if options.format {
        return workload::format(board);
    }
    // Used where it lies, as to take it out would copy it.
    let mut pump = workload::start(board);
    match &mut pump {
        Ok(pump) => live(pump, options),
        Err(failure) => Err(*failure),
    }
}

#[entry]
fn main() -> ! {
    let options = board::start();
    let done = match Board::<false>::open(options.seed) {
        Ok(board) => run(board, &options),
        Err(_) => Err(Failure::Board),
    };
    board::finish(workload::told(done))
}
