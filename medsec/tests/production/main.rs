//! A unit on the production line: what a station makes of it, and what nobody else does.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may panic, and the counts are evidence"
)]

use medsec::auth::provision::claim::{CODE_BYTES, ClaimKey};
use medsec::auth::provision::message::{
    Answer, Debug, Hello, NO_PROOF, Progress, Refused, Request, Run, Unit,
};
use medsec::auth::provision::receipt::Receipt;
use medsec::core::flash::cell;
use medsec::core::identity::certificate::{Certificate, Kind};
use medsec::core::identity::trust::Refusal;
use medsec::core::key::{DeviceKey, Label, PublicKey, derive};
use medsec::core::lifecycle::State;
use medsec::{Pause, Secret};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::production::{
    Chip, LineDebug, LineUnit, MODEL, Maker, NoAnswer, OWN, PAGES, StationKeys, StationLink,
    UnitKeys, bear, hello,
};

type Part = FaultFlash<4, 4, 4096>;
type Board<'a> = LineUnit<'a, 4, 4, 4096>;

const RUN: u8 = 9;
const SERIAL: u64 = 7_001;

fn blank() -> Part {
    Part::new(PAGES, Model::None, 1)
}

fn born(maker: &Maker, number: u64) -> Part {
    let mut part = blank();
    bear(&mut part, &maker.firmware(), &Chip::new(number), number).unwrap();
    part
}

fn link(maker: &Maker, unit: &mut Board<'_>, seed: u64) -> StationLink {
    let keys = StationKeys::new(maker, Kind::Station, 30).unwrap();
    StationLink::open((maker, &keys), seed, &mut |message| unit.receive(message)).unwrap()
}

fn ask(station: &mut StationLink, unit: &mut Board<'_>, request: &Request<'_>) -> Answer {
    station.ask(request, &mut |message| unit.receive(message)).unwrap()
}

fn refused(station: &mut StationLink, unit: &mut Board<'_>, request: &Request<'_>) -> Refused {
    let answer = ask(station, unit, request);
    let Answer::Refused(why) = answer else { panic!("{answer:?}") };
    why
}

fn run<'r>(station: &'r StationLink, hello: &'r Hello) -> Run<'r> {
    Run { hello, handshake: station.handshake(), agreement: station.agreement() }
}

fn greet(station: &mut StationLink, unit: &mut Board<'_>, hello: &Hello) -> Unit {
    let answer = ask(station, unit, &Request::Hello(*hello, [0xE0; 32]));
    let Answer::Unit(said, signature) = answer else { panic!("{answer:?}") };
    said.verify(&run(station, hello), &signature).unwrap();
    said
}

fn certificate(maker: &Maker, station: &StationLink, said: &Unit) -> Certificate {
    let key = PublicKey::parse(&said.signing).unwrap();
    maker.certify(Kind::Device, 1, station.agreement(), &key).unwrap()
}

fn store(station: &mut StationLink, unit: &mut Board<'_>, certificate: &Certificate) {
    let answer = ask(station, unit, &Request::Certificate(&certificate.to_bytes()));
    let Answer::Stored(digest) = answer else { panic!("{answer:?}") };
    assert_eq!(digest, certificate.digest());
}

fn draw(station: &mut StationLink, unit: &mut Board<'_>) -> Secret<CODE_BYTES> {
    let answer = ask(station, unit, &Request::Code);
    let Answer::Code(code) = answer else { panic!("{answer:?}") };
    code
}

fn seal(
    station: &mut StationLink,
    unit: &mut Board<'_>,
    (hello, code): (&Hello, &Secret<CODE_BYTES>),
    certificate: &Certificate,
) -> Answer {
    let digest = certificate.digest();
    let proof = ClaimKey::of(code).proof(&run(station, hello), &digest);
    ask(station, unit, &Request::Seal(proof, digest))
}

