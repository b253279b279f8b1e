//! Sealed files: what their recipients read, and what nobody else can make of them.
#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::panic_in_result_fn,
    clippy::print_stdout,
    reason = "a test may panic, and the counts are evidence"
)]

use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::hpke::open_base;
use medsec_core::identity::Day;
use medsec_core::identity::certificate::{Certificate, Claims, Kind, Kinds, NO_SCOPE, Unsigned};
use medsec_core::identity::trust::{Anchor, Origin, Refusal, Stage, Today, Trust};
use medsec_core::key::{Context, DeviceKey, Label, derive, device_id, sha256};
use medsec_core::rng::{Random, RandomError};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Sealer, Suite};
use medsec_sim::rng::{Behaviour, Noise};
use medsec_transport::link::{Judging, LinkError, Own};
use medsec_transport::sealed_file::{
    CHUNK_BYTES_MAX, CHUNK_OVERHEAD, Checked, Checking, Content, FileWriter, Front,
    HEADER_BYTES_MAX, ReadError, Recipients, RecipientsError, Sender, TRAILER_BYTES, WriteError,
};

const MAKER: u8 = 1;
const OWNER: u8 = 2;
const DEVICE: u8 = 20;
const TODAY: Today = Today { floor: Day::FIRST, clock: None };
/// Bytes of a header for one recipient.
const HEADER_BYTES: usize = 376;
const RECIPIENT_BYTES: usize = 88;

fn signer(byte: u8) -> DeviceKey {
    DeviceKey::from_seed(&Secret::new([byte; 32]))
}

fn secret(byte: u8) -> AgreementSecret {
    AgreementSecret::from_bytes(Secret::new([byte; 32]))
}

fn certificate(kind: Kind, issuer: u8, holder: u8, suites: u8) -> Certificate {
    let public = signer(holder).public();
    let is_device = kind == Kind::Device;
    let claims = Claims {
        kind,
        suites,
        is_test: false,
        serial: 5,
        issuer: signer(issuer).public().kid(),
        epoch: 0,
        not_before: None,
        not_after: None,
        roles: 1,
        may_issue: Kinds::NONE,
        model: 7,
        scope: NO_SCOPE,
        subject: if is_device { device_id(7, &public) } else { [holder; 16] },
    };
    let signs = (kind != Kind::Recipient).then_some(public);
    let key = secret(holder).public();
    let unsigned = Unsigned::new(claims, Some(&key), signs.as_ref()).unwrap();
    unsigned.sign(&signer(issuer)).unwrap()
}

fn recipient(holder: u8) -> Certificate {
    certificate(Kind::Recipient, OWNER, holder, 0b11)
}

fn anchors() -> [Anchor; 2] {
    [(Origin::Maker, MAKER), (Origin::Owner, OWNER)].map(|(origin, byte)| Anchor {
        origin,
        key: signer(byte).public(),
        may_issue: Kinds::of(&Kind::ALL),
        roles: 0xff,
        scope: NO_SCOPE,
        model: if origin == Origin::Owner { 7 } else { 0 },
        min_epoch: 0,
    })
}

fn random(behaviour: Behaviour) -> Random<Noise> {
    let is_stuck = matches!(behaviour, Behaviour::Stuck(_));
    let mut random = Random::new(Noise::new(behaviour, 3));
    assert_eq!(random.start(Secret::new([9; 32]), b"file").is_err(), is_stuck);
    random
}

fn recipients(certificates: &[Certificate]) -> Result<Recipients, RecipientsError> {
    let anchors = anchors();
    let trust = Trust::new(&anchors, &[], &[]).unwrap();
    Recipients::judge(certificates, trust, TODAY, Stage::Service)
}

