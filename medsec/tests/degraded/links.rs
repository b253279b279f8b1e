//! No room in the log, and somebody who comes over a link to empty it.

use medsec::core::identity::certificate::Kind;
use medsec::core::rng::Random;
use medsec::core::suite::Aes256Gcm;
use medsec::link::request::{Answer, Refused, Request};
use medsec::link::{Endpoint, Happened, OUT_BYTES_MIN};
use medsec::transport::link::{Link, Received};
use medsec::{RecordError, Secret};
use medsec_sim::clock::SimClock;
use medsec_sim::fault::Model;
use medsec_sim::links::SimLinks;
use medsec_sim::rng::Noise;

use crate::bench::{Blocking, boot, event, identity, maintain, manufactured, started, times};

const EXPORT_STARTED: u16 = 0x0105;

type Suite = Aes256Gcm;
type End<'i> = Endpoint<'i, Suite, 0>;

/// What the device answers to a message.
fn receive(end: &mut End<'_>, device: &mut Blocking<'_>, message: &[u8]) -> Option<Vec<u8>> {
    let (mut message, mut out) = (message.to_vec(), [0; OUT_BYTES_MIN]);
    let happened = end.receive(device, &mut message, &mut out).unwrap();
    let Happened::Answer(answer) = happened else { return None };
    Some(answer.bytes().to_vec())
}

/// Asks over a link, and gives the bytes of the answer.
fn ask(
    link: &mut Link<Suite, 0>,
    end: &mut End<'_>,
    device: &mut Blocking<'_>,
    request: Request,
) -> Vec<u8> {
    let (mut body, mut out) = ([0; 32], [0; 64]);
    let body = request.encode(&mut body).unwrap();
    let frame = link.seal(request.channel(), true, body, &mut out).unwrap();
    let mut answer = receive(end, device, frame.bytes()).unwrap();
    let received = link.open(&mut answer).unwrap();
    let Received::Message(opened) = received else { panic!("{received:?}") };
    opened.body.to_vec()
}

/// Whether a person of the owner can read the log out.
fn is_read_out(device: &mut Blocking<'_>) -> bool {
    is_read_out_by(device, 3)
}

fn is_read_out_by(device: &mut Blocking<'_>, person: u8) -> bool {
    let links = SimLinks::new(&identity(1), 50).unwrap();
    let person = links.holder(Kind::Person, person).unwrap();
    let mut end = Endpoint::new(links.standing().unwrap(), device.now());
    let mut random = Random::new(Noise::good(77));
    random.start(Secret::new([6; 32]), b"peer").unwrap();
    let exchange = |message: &[u8]| receive(&mut end, device, message);
    let mut link = links.connect(&person, &mut random, exchange).unwrap();
    let mut answer = ask(&mut link, &mut end, device, Request::ExportStart);
    if Answer::parse(&answer) == Ok(Answer::Refused(Refused::NotReady)) {
        // A session begins in the reserve for the record that somebody reads the log.
        let _started = maintain(device);
        answer = ask(&mut link, &mut end, device, Request::ExportStart);
    }
    let Ok(Answer::ExportStarted(mut cursor, bytes)) = Answer::parse(&answer) else {
        return false;
    };
    let mut read = 0;
    loop {
        let answer = ask(&mut link, &mut end, device, Request::ExportRead(cursor));
        let Ok(Answer::Part(next, part)) = Answer::parse(&answer) else { return false };
        if part.is_empty() {
            return read == bytes;
        }
        (cursor, read) = (next, read + u32::try_from(part.len()).unwrap());
    }
}

fn fill(device: &mut Blocking<'_>) {
    let full = (0..10_000).find_map(|number| {
        let stored = device.log(&event(number));
        if stored.is_ok() {
            maintain(device).unwrap();
        }
        stored.err()
    });
    assert_eq!(full, Some(RecordError::Full));
}

#[test]
fn a_full_log_is_read_out_over_a_link() {
    let mut flash = manufactured();
    let mut device: Blocking<'_> = started(&mut flash);
    fill(&mut device);
    assert!(is_read_out(&mut device));
}

