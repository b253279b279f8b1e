//! `links seal`: each way to seal, each length.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{AeadInOut, Key, KeyInit, Nonce};
use chacha20poly1305::ChaCha20Poly1305;
use medsec_core::suite;
use medsec_transport::frame::Channel;

use crate::count::{self, LENGTHS, alone, counted};
use crate::sides::{Sides, Way};
use crate::{Outcome, noise};

/// Seals all there is to seal.
pub(crate) fn run() -> Outcome<()> {
    count::begin()?;
    for (name, length) in LENGTHS {
        at::<suite::Aes256Gcm, Aes256Gcm>(1, name, length)?;
        at::<suite::ChaCha20Poly1305, ChaCha20Poly1305>(2, name, length)?;
    }
    Ok(())
}

/// One suite at one length: a frame of ours, a message of `snow`, and the cipher alone.
fn at<S, C>(id: u8, name: &str, length: usize) -> Outcome<()>
where
    S: suite::Suite,
    C: AeadInOut + KeyInit,
    [u8; 12]: Into<Nonce<C>>,
    [u8; 32]: Into<Key<C>>,
{
    let what = |who: &str| format!("suite {id} {name}: {who}");
    let body = vec![0xA5; length];

    let [mut link, _] = Sides::new()?.link::<S, 0>(Way::Certified)?.ends;
    counted(&what("medsec"), &body, &mut |body, out| {
        link.seal(Channel::App, true, body, out).is_ok()
    })?;

    let [mut link, _] = noise::link(&format!("Noise_XX_{}", S::NOISE_NAME), &[])?.ends;
    counted(&what("snow"), &body, &mut |body, out| link.write_message(body, out).is_ok())?;

    alone::<C, 0>(&what("cipher"), length)
}
