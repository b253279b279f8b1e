//! Sealed files, with anything on the medium.

use medsec_core::Secret;
use medsec_core::identity::certificate::{Kind, Kinds};
use medsec_core::key::sha256;
use medsec_core::rng::Random;
use medsec_core::suite::{Aes256Gcm, ChaCha20Poly1305, Suite};
use medsec_sim::rng::Noise;
use medsec_transport::link::Own;
use medsec_transport::sealed_file::{
    Checked, Checking, Content, FileWriter, Front, HEAD_BYTES, RECIPIENTS_MAX, ReadError,
    Recipients, Sender,
};

use crate::input::Input;
use crate::link::{DEVICE, certificate, changed, judging, key, signer};

/// Only the file that was written passes the first reading, and only its content ends the second.
pub(crate) fn file(data: &[u8]) {
    let mut input = Input::new(data);
    if input.bool() { run::<Aes256Gcm>(&mut input) } else { run::<ChaCha20Poly1305>(&mut input) }
}

fn run<S: Suite>(input: &mut Input<'_>) {
    let judging = judging(Kinds::of(&[Kind::Device]));
    let is_written = input.bool();
    // A key for each input: what was compared with one file helps with no other.
    let mut ahead = *input;
    let seed = sha256(&[ahead.rest()]);
    let (secret, recipient) = (key(30), certificate(Kind::Recipient, 30));
    let own = Own { secret: &secret, certificate: &recipient };
    let checking = || Checking::<S>::new(own, judging, Content::App);
    if !is_written {
        let raw = input.rest();
        if let Some(Ok(front)) = raw.first_chunk().map(Front::parse) {
            assert!((1..=RECIPIENTS_MAX).contains(&front.recipients));
        }
        assert!(read(checking(), raw, false).is_err());
        return;
    }
    let mut random = Random::new(Noise::<1000>::good(1));
    random.start(Secret::new(seed), b"").expect("it is good");
    let recipients = Recipients::judge(&[recipient], judging.trust, judging.today, judging.stage);
    let sender_key = signer(20);
    let sender = Sender { key: &sender_key, certificate: &DEVICE };
    let mut out = vec![0; 5000];
    let (mut writer, header) = FileWriter::<S>::begin(
        sender,
        Content::App,
        &recipients.expect("it is sound"),
        &mut random,
        &mut out,
    )
    .expect("it fits");
    let mut file = header.bytes().to_vec();
    let (first, last) = (input.chunk().to_vec(), input.chunk().to_vec());
    file.extend_from_slice(writer.chunk(&first, &mut out).expect("it fits").bytes());
    file.extend_from_slice(writer.finish(&sender_key, &last, &mut out).expect("it fits").bytes());

    let checked = read(checking(), &file, false).expect("it is the true one");
    assert!(read(checking(), &file, true).is_err(), "a part was longer than is due");
    let other = changed(input, &file);
    assert_eq!(read(checking(), &other, false).is_ok(), other == file);
    let mut opening = checked.open();
    let (mut content, mut rest) = (Vec::new(), other);
    let mut rest = &mut rest[..];
    while opening.due() > 0 {
        let (part, after) = rest.split_at_mut(opening.due().min(rest.len()));
        rest = after;
        match opening.take(part) {
            Ok(said) => content.extend_from_slice(said),
            Err(error) => assert_eq!(error, ReadError::Changed),
        }
    }
    if opening.finish().is_ok() {
        assert_eq!(content, [first, last].concat());
    }
}

/// The first pass; `is_long`: with a byte too many behind each head.
fn read<S: Suite>(
    mut checking: Checking<'_, S>,
    bytes: &[u8],
    is_long: bool,
) -> Result<Checked<S>, ReadError> {
    let mut rest = bytes;
    while checking.due() > 0 {
        let (part, after) = rest.split_at(checking.due().min(rest.len()));
        rest = after;
        let mut part = part.to_vec();
        if is_long && part.len() == HEAD_BYTES {
            part.push(0);
        }
        checking.take(&mut part)?;
    }
    if !rest.is_empty() {
        checking.take(&mut rest.to_vec())?;
    }
    checking.finish()
}