/// Whoever comes how often, in how many boots, asking for checkpoints as well: the way to empty the log stays.
#[test]
fn no_number_of_links_and_boots_closes_the_way_out_of_a_full_log() {
    let mut flash = manufactured();
    fill(&mut started(&mut flash));
    let mut read = 0;
    for _ in 0..12 {
        let noise = Noise::good(flash.counts().reads);
        let clock = SimClock::new();
        let mut device: Blocking<'_> = boot(&mut flash, noise, &clock).unwrap();
        let _started = maintain(&mut device);
        for _ in 0..20 {
            clock.advance(700_000);
            device.log_mut().0.request_checkpoint();
            let _signed = maintain(&mut device);
            assert!(is_read_out(&mut device), "after {read}");
            read += 1;
        }
    }
    assert_eq!(read, 240);
    let noise = Noise::good(flash.counts().reads);
    let mut device: Blocking<'_> = boot(&mut flash, noise, &SimClock::new()).unwrap();
    device.log_mut().0.request_clear();
    maintain(&mut device).unwrap();
    device.log(&event(2)).unwrap();
}

#[test]
fn a_full_log_is_read_out_over_a_link_after_a_boot_too() {
    let mut flash = manufactured();
    fill(&mut started(&mut flash));
    for _ in 0..3 {
        let noise = Noise::good(flash.counts().reads);
        let mut device: Blocking<'_> = boot(&mut flash, noise, &SimClock::new()).unwrap();
        let _started = maintain(&mut device);
        assert!(!device.log_mut().0.is_running());
        assert!(is_read_out(&mut device));
    }
    let noise = Noise::good(flash.counts().reads);
    let mut device: Blocking<'_> = boot(&mut flash, noise, &SimClock::new()).unwrap();
    device.log_mut().0.request_clear();
    maintain(&mut device).unwrap();
    device.log(&event(2)).unwrap();
    drop(device);
    assert_eq!(times(&flash, EXPORT_STARTED), 3, "each time it was read");
}

/// Two who come in turn are told to wait, within the hour, and no longer: nothing of a full log is recorded to end that.
#[test]
fn readers_in_turn_close_the_way_out_of_a_full_log_for_an_hour_at_most() {
    let mut flash = manufactured();
    fill(&mut started(&mut flash));
    let noise = Noise::good(flash.counts().reads);
    let clock = SimClock::new();
    let mut device: Blocking<'_> = boot(&mut flash, noise, &clock).unwrap();
    let _started = maintain(&mut device);
    let mut read = 0;
    for turn in 0..40 {
        clock.advance(60_000);
        read += u32::from(is_read_out_by(&mut device, 3 + turn % 2));
        let _idle = maintain(&mut device);
    }
    assert!((16..24).contains(&read), "{read}");
    clock.advance(3_600_000);
    assert!(is_read_out(&mut device));
}

/// Where no session starts, the seed alone is stored. Power that fails at any operation of that takes nothing away.
#[test]
fn a_power_cut_at_any_operation_of_a_boot_of_a_full_log_leaves_it_to_be_read() {
    let mut full = manufactured();
    fill(&mut started(&mut full));
    let mut cuts = 0;
    for model in Model::SHARPEST {
        for cut in 1..=4 {
            let mut flash = full.clone();
            flash.set_model(model);
            flash.cut_after(cut);
            let noise = Noise::good(cut.into());
            let mut device: Blocking<'_> = boot(&mut flash, noise, &SimClock::new()).unwrap();
            cuts += u32::from(maintain(&mut device).is_err());
            drop(device);
            flash.power_off();
            flash.power_on();
            let noise = Noise::good(u64::from(cut) + 100);
            let mut device: Blocking<'_> = boot(&mut flash, noise, &SimClock::new()).unwrap();
            let _started = maintain(&mut device);
            assert!(is_read_out(&mut device), "cut {cut}, {model}");
            assert_eq!(device.log(&event(1)), Err(RecordError::Full));
        }
    }
    assert!(cuts >= 9, "{cuts}");
}