/// With a lock that has effect at once, and with one that takes a reset.
#[test]
fn a_station_makes_a_device_that_waits_for_its_owner() {
    for is_prompt in [true, false] {
        let maker = Maker::new(1);
        let mut part = born(&maker, 5);
        let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
        let mut debug = LineDebug::open(is_prompt);
        let said = hello(RUN, SERIAL);
        let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
        assert_eq!(unit.people.lifecycle().state(), Ok(State::Blank));
        let mut station = link(&maker, &mut unit, 1);
        let told = greet(&mut station, &mut unit, &said);
        assert_eq!((told.progress, told.debug), (Progress::Begun, Debug::Open));
        assert_eq!(unit.people.lifecycle().state(), Ok(State::Provisioning));
        let certificate = certificate(&maker, &station, &told);
        store(&mut station, &mut unit, &certificate);
        let code = draw(&mut station, &mut unit);
        let mut answer = seal(&mut station, &mut unit, (&said, &code), &certificate);
        if !is_prompt {
            assert!(matches!(answer, Answer::Refused(Refused::Debug)));
            drop(unit);
            unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 2).unwrap();
            station = link(&maker, &mut unit, 2);
            assert_eq!(greet(&mut station, &mut unit, &said).progress, Progress::Coded);
            answer = seal(&mut station, &mut unit, (&said, &code), &certificate);
        }
        let Answer::Sealed(receipt) = answer else { panic!("{answer:?}") };
        let key = PublicKey::parse(&told.signing).unwrap();
        let receipt = Receipt::verify(&receipt, &key).unwrap();
        assert_eq!(receipt.hello, said);
        assert_eq!((receipt.certificate, receipt.debug), (certificate.digest(), Debug::Locked));
        assert_eq!(receipt.device, certificate.claims().subject);
        assert!(matches!(ask(&mut station, &mut unit, &Request::Finish), Answer::Finished));
        assert_eq!(unit.people.lifecycle().state(), Ok(State::AwaitClaim));
        // The answer may have been lost.
        assert!(matches!(ask(&mut station, &mut unit, &Request::Finish), Answer::Finished));
        assert_eq!(unit.own.shown().map(|own| own.serial), Some(SERIAL));
        drop(unit);
        let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 3).unwrap();
        assert_eq!(unit.own.shown().map(|own| own.certificate), Some(certificate));
        // From now on no station is let in.
        let station = StationKeys::new(&maker, Kind::Station, 30).unwrap();
        let refused =
            StationLink::open((&maker, &station), 4, &mut |message| unit.receive(message));
        assert_eq!(refused.unwrap_err(), NoAnswer::Refused(Refusal::Stage));
    }
}

#[test]
fn nobody_makes_a_device_but_a_station_of_its_maker() {
    let (maker, other) = (Maker::new(1), Maker::new(2));
    let mut part = born(&maker, 5);
    let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
    let mut debug = LineDebug::open(true);
    for (authority, kind, refused) in [
        // Whom the unit does not know is told nothing.
        (&other, Kind::Station, None),
        (&maker, Kind::Person, Some(NoAnswer::Silent)),
        (&maker, Kind::Device, Some(NoAnswer::Silent)),
    ] {
        let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
        let station = StationKeys::new(authority, kind, 30).unwrap();
        let opened =
            StationLink::open((authority, &station), 1, &mut |message| unit.receive(message));
        match (opened, refused) {
            (Err(why), Some(expected)) => assert_eq!(why, expected, "{kind:?}"),
            // This side has its link; the unit has none, and answers nothing.
            (Ok(mut link), None) => {
                let asked = Request::Hello(hello(RUN, SERIAL), [0; 32]);
                let answer = link.ask(&asked, &mut |message| unit.receive(message));
                assert_eq!(answer.unwrap_err(), NoAnswer::Silent);
            }
            (opened, _) => panic!("{kind:?}: {opened:?}"),
        }
        assert_eq!(unit.people.lifecycle().state(), Ok(State::Blank));
    }
}

