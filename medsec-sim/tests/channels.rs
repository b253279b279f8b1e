//! Channels do what they are told to, the same from the same seed.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use medsec_core::Secret;
use medsec_core::suite::{ChaCha20Poly1305, CipherState};
use medsec_sim::channel::Recording;
use medsec_sim::channel::gatt::Gatt;
use medsec_sim::channel::radio::{Carried, Radio, Weather};
use medsec_sim::channel::serial::{LineNoise, Serial};
use medsec_sim::channel::tcp::Tcp;
use medsec_transport::frame::{Channel, Outgoing, Sender};
use medsec_transport::hal::{ByteChannel, ChannelLost, PacketChannel};

/// Frames of 20 bytes, one after the other.
fn frames(count: usize, mut with: impl FnMut(&Outgoing<'_>)) -> Vec<Vec<u8>> {
    let mut sender = Sender::<ChaCha20Poly1305, 0>::new(CipherState::new(&Secret::new([2; 32])));
    let mut all = Vec::new();
    for _ in 0..count {
        let mut frame = [0; 20];
        let frame = sender.seal(Channel::App, true, b"abc", &mut frame).unwrap();
        with(&frame);
        all.push(frame.bytes().to_vec());
    }
    all
}

/// What comes of so many frames over a radio, and what became of them.
fn over_radio(weather: Weather, seed: u64) -> (Vec<Vec<u8>>, Carried) {
    let [mut here, mut there] = Radio::pair(20, weather, seed);
    let mut come = Vec::new();
    let mut packet = [0; 20];
    frames(10_000, |frame| {
        assert_eq!(here.send(frame), Ok(true));
        if here.carried().sent.is_multiple_of(20) {
            while there.receive(&mut packet) == Ok(20) {
                come.push(packet.to_vec());
            }
        }
    });
    (come, here.carried())
}

#[test]
fn a_radio_has_the_weather_that_it_is_told() {
    let storm = Weather { lost: 30, doubled: 10, damaged: 5, late: 20 };
    let (come, carried) = over_radio(storm, 1);
    assert_eq!(over_radio(storm, 1), (come.clone(), carried));
    assert_ne!(over_radio(storm, 2).0, come);
    let Carried { sent, lost, doubled, damaged } = carried;
    assert_eq!(sent, 10_000);
    assert!((2_800..3_200).contains(&lost) && (600..800).contains(&doubled));
    assert!((300..480).contains(&damaged));
    assert_eq!(come.len(), usize::try_from(sent - lost + doubled).unwrap());
    let sent = frames(10_000, |_| ());
    let strange = come.iter().filter(|packet| !sent.contains(packet)).count();
    assert_eq!(strange, usize::try_from(damaged).unwrap());
    // In fair weather all of it comes, in order.
    assert_eq!(over_radio(Weather::default(), 3).0, sent);
    // A few come late.
    let (late, _) = over_radio(Weather { late: 20, ..Weather::default() }, 4);
    assert_ne!(late, sent);
    let (mut late, mut sent) = (late, sent);
    late.sort();
    sent.sort();
    assert_eq!(late, sent);
}

#[test]
fn a_radio_takes_no_more_than_it_holds() {
    let [mut here, mut there] = Radio::pair(20, Weather::default(), 1);
    assert_eq!(here.packet_bytes(), Ok(20));
    let mut taken = 0;
    frames(100, |frame| taken += u32::from(here.send(frame).unwrap()));
    assert_eq!(taken, 64);
    // One that does not fit is dropped.
    assert_eq!(there.receive(&mut [0; 19]), Ok(0));
    assert_eq!(there.receive(&mut [0; 20]), Ok(20));
    let [mut narrow, _] = Radio::pair(19, Weather::default(), 1);
    frames(1, |frame| assert_eq!(narrow.send(frame), Ok(false)));
}

/// What comes of 400 frames over a line.
fn over_line(noise: LineNoise, seed: u64) -> (Vec<u8>, u64) {
    let [mut here, mut there] = Serial::pair(noise, seed);
    let mut come = Vec::new();
    let mut bytes = [0; 100];
    frames(400, |frame| {
        assert_eq!(here.send(frame), Ok(20));
        let length = there.receive(&mut bytes).unwrap();
        come.extend(bytes.split_at(length).0);
    });
    (come, here.faults())
}

#[test]
fn a_line_has_the_noise_that_it_is_told() {
    let sent = frames(400, |_| ()).concat();
    assert_eq!(over_line(LineNoise::QUIET, 1), (sent.clone(), 0));
    let changing = LineNoise { changed: 1_000, ..LineNoise::QUIET };
    let (come, faults) = over_line(changing, 1);
    assert_eq!(over_line(changing, 1).0, come);
    let changed = come.iter().zip(&sent).filter(|(one, other)| one != other).count();
    assert!((50..110).contains(&faults) && u64::try_from(changed) == Ok(faults));
    let (come, faults) = over_line(LineNoise { dropped: 1_000, ..LineNoise::QUIET }, 1);
    assert!((50..110).contains(&faults));
    assert_eq!(u64::try_from(sent.len() - come.len()), Ok(faults));
    let (come, faults) = over_line(LineNoise { inserted: 1_000, ..LineNoise::QUIET }, 1);
    assert!((50..110).contains(&faults));
    assert_eq!(u64::try_from(come.len() - sent.len()), Ok(faults));
}

#[test]
fn a_cut_line_gives_what_was_on_it_and_no_more() {
    let [mut here, mut there] = Serial::pair(LineNoise::QUIET, 1);
    let mut taken = Vec::new();
    frames(4, |frame| taken.push(here.send(frame).unwrap()));
    assert_eq!(taken, [20, 20, 20, 4]);
    here.cut();
    frames(1, |frame| {
        assert_eq!(here.send(frame), Err(ChannelLost));
        assert_eq!(there.send(frame), Err(ChannelLost));
    });
    assert_eq!(there.receive(&mut [0; 60]), Ok(60));
    assert_eq!(there.receive(&mut []), Ok(0));
    assert_eq!(there.receive(&mut [0; 60]), Ok(4));
    assert_eq!(there.receive(&mut [0; 60]), Err(ChannelLost));
}

#[test]
fn a_connection_that_ends_loses_what_was_on_its_way() {
    let [mut here, mut there] = Gatt::pair(30);
    let mut taken = Vec::new();
    let sent = frames(5, |frame| taken.push(here.send(frame).unwrap()));
    assert_eq!(taken, [true, true, true, true, false]);
    let mut packet = [0; 20];
    assert_eq!(there.receive(&mut packet), Ok(20));
    assert_eq!(Some(&packet.to_vec()), sent.first());
    assert_eq!(there.receive(&mut [0; 19]), Ok(0));
    there.disconnect();
    assert_eq!(here.packet_bytes(), Err(ChannelLost));
    assert_eq!(there.receive(&mut packet), Err(ChannelLost));
    frames(1, |frame| assert_eq!(here.send(frame), Err(ChannelLost)));
    here.connect(20);
    assert_eq!((here.packet_bytes(), there.packet_bytes()), (Ok(20), Ok(20)));
    assert_eq!(there.receive(&mut packet), Ok(0));
    here.connect(19);
    frames(1, |frame| assert_eq!(here.send(frame), Ok(false)));
}

/// Each tap hears what its end sends, and all of it once.
#[test]
fn a_tap_hears_what_is_sent() {
    let recording = Recording::new();
    let [mut serial, _line] = Serial::pair(LineNoise { changed: 9_000, ..LineNoise::QUIET }, 1);
    let [mut gatt, _ble] = Gatt::pair(20);
    let [mut radio, _air] = Radio::pair(20, Weather { lost: 100, ..Weather::default() }, 1);
    let [mut tcp, mut other] = Tcp::pair(1).unwrap();
    serial.set_tap(recording.tap());
    gatt.set_tap(recording.tap());
    radio.set_tap(recording.tap());
    tcp.set_tap(recording.tap());
    let mut pieces = Vec::new();
    let sent = frames(1, |frame| {
        assert_eq!(serial.send(frame), Ok(20));
        assert_eq!(gatt.send(frame), Ok(true));
        assert_eq!(radio.send(frame), Ok(true));
        pieces.push(tcp.send(frame).unwrap());
    });
    let [sent] = &sent[..] else { panic!("one frame") };
    let piece = sent.split_at(pieces.pop().unwrap()).0;
    assert_eq!(recording.bytes(), [&sent[..], sent, sent, piece].concat());
    // Over TCP the end is told once all was read.
    drop(tcp);
    let mut come: Vec<u8> = Vec::new();
    let mut byte = [0; 3];
    while let Ok(length) = other.receive(&mut byte) {
        come.extend(byte.split_at(length).0);
    }
    assert_eq!(come, piece);
    frames(1, |frame| while other.send(frame).is_ok() {});
}
