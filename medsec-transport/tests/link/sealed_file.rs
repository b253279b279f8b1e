//! Sealed files: what their recipients read, and what nobody else can make of them.
#![expect(clippy::indexing_slicing, clippy::panic_in_result_fn, reason = "a test may panic")]

use core::fmt::Write as _;

use hpke::aead::{AesGcm256, ChaCha20Poly1305 as OtherChaCha};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR};
use medsec_core::Secret;
use medsec_core::hpke::{open_base, seal_base};
use medsec_core::identity::certificate::{Certificate, Kind, Kinds};
use medsec_core::identity::trust::{Refusal, Stage, Trust};
use medsec_core::key::{Context, DeviceKey, Label, derive, sha256};
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Opener, Sealer, Suite};
use medsec_transport::frame::Channel;
use medsec_transport::link::{Judging, LinkError, Own};
use medsec_transport::sealed_file::{
    CHUNK_BYTES_MAX, CHUNK_OVERHEAD, Checked, Checking, Content, FileWriter, Front,
    HEADER_BYTES_MAX, ReadError, Recipients, RecipientsError, Sender, TRAILER_BYTES, WriteError,
};

use crate::parties::{Attempt, MAKER, OWNER, Party, Setting, device, signer, tool};

/// Bytes before the recipients, of each of them, and of a header for one.
const FIXED_BYTES: usize = 224;
const RECIPIENT_BYTES: usize = 88;
const HEADER_BYTES: usize = FIXED_BYTES + RECIPIENT_BYTES + 64;
const INFO: &[u8] = b"medsec/v1/transport/file";

fn setting() -> Setting {
    Setting::new(tool(), device(), Attempt::Certified)
}

fn recipient(holder: u8) -> Party {
    Party::new(Kind::Recipient, OWNER, holder)
}

/// The key that signs what the device writes.
fn device_key() -> DeviceKey {
    signer(20)
}

fn recipients(certificates: &[Certificate]) -> Result<Recipients, RecipientsError> {
    let setting = setting();
    let Judging { trust, today, stage, .. } = setting.judging(Kinds::NONE, Stage::Service, None);
    Recipients::judge(certificates, trust, today, stage)
}

/// A file of these chunks, from the device to the holders.
fn file<S: Suite>(holders: &[u8], chunks: &[&[u8]]) -> Vec<u8> {
    let list: Vec<_> = holders.iter().map(|holder| recipient(*holder).certificate).collect();
    let (key, own) = (device_key(), device().certificate);
    let mut buffer = [0; HEADER_BYTES_MAX];
    let (mut writer, header) = FileWriter::<S>::begin(
        Sender { key: &key, certificate: &own },
        Content::Audit,
        &recipients(&list).unwrap(),
        &mut setting().random(3),
        &mut buffer,
    )
    .unwrap();
    let mut file = header.bytes().to_vec();
    let mut buffer = vec![0; CHUNK_BYTES_MAX + CHUNK_OVERHEAD + TRAILER_BYTES];
    let (last, others) = chunks.split_last().unwrap();
    for chunk in others {
        file.extend_from_slice(writer.chunk(chunk, &mut buffer).unwrap().bytes());
    }
    file.extend_from_slice(writer.finish(&key, last, &mut buffer).unwrap().bytes());
    file
}