#[test]
fn what_is_asked_out_of_turn_is_refused_and_changes_nothing() {
    let maker = Maker::new(1);
    let mut part = born(&maker, 5);
    let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
    let mut debug = LineDebug::open(true);
    let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
    let mut station = link(&maker, &mut unit, 1);
    let said = hello(RUN, SERIAL);
    let certified = [0; 184];
    let all = [
        Request::Certificate(&certified),
        Request::Code,
        Request::Seal([0; 16], [0; 32]),
        Request::Finish,
    ];
    for request in &all {
        assert_eq!(refused(&mut station, &mut unit, request), Refused::Order, "{request:?}");
    }
    let other_model = Hello { model: MODEL + 1, ..said };
    let asked = Request::Hello(other_model, [0; 32]);
    assert_eq!(refused(&mut station, &mut unit, &asked), Refused::Model);
    assert_eq!(unit.people.lifecycle().state(), Ok(State::Blank));
    greet(&mut station, &mut unit, &said);
    for request in all.iter().skip(1) {
        assert_eq!(refused(&mut station, &mut unit, request), Refused::Order, "{request:?}");
    }
}

#[test]
fn a_device_takes_its_own_certificate_and_one() {
    let maker = Maker::new(1);
    let mut part = born(&maker, 5);
    let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
    let mut debug = LineDebug::open(true);
    let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
    let mut station = link(&maker, &mut unit, 1);
    let told = greet(&mut station, &mut unit, &hello(RUN, SERIAL));
    let good = certificate(&maker, &station, &told);
    // Another maker's, for another key, of another kind, and each bit.
    let other = Maker::new(2);
    let strange = DeviceKey::from_seed(&Secret::new([1; 32])).public();
    let wrong = [
        certificate(&other, &station, &told),
        maker.certify(Kind::Device, 1, station.agreement(), &strange).unwrap(),
        maker
            .certify(Kind::Device, 1, &[9; 32], &PublicKey::parse(&told.signing).unwrap())
            .unwrap(),
        maker
            .certify(
                Kind::Station,
                1,
                station.agreement(),
                &PublicKey::parse(&told.signing).unwrap(),
            )
            .unwrap(),
    ];
    // It is built for the other suite: with this one it has no link ever after.
    let signing = PublicKey::parse(&told.signing).unwrap();
    let suiteless = maker.certify_for(0b10, Kind::Device, 1, station.agreement(), &signing);
    for wrong in wrong.into_iter().chain(suiteless) {
        let asked = wrong.to_bytes();
        let asked = Request::Certificate(&asked);
        assert_eq!(refused(&mut station, &mut unit, &asked), Refused::Certificate);
    }
    let mut flipped = 0;
    for bit in 0..184 * 8 {
        let mut bytes = good.to_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let asked = Request::Certificate(&bytes);
        assert_eq!(refused(&mut station, &mut unit, &asked), Refused::Certificate, "{bit}");
        flipped += 1;
    }
    assert!(unit.own.shown().is_none());
    println!("production: {flipped} changed certificates, 0 taken");
    store(&mut station, &mut unit, &good);
    store(&mut station, &mut unit, &good);
    // A second certificate for the same keys is one too many.
    let key = PublicKey::parse(&told.signing).unwrap();
    let second = maker.certify(Kind::Device, 2, station.agreement(), &key).unwrap().to_bytes();
    let asked = Request::Certificate(&second);
    assert_eq!(refused(&mut station, &mut unit, &asked), Refused::Certificate);
    assert_eq!(refused(&mut station, &mut unit, &Request::Finish), Refused::Order);
}

#[test]
fn only_who_has_the_last_code_seals() {
    let maker = Maker::new(1);
    let mut part = born(&maker, 5);
    let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
    let mut debug = LineDebug::open(true);
    let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
    let mut station = link(&maker, &mut unit, 1);
    let said = hello(RUN, SERIAL);
    let told = greet(&mut station, &mut unit, &said);
    let good = certificate(&maker, &station, &told);
    store(&mut station, &mut unit, &good);
    let first = draw(&mut station, &mut unit);
    let last = draw(&mut station, &mut unit);
    assert_ne!(first.expose(), last.expose());
    let answer = seal(&mut station, &mut unit, (&said, &first), &good);
    assert!(matches!(answer, Answer::Refused(Refused::Proof)));
    let digest = good.digest();
    let proof = ClaimKey::of(&last).proof(&run(&station, &said), &digest);
    for bit in 0..128 {
        let mut proof = proof;
        proof[bit / 8] ^= 1 << (bit % 8);
        let asked = Request::Seal(proof, digest);
        assert_eq!(refused(&mut station, &mut unit, &asked), Refused::Proof);
    }
    let asked = Request::Seal(proof, [1; 32]);
    assert_eq!(refused(&mut station, &mut unit, &asked), Refused::Certificate);
    assert!(matches!(
        ask(&mut station, &mut unit, &Request::Seal(proof, digest)),
        Answer::Sealed(_)
    ));
    assert_eq!(refused(&mut station, &mut unit, &Request::Code), Refused::Sealed);
}

