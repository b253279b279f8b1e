//! The bytes of requests and answers.

use medsec::audit::export::Cursor;
use medsec::link::request::{
    ANSWER_BYTES_MAX, About, Answer, Condition, PART_BYTES_MAX, REQUEST_BYTES_MAX, Refused, Request,
};
use medsec::transport::frame::Channel;

use crate::bench::{ask, linked, opened, receive, ward};

const CURSOR: Cursor = Cursor { offset: 0x0403_0201, page: 7, end: 0x1020, index: 9 };

fn about() -> About {
    About {
        model: 0x5049_0001,
        device: [0xd1; 16],
        suite: 1,
        condition: Condition::default()
            .with(Condition::RECORDING, true)
            .with(Condition::RANDOM, false)
            .with(Condition::FLASH_FAULT, true),
        sessions: 258,
        used_per_mille: 801,
        export_bytes: 65_704,
        uptime_ms: 0x0102_0304_0506,
    }
}

fn requests() -> [Request; 4] {
    [Request::About, Request::ExportStart, Request::ExportRead(CURSOR), Request::Checkpoint]
}

fn answers() -> Vec<Answer<'static>> {
    let mut answers = vec![
        Answer::About(about()),
        Answer::ExportStarted(CURSOR, 65_704),
        Answer::Part(CURSOR, &[0xaa; 3]),
        Answer::Part(CURSOR, &[]),
        Answer::Noted,
    ];
    answers.extend(Refused::ALL.map(Answer::Refused));
    answers
}

/// Frozen: another implementation writes the same.
#[test]
fn their_bytes_are_those_of_the_golden_file() {
    let mut lines = String::new();
    let mut buffer = [0; ANSWER_BYTES_MAX];
    let mut line = |bytes: &[u8]| {
        let hex: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        lines.push_str(&hex.concat());
        lines.push('\n');
    };
    for request in requests() {
        line(request.encode(&mut buffer).unwrap());
    }
    for answer in answers() {
        line(answer.encode(&mut buffer).unwrap());
    }
    assert_eq!(lines, include_str!("../golden/request_v1.txt"), "\n{lines}");
}

#[test]
fn each_is_read_back_and_no_part_of_it_or_more_is_anything() {
    let mut buffer = [0; ANSWER_BYTES_MAX];
    for request in requests() {
        let bytes = request.encode(&mut buffer).unwrap().to_vec();
        assert!(bytes.len() <= REQUEST_BYTES_MAX);
        for channel in Channel::ALL {
            let parsed = Request::parse(channel, &bytes);
            assert_eq!(parsed.ok(), (channel == request.channel()).then_some(request));
        }
        for length in 0..bytes.len() {
            Request::parse(request.channel(), &bytes[..length]).unwrap_err();
            request.encode(&mut buffer[..length]).unwrap_err();
        }
        let longer = [&bytes[..], &[0]].concat();
        Request::parse(request.channel(), &longer).unwrap_err();
    }
    for answer in answers() {
        let bytes = answer.encode(&mut buffer).unwrap().to_vec();
        assert_eq!(Answer::parse(&bytes), Ok(answer));
        let is_part = matches!(answer, Answer::Part(..));
        for length in 0..bytes.len() {
            answer.encode(&mut buffer[..length]).unwrap_err();
            // A part of a part is one: whether an export is whole is for the log's verifier to say.
            let is_some_part = is_part && length >= 17;
            assert_eq!(
                Answer::parse(&bytes[..length]).is_ok(),
                is_some_part,
                "{answer:?} {length}"
            );
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(Answer::parse(&longer).is_ok(), is_part, "{answer:?}");
    }
    let longest = [0x5a; PART_BYTES_MAX + 1];
    let fits = Answer::Part(CURSOR, &longest[..PART_BYTES_MAX]);
    let bytes = fits.encode(&mut buffer).unwrap().to_vec();
    assert_eq!((bytes.len(), Answer::parse(&bytes)), (ANSWER_BYTES_MAX, Ok(fits)));
    Answer::Part(CURSOR, &longest).encode(&mut buffer).unwrap_err();
    Answer::parse(&[&bytes[..], &[0]].concat()).unwrap_err();
}

/// Each first byte, and each reserved bit.
#[test]
fn what_is_unknown_is_refused_by_name() {
    let known = [0x81, 0x82, 0x83, 0x84, 0xff];
    for first in 0..=0xff_u8 {
        for length in [0, 1, 20, 44] {
            let bytes = [&[first][..], &vec![0; length]].concat();
            assert!(known.contains(&first) || Answer::parse(&bytes).is_err(), "{first}");
            let is_known = Channel::ALL.map(|channel| Request::parse(channel, &bytes).is_ok());
            assert!(first <= 4 || is_known == [false; 6], "{first}");
        }
    }
    let mut buffer = [0; ANSWER_BYTES_MAX];
    let mut bytes = Answer::About(about()).encode(&mut buffer).unwrap().to_vec();
    for bit in 4..8 {
        bytes[22] ^= 1 << bit;
        assert!(Answer::parse(&bytes).is_err(), "bit {bit}");
        bytes[22] ^= 1 << bit;
    }
    for code in [0, 5, 6, 0xff] {
        Answer::parse(&[0xff, code]).unwrap_err();
    }
    for why in Refused::ALL {
        assert!(!why.to_string().is_empty());
    }
}

#[test]
fn a_device_answers_what_it_does_not_know_and_what_is_not_whole_alike() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let mut link = linked(&ward.links, &ward.person(1), &mut end, &mut device);
    let cases: [(Channel, bool, &[u8]); 6] = [
        (Channel::Config, true, b""),
        (Channel::Config, true, b"\x05"),
        (Channel::Config, true, b"\x02"),
        (Channel::Update, true, b"\x01"),
        (Channel::Time, true, b"\x01"),
        (Channel::Config, false, b"\x01"),
    ];
    for (channel, is_last, body) in cases {
        let mut out = [0; 64];
        let frame = link.seal(channel, is_last, body, &mut out).unwrap().bytes().to_vec();
        let answer = receive(&mut end, &mut device, &frame).unwrap().unwrap();
        let (on, answer) = opened(&mut link, answer);
        assert_eq!((on, Answer::parse(&answer)), (channel, Ok(Answer::Refused(Refused::Unknown))));
    }
    ask(&mut link, &mut end, &mut device, Request::About);
}

/// A cursor that names a page which the log has not reached is of another log.
#[test]
fn a_cursor_from_before_the_log_was_made_anew_is_refused() {
    let (ward, mut flash) = ward();
    let (mut device, mut end) = ward.boot(&mut flash);
    let mut link = linked(&ward.links, &ward.person(1), &mut end, &mut device);
    let (log, _) = device.log_mut();
    let now = log.export_start().unwrap();
    for (offset, page) in [(4_096, now.page + 1), (4_096, u32::MAX), (0, now.page + 1)] {
        let request = Request::ExportRead(Cursor { offset, page, ..now });
        let answer = ask(&mut link, &mut end, &mut device, request);
        assert_eq!(Answer::parse(&answer), Ok(Answer::Refused(Refused::Changed)), "{page}");
    }
    let good = ask(&mut link, &mut end, &mut device, Request::ExportRead(now));
    assert!(matches!(Answer::parse(&good), Ok(Answer::Part(..))));
}