/// A file of these chunks, from the device to the holders.
fn file<S: Suite>(holders: &[u8], chunks: &[&[u8]]) -> Vec<u8> {
    let list: Vec<_> = holders.iter().map(|holder| recipient(*holder)).collect();
    let (key, own) = (signer(DEVICE), certificate(Kind::Device, MAKER, DEVICE, 0b11));
    let sender = Sender { key: &key, certificate: &own };
    let mut buffer = [0; HEADER_BYTES_MAX];
    let (mut writer, header) = FileWriter::<S>::begin(
        sender,
        Content::Audit,
        &recipients(&list).unwrap(),
        &mut random(Behaviour::Good),
        &mut buffer,
    )
    .unwrap();
    let mut file = header.bytes().to_vec();
    let mut buffer = vec![0; CHUNK_BYTES_MAX + CHUNK_OVERHEAD + TRAILER_BYTES];
    let (last, others) = chunks.split_last().unwrap();
    for chunk in others {
        file.extend_from_slice(writer.chunk(chunk, &mut buffer).unwrap().bytes());
    }
    file.extend_from_slice(writer.finish(last, &mut buffer).unwrap().bytes());
    file
}

/// The first pass of one reader.
fn check_by<S: Suite>(
    bytes: &[u8],
    reader: (&AgreementSecret, &Certificate),
    change: impl FnOnce(&mut Judging<'_>, &mut Content),
) -> Result<Checked<S>, ReadError> {
    let anchors = anchors();
    let trust = Trust::new(&anchors, &[], &[]).unwrap();
    let kinds = Kinds::of(&[Kind::Device]);
    let mut judging = Judging { trust, today: TODAY, stage: Stage::Service, kinds, subject: None };
    let mut content = Content::Audit;
    change(&mut judging, &mut content);
    let own = Own { secret: reader.0, certificate: reader.1 };
    let mut checking = Checking::<S>::new(own, judging, content);
    let mut rest = bytes.to_vec();
    let mut rest = &mut rest[..];
    while checking.due() > 0 {
        let (part, after) = rest.split_at_mut(checking.due().min(rest.len()));
        rest = after;
        let taken = checking.take(part);
        assert!(part.iter().all(|byte| *byte == 0), "nothing is given out");
        if let Err(error) = taken {
            assert_eq!((checking.due(), checking.take(&mut [])), (0, Err(ReadError::Layout)));
            assert_eq!(checking.finish().err(), Some(ReadError::Torn));
            return Err(error);
        }
    }
    if !rest.is_empty() {
        return Err(checking.take(rest).unwrap_err());
    }
    checking.finish()
}

fn check<S: Suite>(bytes: &[u8], holder: u8) -> Result<Checked<S>, ReadError> {
    check_by(bytes, (&secret(holder), &recipient(holder)), |_, _| ())
}

/// The second pass: the content of each part that has some.
fn open<S: Suite>(checked: Checked<S>, bytes: &[u8]) -> Result<Vec<Vec<u8>>, ReadError> {
    let mut opening = checked.open();
    let (mut content, mut rest) = (Vec::new(), bytes.to_vec());
    let mut rest = &mut rest[..];
    while opening.due() > 0 {
        let (part, after) = rest.split_at_mut(opening.due().min(rest.len()));
        rest = after;
        let said = opening.take(part)?;
        if !said.is_empty() {
            content.push(said.to_vec());
        }
    }
    opening.finish().map(|()| content)
}

#[test]
fn every_recipient_reads_what_the_sender_wrote() {
    fn with<S: Suite>() {
        let long = vec![0x5a; CHUNK_BYTES_MAX];
        let holders: Vec<u8> = (40..48).collect();
        for count in 1..=holders.len() {
            let file = file::<S>(&holders[..count], &[b"dose 2.0", &long, b"x", b""]);
            let bytes = 288 + RECIPIENT_BYTES * count + 8 + long.len() + 1 + 4 * CHUNK_OVERHEAD;
            assert_eq!(file.len(), bytes + TRAILER_BYTES);
            let front = Front::parse(file.first_chunk().unwrap()).unwrap();
            assert_eq!((front.suite, front.content), (S::ID, Content::Audit));
            assert_eq!(front.recipients, count);
            for holder in &holders[..count] {
                let checked = check::<S>(&file, *holder).unwrap();
                assert_eq!((checked.content(), checked.chunks()), (Content::Audit, 4));
                let sender = checked.sender();
                assert_eq!(sender.certificate().claims().kind, Kind::Device);
                let content = open(checked, &file).unwrap();
                assert_eq!(content, [&b"dose 2.0"[..], &long, b"x"]);
            }
            assert_eq!(check::<S>(&file, 49).err(), Some(ReadError::NotRecipient));
        }
    }
    with::<Aes256Gcm>();
    with::<ChaCha20Poly1305>();
}

/// Cut at each byte it is torn; with any bit changed it is refused; and neither gives out a byte.
#[test]
fn no_file_that_was_cut_or_changed_is_read() {
    fn with<S: Suite>() -> (usize, usize) {
        let file = file::<S>(&[40, 41], &[b"dose", b"", b"more"]);
        for length in 0..file.len() {
            assert_eq!(check::<S>(&file[..length], 41).err(), Some(ReadError::Torn), "{length}");
        }
        for bit in 0..file.len() * 8 {
            let mut changed = file.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            check::<S>(&changed, 41).unwrap_err();
        }
        let mut longer = file.clone();
        longer.push(0);
        assert_eq!(check::<S>(&longer, 41).err(), Some(ReadError::Layout));
        (file.len(), file.len() * 8)
    }
    let (first, second) = (with::<Aes256Gcm>(), with::<ChaCha20Poly1305>());
    let (cuts, bits) = (first.0 + second.0, first.1 + second.1);
    println!("sealed files: cut at {cuts} bytes, {bits} bits changed, 0 read");
    assert_eq!((cuts, bits), (1_180, 9_440));
}

/// A recipient knows the key, and can seal something else under it; the sender's signature is not its to make.
#[test]
fn a_recipient_cannot_make_another_file_of_it() {
    let own = file::<Aes256Gcm>(&[40], &[b"dose 2.0"]);
    // What the holder of key 40 learns.
    let stanza = &own[224..224 + RECIPIENT_BYTES];
    let mut key = Secret::new(*stanza[40..].first_chunk().unwrap());
    open_base::<Aes256Gcm>(
        &secret(40),
        stanza[8..].first_chunk().unwrap(),
        b"medsec/v1/transport/file",
        &own[..224],
        key.expose_mut(),
        stanza[72..].first_chunk().unwrap(),
    )
    .unwrap();
    let mut forged = own.clone();
    let chunk = &mut forged[HEADER_BYTES..HEADER_BYTES + 8 + CHUNK_OVERHEAD];
    let (head, body) = chunk.split_first_chunk_mut::<2>().unwrap();
    let (body, tag) = body.split_last_chunk_mut().unwrap();
    let mut sealer = Sealer::<Aes256Gcm>::new(&derive(&key, Label::FileEncrypt, &[]));
    body.copy_from_slice(b"dose 9.0");
    *tag = sealer.seal(0, head, body).unwrap();
    assert_eq!(check::<Aes256Gcm>(&forged, 40).err(), Some(ReadError::NotAuthentic));

    // Put in between the passes it opens, but the pass does not end.
    let mut opening = check::<Aes256Gcm>(&own, 40).unwrap().open();
    let mut changed = forged.clone();
    let mut rest = &mut changed[..];
    let mut given = Vec::new();
    let refused = loop {
        let (part, after) = rest.split_at_mut(opening.due());
        rest = after;
        match opening.take(part) {
            Ok(content) => given.extend_from_slice(content),
            Err(error) => break error,
        }
    };
    assert_eq!((&given[..], refused), (&b"dose 9.0"[..], ReadError::Changed));
    assert_eq!(opening.finish(), Err(ReadError::Changed));

    // Signed by its own key, as the sender that it is not.
    let header = sha256(&[&own[..HEADER_BYTES - 64]]);
    let signature = signer(40).sign(Context::FileHeader, &[&header]).unwrap();
    let mut signed = own.clone();
    signed[HEADER_BYTES - 64..HEADER_BYTES].copy_from_slice(&signature);
    assert_eq!(check::<Aes256Gcm>(&signed, 40).err(), Some(ReadError::NotAuthentic));
}

/// The parts of two files of one sender do not go together, and the chunks of one file have one order.
#[test]
fn parts_cannot_be_moved() {
    let one = file::<Aes256Gcm>(&[40], &[b"first---", b"second--", b"last----"]);
    let other = file::<Aes256Gcm>(&[40, 41], &[b"first---", b"second--", b"last----"]);
    let chunk = 8 + CHUNK_OVERHEAD;
    let at = |index: usize| HEADER_BYTES + index * chunk;
    let mut swapped = one.clone();
    swapped[at(0)..at(1)].copy_from_slice(&one[at(1)..at(2)]);
    swapped[at(1)..at(2)].copy_from_slice(&one[at(0)..at(1)]);
    let left_out = [&one[..at(1)], &one[at(2)..]].concat();
    let doubled = [&one[..at(1)], &one[at(0)..]].concat();
    let spliced = [&one[..HEADER_BYTES], &other[HEADER_BYTES + RECIPIENT_BYTES..]].concat();
    let of_another = [&one[..one.len() - 64], &other[other.len() - 64..]].concat();
    for moved in [swapped, left_out, doubled, spliced, of_another] {
        assert_eq!(check::<Aes256Gcm>(&moved, 40).err(), Some(ReadError::NotAuthentic));
    }
    // The second pass holds a medium to what the first has seen.
    for changed in [&other, &one[..one.len() - 1].to_vec(), &one[..at(1)].to_vec()] {
        let checked = check::<Aes256Gcm>(&one, 40).unwrap();
        assert_eq!(open(checked, changed), Err(ReadError::Changed));
    }
    let mut opening = check::<Aes256Gcm>(&one, 40).unwrap().open();
    assert_eq!(opening.take(&mut one[..8].to_vec()), Ok(&[][..]));
    assert_eq!(opening.finish(), Err(ReadError::Changed), "not read to its end");
}

#[test]
fn only_the_owner_says_who_reads() {
    let good = recipient(40);
    assert_eq!(recipients(&[good]).unwrap().count(), 1);
    let refused = |list: &[Certificate]| recipients(list).unwrap_err();
    assert_eq!(refused(&[]), RecipientsError::Count);
    let nine: Vec<_> = (40..49).map(recipient).collect();
    assert_eq!(refused(&nine), RecipientsError::Count);
    assert_eq!(recipients(&nine[..8]).unwrap().count(), 8);
    assert_eq!(refused(&[good, recipient(41), good]), RecipientsError::Twice);
    let person = certificate(Kind::Person, OWNER, 40, 0b11);
    assert_eq!(refused(&[person]), RecipientsError::Kind);
    let of_maker = certificate(Kind::Recipient, MAKER, 40, 0b11);
    assert_eq!(refused(&[of_maker]), RecipientsError::Refused(Refusal::Kind));
    let self_made = certificate(Kind::Recipient, 40, 40, 0b11);
    assert_eq!(refused(&[self_made]), RecipientsError::Refused(Refusal::Issuer));
}

#[test]
fn a_file_is_read_only_from_whom_and_for_what_it_is_looked_for() {
    let file = file::<Aes256Gcm>(&[40], &[b"dose"]);
    let (key, own) = (secret(40), recipient(40));
    let refused = |change: fn(&mut Judging<'_>, &mut Content)| {
        check_by::<Aes256Gcm>(&file, (&key, &own), change).unwrap_err()
    };
    assert_eq!(refused(|_, content| *content = Content::Config), ReadError::Content);
    let of_persons = refused(|judging, _| judging.kinds = Kinds::of(&[Kind::Person]));
    assert_eq!(of_persons, ReadError::Sender(LinkError::Kind));
    let of_another = refused(|judging, _| judging.subject = Some([1; 16]));
    assert_eq!(of_another, ReadError::Sender(LinkError::Subject));
    let untrusted = refused(|judging, _| judging.trust = Trust::new(&[], &[], &[]).unwrap());
    assert_eq!(untrusted, ReadError::Sender(LinkError::Refused(Refusal::Issuer)));
    assert_eq!(check::<ChaCha20Poly1305>(&file, 40).err(), Some(ReadError::Suite));
    for (at, byte, error) in [
        (0, b'm', ReadError::Layout),
        (4, 2, ReadError::Version),
        (5, 3, ReadError::Suite),
        (6, 3, ReadError::Layout),
        (7, 0, ReadError::Layout),
        (7, 9, ReadError::Layout),
    ] {
        let mut changed = file.clone();
        changed[at] = byte;
        assert_eq!(check::<Aes256Gcm>(&changed, 40).err(), Some(error), "byte {at}");
    }
    // A chunk longer than any is refused by its head.
    let mut changed = file.clone();
    changed[HEADER_BYTES..HEADER_BYTES + 2].copy_from_slice(&4097_u16.to_le_bytes());
    assert_eq!(check::<Aes256Gcm>(&changed, 40).err(), Some(ReadError::Layout));
}

#[test]
fn nothing_is_written_without_room_key_or_certificate() {
    let (key, own) = (signer(DEVICE), certificate(Kind::Device, MAKER, DEVICE, 0b11));
    let list = recipients(&[recipient(40)]).unwrap();
    let begin = |key, certificate, is_stuck, bytes: usize| {
        let behaviour = if is_stuck { Behaviour::Stuck(true) } else { Behaviour::Good };
        let mut buffer = vec![0; bytes];
        let begun = FileWriter::<Aes256Gcm>::begin(
            Sender { key, certificate },
            Content::App,
            &list,
            &mut random(behaviour),
            &mut buffer,
        );
        begun.map(|(writer, _)| writer)
    };
    let good = false;
    assert_eq!(begin(&key, &own, good, HEADER_BYTES - 1).err(), Some(WriteError::Length));
    let of_another = Some(WriteError::Certificate);
    let foreign = signer(21);
    assert_eq!(begin(&foreign, &own, good, HEADER_BYTES).err(), of_another);
    let without_suite = certificate(Kind::Device, MAKER, DEVICE, 0b10);
    assert_eq!(begin(&key, &without_suite, good, HEADER_BYTES).err(), of_another);
    let stuck = begin(&key, &own, true, HEADER_BYTES).err();
    assert!(matches!(stuck, Some(WriteError::Random(RandomError::Fault(_) | _))));

    let mut writer = begin(&key, &own, good, HEADER_BYTES).unwrap();
    let mut buffer = vec![0; 3 * CHUNK_BYTES_MAX];
    let long = vec![0; CHUNK_BYTES_MAX + 1];
    assert_eq!(writer.chunk(&long, &mut buffer).err(), Some(WriteError::Length));
    assert_eq!(writer.chunk(b"dose", &mut [0; 21]).err(), Some(WriteError::Length));
    assert_eq!(writer.chunk(b"dose", &mut [0; 22]).unwrap().bytes().len(), 22);
    assert_eq!(writer.finish(b"dose", &mut [0; 85]).err(), Some(WriteError::Length));
    let writer = begin(&key, &own, good, HEADER_BYTES).unwrap();
    assert_eq!(writer.finish(&long, &mut buffer).err(), Some(WriteError::Length));
}