/// A proof of one link is none on another: whoever has seen it has nothing.
#[test]
fn a_seal_of_another_link_is_none() {
    let maker = Maker::new(1);
    let mut part = born(&maker, 5);
    let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
    let mut debug = LineDebug::open(true);
    let said = hello(RUN, SERIAL);
    let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
    let mut station = link(&maker, &mut unit, 1);
    let told = greet(&mut station, &mut unit, &said);
    let certificate = certificate(&maker, &station, &told);
    store(&mut station, &mut unit, &certificate);
    let code = draw(&mut station, &mut unit);
    let digest = certificate.digest();
    let old = ClaimKey::of(&code).proof(&run(&station, &said), &digest);
    let mut station = link(&maker, &mut unit, 2);
    greet(&mut station, &mut unit, &said);
    let asked = Request::Seal(old, digest);
    assert_eq!(refused(&mut station, &mut unit, &asked), Refused::Proof);
}

/// A second station, or the same in another run, does not take over a device that is being made.
#[test]
fn a_device_goes_on_in_its_own_run_only() {
    let maker = Maker::new(1);
    let mut part = born(&maker, 5);
    let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
    let mut debug = LineDebug::open(true);
    let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
    let (mine, other) = (hello(RUN, SERIAL), hello(RUN + 1, SERIAL + 1));
    let mut station = link(&maker, &mut unit, 1);
    let told = greet(&mut station, &mut unit, &mine);
    let certificate = certificate(&maker, &station, &told);
    let asked = Request::Hello(other, [0; 32]);
    assert_eq!(refused(&mut station, &mut unit, &asked), Refused::Transaction);
    // A hello that was refused leaves none.
    for request in [Request::Code, Request::Certificate(&certificate.to_bytes()), Request::Finish] {
        assert_eq!(refused(&mut station, &mut unit, &request), Refused::Order);
    }
    // Its own goes on.
    greet(&mut station, &mut unit, &mine);
    store(&mut station, &mut unit, &certificate);
    // Under the name of this run, for another number: the label would be another's.
    let renumbered = Hello { serial: SERIAL + 1, ..mine };
    let asked = Request::Hello(renumbered, [0; 32]);
    assert_eq!(refused(&mut station, &mut unit, &asked), Refused::Transaction);
    // So nothing is signed under the other number.
    assert_eq!(refused(&mut station, &mut unit, &Request::Code), Refused::Order);
}

/// Who has begun before the device was made, or too long ago, is not let in with his last message.
#[test]
fn a_handshake_ends_with_its_time_and_with_the_part_of_life() {
    let maker = Maker::new(1);
    for is_late in [true, false] {
        let mut part = born(&maker, 5);
        let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
        let mut debug = LineDebug::open(true);
        let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
        let said = hello(RUN, SERIAL);
        let mut honest = link(&maker, &mut unit, 1);
        let told = greet(&mut honest, &mut unit, &said);
        let certificate = certificate(&maker, &honest, &told);
        store(&mut honest, &mut unit, &certificate);
        let code = draw(&mut honest, &mut unit);
        seal(&mut honest, &mut unit, (&said, &code), &certificate);
        let second = StationKeys::new(&maker, Kind::Station, 31).unwrap();
        let mut messages = 0;
        let mut link = StationLink::open((&maker, &second), 2, &mut |message| {
            messages += 1;
            if messages == 2 && is_late {
                unit.clock.advance(5_000);
            } else if messages == 2 {
                let finish = honest.ask(&Request::Finish, &mut |message| unit.receive(message));
                assert!(matches!(finish, Ok(Answer::Finished)));
            }
            unit.receive(message)
        })
        .unwrap();
        let asked = Request::Hello(said, [0; 32]);
        let answer = link.ask(&asked, &mut |message| unit.receive(message));
        assert_eq!(answer.unwrap_err(), NoAnswer::Silent, "late: {is_late}");
    }
}