/// The first pass of the holder.
fn check_by<S: Suite>(
    bytes: &[u8],
    holder: u8,
    change: impl FnOnce(&mut Judging<'_>, &mut Content),
) -> Result<Checked<S>, ReadError> {
    let (setting, reader) = (setting(), recipient(holder));
    let mut judging = setting.judging(Kinds::of(&[Kind::Device]), Stage::Service, None);
    let mut content = Content::Audit;
    change(&mut judging, &mut content);
    let own = Own { secret: &reader.secret, certificate: &reader.certificate };
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
    check_by(bytes, holder, |_, _| ())
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
            let bytes = FIXED_BYTES
                + RECIPIENT_BYTES * count
                + 64
                + 8
                + long.len()
                + 1
                + 4 * CHUNK_OVERHEAD;
            assert_eq!(file.len(), bytes + TRAILER_BYTES);
            let front = Front::parse(file.first_chunk().unwrap()).unwrap();
            assert_eq!((front.suite, front.content), (S::ID, Content::Audit));
            assert_eq!(front.recipients, count);
            for holder in &holders[..count] {
                let checked = check::<S>(&file, *holder).unwrap();
                assert_eq!(*checked.sender().certificate(), device().certificate);
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

/// The key of a file, as its only recipient learns it.
fn key_of<S: Suite>(file: &[u8], holder: u8) -> Secret<32> {
    let stanza = &file[FIXED_BYTES..][..RECIPIENT_BYTES];
    let mut key = Secret::new(*stanza[40..].first_chunk().unwrap());
    open_base::<S>(
        &recipient(holder).secret,
        stanza[8..].first_chunk().unwrap(),
        INFO,
        &file[..FIXED_BYTES],
        key.expose_mut(),
        stanza[72..].first_chunk().unwrap(),
    )
    .unwrap();
    derive(&key, Label::FileEncrypt, &[])
}

/// A first chunk under the key, and its tag.
fn sealed(key: &Secret<32>, head: &[u8], content: &[u8]) -> (Vec<u8>, u128) {
    let mut body = content.to_vec();
    let tag = Sealer::<Aes256Gcm>::new(key).seal(0, head, &mut body).unwrap();
    (body, u128::from_le_bytes(tag))
}

/// The tag of AES-GCM is linear in the ciphertext, so who has the key finds another one of the same tag: here a second block that takes back
/// what a first one did. A signature over tags would be for both.
fn of_the_same_tag(key: &Secret<32>, head: &[u8], was: &[u8; 32], wanted: &[u8; 16]) -> Vec<u8> {
    let mut content = *was;
    content[..16].copy_from_slice(wanted);
    let (_, tag) = sealed(key, head, was);
    let mut missing = tag ^ sealed(key, head, &content).1;
    // What each bit of the second block does to the tag; then the system is solved by elimination.
    let mut rows: Vec<(u128, u128)> = (0..128)
        .map(|bit| {
            let mut changed = *was;
            changed[16 + bit / 8] ^= 1 << (bit % 8);
            (tag ^ sealed(key, head, &changed).1, 1 << bit)
        })
        .collect();
    let mut answer = 0;
    while let Some((does, bits)) = rows.pop() {
        let Some(lead) = does.checked_ilog2() else { continue };
        for row in rows.iter_mut().filter(|row| row.0 >> lead & 1 == 1) {
            *row = (row.0 ^ does, row.1 ^ bits);
        }
        if missing >> lead & 1 == 1 {
            (missing, answer) = (missing ^ does, answer ^ bits);
        }
    }
    assert_eq!(missing, 0);
    for (to, from) in content[16..].iter_mut().zip(answer.to_le_bytes()) {
        *to ^= from;
    }
    content.to_vec()
}

#[test]
fn a_recipient_cannot_make_a_file_of_the_same_tags() {
    let was = *b"dose 2.0 mg/h   comment: checked";
    let own = file::<Aes256Gcm>(&[40], &[&was]);
    let key = key_of::<Aes256Gcm>(&own, 40);
    let mut forged = own.clone();
    let (head, chunk) = forged[HEADER_BYTES..].split_first_chunk_mut::<2>().unwrap();
    let content = of_the_same_tag(&key, head, &was, b"dose 9.0 mg/h   ");
    let (body, tag) = sealed(&key, head, &content);
    chunk[..32].copy_from_slice(&body);
    assert_eq!(chunk[32..48], tag.to_le_bytes(), "the tag is the true one");
    let mut opened = body.clone();
    Opener::<Aes256Gcm>::new(&key).open(0, head, &mut opened, &tag.to_le_bytes()).unwrap();
    assert!(opened.starts_with(b"dose 9.0 mg/h   "), "and it opens");
    assert_eq!(check::<Aes256Gcm>(&forged, 40).err(), Some(ReadError::NotAuthentic));
}

/// A recipient knows the key, and can seal something else under it; the sender's signature is not its to make.
#[test]
fn a_recipient_cannot_make_another_file_of_it() {
    let own = file::<Aes256Gcm>(&[40], &[b"dose 2.0"]);
    let key = key_of::<Aes256Gcm>(&own, 40);
    let mut forged = own.clone();
    let (head, chunk) = forged[HEADER_BYTES..].split_first_chunk_mut::<2>().unwrap();
    let (body, tag) = sealed(&key, head, b"dose 9.0");
    chunk[..8].copy_from_slice(&body);
    chunk[8..24].copy_from_slice(&tag.to_le_bytes());
    assert_eq!(check::<Aes256Gcm>(&forged, 40).err(), Some(ReadError::NotAuthentic));

    // Put in between the passes it opens, but the pass does not end.
    let mut opening = check::<Aes256Gcm>(&own, 40).unwrap().open();
    let mut changed = forged.clone();
    let mut rest = &mut changed[..];
    let mut given = Vec::new();
    let mut refused = Ok(());
    while opening.due() > 0 {
        let (part, after) = rest.split_at_mut(opening.due());
        rest = after;
        refused = opening.take(part).map(|content| given.extend_from_slice(content));
    }
    assert_eq!((&given[..], refused), (&b"dose 9.0"[..], Err(ReadError::Changed)));
    assert_eq!(opening.finish(), Err(ReadError::Changed));

    // Signed by its own key, as the sender that it is not.
    let header = sha256(&[&own[..HEADER_BYTES - 64]]);
    let signature = signer(40).sign(Context::FileHeader, &[&header]).unwrap();
    let mut signed = own.clone();
    signed[HEADER_BYTES - 64..HEADER_BYTES].copy_from_slice(&signature);
    assert_eq!(check::<Aes256Gcm>(&signed, 40).err(), Some(ReadError::NotAuthentic));
}

/// A file for one, of one chunk, signed by the device as it was changed.
fn signed_again(mut file: Vec<u8>) -> Vec<u8> {
    let (header, chunk) = file.split_at_mut(HEADER_BYTES);
    let (said, signature) = header.split_last_chunk_mut().unwrap();
    let digest = sha256(&[said]);
    *signature = device_key().sign(Context::FileHeader, &[&digest]).unwrap();
    let (chunk, trailer) = chunk.split_last_chunk_mut().unwrap();
    let digest = sha256(&[&digest, chunk]);
    *trailer = device_key().sign(Context::FileContent, &[&digest]).unwrap();
    file
}

/// A sender that signs what it should not: a changed commitment, key, content or tag, and another key than the header commits to, by which a
/// file could open to one recipient so and to another otherwise.
#[test]
fn not_even_its_sender_makes_a_file_that_opens_two_ways() {
    let own = file::<Aes256Gcm>(&[40], &[b"dose 2.0"]);
    let refused = |file| check::<Aes256Gcm>(&signed_again(file), 40).err();
    assert_eq!(refused(own.clone()), None);
    let (stanza, chunk) = (FIXED_BYTES + 8, HEADER_BYTES + 2);
    for at in [FIXED_BYTES - 1, stanza, stanza + 32, stanza + 64, chunk, chunk + 8] {
        let mut changed = own.clone();
        changed[at] ^= 1;
        assert_eq!(refused(changed), Some(ReadError::NotAuthentic), "byte {at}");
    }
    let mut other = own.clone();
    let (key, mut body) = (Secret::new([9; 32]), [9; 32]);
    let public = recipient(40).secret.public();
    let (fixed, rest) = other.split_at_mut(FIXED_BYTES);
    let sealed_key =
        seal_base::<Aes256Gcm>(&public, INFO, fixed, &mut body, &Secret::new([8; 32])).unwrap();
    rest[8..RECIPIENT_BYTES]
        .copy_from_slice(&[&sealed_key.enc[..], &body, &sealed_key.tag].concat());
    let (head, chunk) = rest[HEADER_BYTES - FIXED_BYTES..].split_first_chunk_mut::<2>().unwrap();
    let (body, tag) = sealed(&derive(&key, Label::FileEncrypt, &[]), head, b"dose 9.0");
    chunk[..24].copy_from_slice(&[&body[..], &tag.to_le_bytes()].concat());
    assert_eq!(refused(other), Some(ReadError::NotAuthentic));
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
    // Nor does the medium say how long a buffer has to be.
    let mut long = *one.first_chunk::<8>().unwrap();
    long[7] = 9;
    let mut opening = check::<Aes256Gcm>(&one, 40).unwrap().open();
    assert_eq!((opening.take(&mut long), opening.due()), (Err(ReadError::Changed), 0));
}

#[test]
fn only_the_owner_says_who_reads() {
    let good = recipient(40).certificate;
    assert_eq!(recipients(&[good]).unwrap().count(), 1);
    let refused = |list: &[Certificate]| recipients(list).unwrap_err();
    assert_eq!(refused(&[]), RecipientsError::Count);
    let nine: Vec<_> = (40..49).map(|holder| recipient(holder).certificate).collect();
    assert_eq!(refused(&nine), RecipientsError::Count);
    assert_eq!(recipients(&nine[..8]).unwrap().count(), 8);
    assert_eq!(refused(&[good, nine[1], good]), RecipientsError::Twice);
    assert_eq!(refused(&[good, tool().certificate]), RecipientsError::Kind);
    // The maker's, one that somebody made himself, and one that the owner has taken back.
    let by = |issuer| Party::new(Kind::Recipient, issuer, 40);
    let mut revoked = recipient(40);
    revoked.revoked();
    for (party, reason) in
        [(by(MAKER), Refusal::Kind), (by(40), Refusal::Issuer), (revoked, Refusal::Revoked)]
    {
        assert_eq!(refused(&[party.certificate]), RecipientsError::Refused(reason));
    }
}

#[test]
fn a_file_is_read_only_from_whom_and_for_what_it_is_looked_for() {
    let file = file::<Aes256Gcm>(&[40], &[b"dose"]);
    let refused = |change: fn(&mut Judging<'_>, &mut Content)| {
        check_by::<Aes256Gcm>(&file, 40, change).unwrap_err()
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
fn contents_are_numbered_as_channels() {
    let channels = [Channel::App, Channel::Audit, Channel::Config].map(Channel::code);
    assert_eq!(Content::ALL.map(Content::code), channels);
}

#[test]
fn nothing_is_written_without_room_key_or_certificate() {
    let list = recipients(&[recipient(40).certificate]).unwrap();
    let (key, own) = (device_key(), device().certificate);
    let begin = |setting: Setting, key, certificate, bytes: usize| {
        let mut buffer = vec![0; bytes];
        let begun = FileWriter::<Aes256Gcm>::begin(
            Sender { key, certificate },
            Content::App,
            &list,
            &mut setting.random(3),
            &mut buffer,
        );
        begun.map(|(writer, _)| writer)
    };
    let short = begin(setting(), &key, &own, HEADER_BYTES - 1).err();
    assert_eq!(short, Some(WriteError::Length));
    let (foreign, mut without_suite) = (signer(21), device());
    without_suite.with_suites(0b10);
    for (key, certificate) in [(&foreign, &own), (&key, &without_suite.certificate)] {
        let refused = begin(setting(), key, certificate, HEADER_BYTES).err();
        assert_eq!(refused, Some(WriteError::Certificate));
    }
    let mut dead = setting();
    dead.is_noise_dead = true;
    let stuck = begin(dead, &key, &own, HEADER_BYTES).err();
    assert!(matches!(stuck, Some(WriteError::Random(_))));

    let mut writer = begin(setting(), &key, &own, HEADER_BYTES).unwrap();
    let mut buffer = vec![0; 3 * CHUNK_BYTES_MAX];
    let long = vec![0; CHUNK_BYTES_MAX + 1];
    assert_eq!(writer.chunk(&long, &mut buffer).err(), Some(WriteError::Length));
    assert_eq!(writer.chunk(b"dose", &mut [0; 21]).err(), Some(WriteError::Length));
    assert_eq!(writer.chunk(b"dose", &mut [0; 22]).unwrap().bytes().len(), 22);
    assert_eq!(writer.finish(&key, b"dose", &mut [0; 85]).err(), Some(WriteError::Length));
    let writer = begin(setting(), &key, &own, HEADER_BYTES).unwrap();
    assert_eq!(writer.finish(&key, &long, &mut buffer).err(), Some(WriteError::Length));
    let writer = begin(setting(), &key, &own, HEADER_BYTES).unwrap();
    let other = writer.finish(&foreign, b"dose", &mut buffer).err();
    assert_eq!(other, Some(WriteError::Certificate));
}

/// The other implementation of HPKE takes the key out, under what the format says.
#[test]
fn another_implementation_finds_the_key() {
    fn with<S: Suite, A: hpke::aead::Aead>() {
        let file = file::<S>(&[40, 41], &[b"dose"]);
        let stanza = &file[FIXED_BYTES + RECIPIENT_BYTES..][..RECIPIENT_BYTES];
        assert!(stanza.starts_with(&recipient(41).secret.public().kid()));
        let key = hpke::single_shot_open::<A, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &<X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(&[41; 32]).unwrap(),
            &<X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&stanza[8..40]).unwrap(),
            INFO,
            &stanza[40..],
            &file[..FIXED_BYTES],
        );
        let key = Secret::new(key.unwrap().try_into().unwrap());
        let committed = derive(&key, Label::FileCommit, &[]);
        assert_eq!(committed.expose()[..], file[FIXED_BYTES - 32..FIXED_BYTES]);
    }
    with::<Aes256Gcm, AesGcm256>();
    with::<ChaCha20Poly1305, OtherChaCha>();
}

/// Golden: suite, key of the file, ephemeral secret, and the file.
#[test]
fn files_are_those_of_the_format() {
    fn row<S: Suite>(now: &mut String) {
        let mut random = setting().random(3);
        let mut drawn = [[0; 32]; 2];
        for secret in &mut drawn {
            random.fill_with(INFO, secret).unwrap();
        }
        write!(now, "{}", S::ID).unwrap();
        for bytes in [&drawn[0][..], &drawn[1], &file::<S>(&[40], &[b"dose 2.0", b"", b"end"])] {
            now.push(' ');
            bytes.iter().for_each(|byte| write!(now, "{byte:02x}").unwrap());
        }
        now.push('\n');
    }
    let mut now = String::new();
    row::<Aes256Gcm>(&mut now);
    row::<ChaCha20Poly1305>(&mut now);
    let golden = include_str!("../golden/file_v1.txt");
    let golden: Vec<_> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(golden, now.lines().collect::<Vec<_>>(), "\n{now}");
}
