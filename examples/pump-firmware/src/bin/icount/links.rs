//! What links cost: their messages and their frames.

use core::hint::black_box;
use core::mem::size_of;

use medsec::Secret;
use medsec_core::identity::peer::LinkAuthority;
use medsec_core::rng::Random;
use medsec_core::suite::{CipherState, Suite};
use medsec_transport::frame::{Channel, Receiver, Sender};
use medsec_transport::link::{Handshake, Link, MESSAGE_BYTES_MAX, Method};
use pump_firmware::board::noise::EmulatedNoise;
use pump_firmware::links::Sides;

use crate::{count, expect, size, told};

#[inline(never)]
pub(crate) fn links<S: Suite>() -> Option<()> {
    let sides = Sides::new()?;
    let mut random = Random::new(EmulatedNoise::new(1));
    random.start(Secret::new([7; 32]), b"link").ok()?;
    let authority = LinkAuthority::take(&mut random)?;
    let bytes = handshake::<S>(&sides, false, &mut random, &authority)?;
    size(S::ID, "link, certified: on the wire", bytes);
    let bytes = handshake::<S>(&sides, true, &mut random, &authority)?;
    size(S::ID, "link, pinned: on the wire", bytes);
    size(S::ID, "link in RAM", size_of::<Link<S, 1>>());
    frames::<S>();
    Some(())
}

/// Each message at the side that writes it, with what it had to read first; bytes of all of them.
#[inline(never)]
fn handshake<S: Suite>(
    sides: &Sides,
    is_pinned: bool,
    random: &mut Random<EmulatedNoise>,
    authority: &LinkAuthority,
) -> Option<usize> {
    let name = if is_pinned { "link, pinned: " } else { "link, certified: " };
    let judging = sides.judging()?;
    let ([person, device], [tool, unit]) = (&sides.certificates, sides.own());
    let method = |pin| if is_pinned { Method::Pinned(pin) } else { Method::Certified };
    let [mut first, mut second, mut third] = [[0; MESSAGE_BYTES_MAX]; 3];
    let (mut begun, mut taken, mut sum) = (None, None, 0_usize);
    let cost = count(1, || {
        let with = method(device);
        let made = Handshake::<S, 1>::begin(tool, judging, with, &[0; 32], random, &mut first).ok();
        begun = made.map(|(side, message)| (side, message.bytes().len()));
    });
    told(cost, S::ID, [name, "first message written"]);
    let (mut side, length) = begun?;
    sum = sum.saturating_add(length);
    let message = first.get_mut(..length)?;
    let cost = count(1, || {
        let (with, to) = (method(person), &mut second);
        let made =
            Handshake::<S, 1>::accept(unit, judging, with, &[0; 32], random, message, to).ok();
        taken = made.map(|(side, message)| (side, message.bytes().len()));
    });
    told(cost, S::ID, [name, "first read, second written"]);
    let (mut other, length) = taken?;
    sum = sum.saturating_add(length);
    let (message, mut length) = (second.get_mut(..length)?, 0);
    let cost = count(1, || {
        let read = side.receive(message, &mut third).ok().flatten();
        length = read.map_or(0, |message| message.bytes().len());
    });
    let what = if is_pinned { "second read" } else { "second read, third written" };
    told(cost, S::ID, [name, what]);
    sum = sum.saturating_add(length);
    if is_pinned {
        expect(side.is_complete() && other.is_complete());
        return Some(sum);
    }
    let message = third.get_mut(..length)?;
    let cost = count(1, || expect(other.receive(message, &mut []).is_ok()));
    told(cost, S::ID, [name, "third read"]);
    expect(side.is_complete() && other.is_complete());
    let (mut other, mut link) = (Some(other), None);
    let cost = count(1, || link = other.take().and_then(|other| other.establish(authority).ok()));
    told(cost, S::ID, [name, "established"]);
    expect(link.is_some());
    Some(sum)
}

#[inline(never)]
fn frames<S: Suite>() {
    let key = Secret::new([9; 32]);
    let mut sender = Sender::<S, 0>::new(CipherState::new(&key));
    let mut receiver = Receiver::<S, 0>::new(CipherState::new(&key));
    let mut frames = [[0; 64 + 17]; 16];
    let mut all = frames.iter_mut();
    let cost = count(16, || {
        if let Some(frame) = all.next() {
            expect(sender.seal(Channel::App, true, black_box(&[7; 64]), frame).is_ok());
        }
    });
    told(cost, S::ID, ["frame: seal ", "64 B"]);
    let mut all = frames.iter_mut();
    let cost = count(16, || {
        if let Some(frame) = all.next() {
            expect(receiver.open(frame).is_ok());
        }
    });
    told(cost, S::ID, ["frame: open ", "64 B"]);
}