/// A station of another model is let in, since its certificate holds, and is served nothing.
#[test]
fn a_station_of_another_model_makes_nothing() {
    let maker = Maker::new(1);
    let mut part = born(&maker, 5);
    let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
    let mut debug = LineDebug::open(true);
    let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
    let other = StationKeys::of_model(&maker, MODEL + 1, 30).unwrap();
    let mut link =
        StationLink::open((&maker, &other), 1, &mut |message| unit.receive(message)).unwrap();
    let asked = Request::Hello(hello(RUN, SERIAL), [0; 32]);
    assert_eq!(refused(&mut link, &mut unit, &asked), Refused::Model);
    assert_eq!(unit.people.lifecycle().state(), Ok(State::Blank));
    let own = StationKeys::of_model(&maker, MODEL, 30).unwrap();
    let mut link =
        StationLink::open((&maker, &own), 2, &mut |message| unit.receive(message)).unwrap();
    greet(&mut link, &mut unit, &hello(RUN, SERIAL));
}

/// Once sealed, the receipt is for who has the code, or says that he has none any more.
#[test]
fn another_code_than_the_sealed_one_gets_no_receipt() {
    let maker = Maker::new(1);
    let mut part = born(&maker, 5);
    let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
    let mut debug = LineDebug::open(true);
    let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
    let mut station = link(&maker, &mut unit, 1);
    let said = hello(RUN, SERIAL);
    let told = greet(&mut station, &mut unit, &said);
    let good = certificate(&maker, &station, &told);
    store(&mut station, &mut unit, &good);
    let first = draw(&mut station, &mut unit);
    let last = draw(&mut station, &mut unit);
    let sealed = seal(&mut station, &mut unit, (&said, &last), &good);
    assert!(matches!(sealed, Answer::Sealed(_)));
    let other = seal(&mut station, &mut unit, (&said, &first), &good);
    assert!(matches!(other, Answer::Refused(Refused::Proof)));
    let none = Request::Seal(NO_PROOF, good.digest());
    assert!(matches!(ask(&mut station, &mut unit, &none), Answer::Sealed(_)));
}

/// A page of the certificate's cell that is erased afterwards brings no earlier content back.
#[test]
fn an_erased_page_takes_no_certificate_back() {
    let maker = Maker::new(1);
    let mut part = born(&maker, 5);
    let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
    let mut debug = LineDebug::open(true);
    let good = {
        let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
        let mut station = link(&maker, &mut unit, 1);
        let told = greet(&mut station, &mut unit, &hello(RUN, SERIAL));
        let good = certificate(&maker, &station, &told);
        store(&mut station, &mut unit, &good);
        good
    };
    let image = part.image();
    for page in 0..4 {
        let mut image = image.clone();
        let at = usize::try_from(OWN.offset()).unwrap() + page * 4_096;
        for byte in image.iter_mut().skip(at).take(4_096) {
            *byte = 0xff;
        }
        let mut part = Part::from_image(image, Model::None, 1);
        let booted = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1);
        // The one with the certificate: there is none then, and no device that could be given another.
        if let Ok(mut unit) = booted {
            let (_, flash) = unit.device.log_mut();
            let mut lender = ();
            let pause = Pause::lend(&mut lender, 100);
            while unit.own.step(flash, &pause).unwrap() != cell::Progress::Done {}
            assert_eq!(unit.own.shown().map(|own| own.certificate), Some(good), "page {page}");
        }
    }
}

/// Whoever stands in the cable with keys of his own has two links, and cannot pass on as his own what the unit says. That the station takes his own unit
/// for the board at the end of the cable is another matter (`docs/formats.md` §23).
#[test]
fn what_a_unit_says_of_itself_is_of_no_use_to_a_man_in_the_cable() {
    let maker = Maker::new(1);
    let mut part = born(&maker, 5);
    let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
    let mut debug = LineDebug::open(true);
    let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
    // Towards the station he is a unit of his own, on a part that he has made himself.
    let mut his = born(&maker, 6);
    let his_keys = UnitKeys::find(&mut his, &maker.firmware(), &Chip::new(6)).unwrap();
    let mut his_debug = LineDebug::open(true);
    let mut box_ =
        Board::boot(&mut his, (&maker.firmware(), &his_keys), &mut his_debug, 2).unwrap();
    let mut to_station = link(&maker, &mut box_, 1);
    let mut honest = link(&maker, &mut unit, 2);
    let said = hello(RUN, SERIAL);
    // What the true unit says of itself he cannot say as his own: it is signed for another link.
    let Answer::Unit(told, signature) = ask(&mut honest, &mut unit, &Request::Hello(said, [0; 32]))
    else {
        panic!("no unit")
    };
    told.verify(&run(&honest, &said), &signature).unwrap();
    told.verify(&run(&to_station, &said), &signature).unwrap_err();
    // Nor can he have its key certified beside his own for links.
    let own = greet(&mut to_station, &mut box_, &said);
    assert_ne!(own.signing, told.signing);
    let mixed = Unit { signing: told.signing, ..own };
    mixed.verify(&run(&to_station, &said), &signature).unwrap_err();
}

/// No word of the code is on the cable or on the part, nor what opens with it before it is kept.
#[test]
fn the_code_is_nowhere_but_on_its_label() {
    let maker = Maker::new(1);
    let mut part = born(&maker, 5);
    let keys = UnitKeys::find(&mut part, &maker.firmware(), &Chip::new(5)).unwrap();
    let mut debug = LineDebug::open(true);
    let said = hello(RUN, SERIAL);
    let mut wire = Vec::new();
    let code = {
        let mut unit = Board::boot(&mut part, (&maker.firmware(), &keys), &mut debug, 1).unwrap();
        let station = StationKeys::new(&maker, Kind::Station, 30).unwrap();
        let mut cable = |message: &[u8]| {
            wire.extend_from_slice(message);
            let answer = unit.receive(message);
            wire.extend(answer.iter().flatten());
            answer
        };
        let mut link = StationLink::open((&maker, &station), 1, &mut cable).unwrap();
        let Ok(Answer::Unit(told, _)) = link.ask(&Request::Hello(said, [0xE0; 32]), &mut cable)
        else {
            panic!("no unit")
        };
        let certificate = certificate(&maker, &link, &told).to_bytes();
        link.ask(&Request::Certificate(&certificate), &mut cable).unwrap();
        let Ok(Answer::Code(code)) = link.ask(&Request::Code, &mut cable) else {
            panic!("no code")
        };
        code
    };
    let image = part.image();
    // What is kept of it opens links by label with this device, and is sealed too.
    let mut parent = Secret::new([0; 32]);
    for (to, from) in parent.expose_mut().iter_mut().zip(code.expose()) {
        *to = *from;
    }
    let kept = derive(&parent, Label::LinkPair, &[]);
    let secrets = [
        &code.expose()[..],
        kept.expose(),
        keys.birth.pepper.expose(),
        keys.birth.storage_root.expose(),
        keys.birth.signing_seed.expose(),
        keys.birth.agreement.expose(),
    ];
    let hits = |bytes: &[u8], secret: &[u8]| {
        bytes.windows(8).filter(|window| secret.windows(8).any(|part| part == *window)).count()
    };
    for secret in secrets {
        assert_eq!(hits(&wire, secret), 0);
    }
    for secret in &secrets[..2] {
        assert_eq!(hits(&image, secret), 0);
    }
    // Where it looks, it finds: what the unit was born with lies on this part, which has no better place.
    assert!(hits(&image, keys.birth.storage_root.expose()) > 0);
    println!("production: {} bytes of wire and {} of flash searched", wire.len(), image.len());
}
