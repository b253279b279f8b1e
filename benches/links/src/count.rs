//! Sealing under valgrind: it counts what [`once`] takes, and hands the count over whenever [`told`] ends.

use core::hint::black_box;

use aes_gcm::aead::{AeadInOut, Key, KeyInit, Nonce};

/// Bytes of what is sealed.
pub(crate) const LENGTHS: [(&str, usize); 3] = [("64 B", 64), ("1 KiB", 1_024), ("16 KiB", 16_384)];
/// So often each is sealed before it is counted, and so often it is counted.
const WARM: usize = 4;
const TIMES: usize = 16;
/// Room for the longest frame.
const ROOM: usize = 16_384 + 64;

/// Something that seals the first bytes to the front of the others, and says whether it could.
type Seal<'a> = &'a mut dyn FnMut(&[u8], &mut [u8]) -> bool;

/// Says what the processor has and how often each is counted, and counts what the counting takes.
pub(crate) fn begin() -> Result<(), String> {
    println!("processor {}", processor());
    println!("times {TIMES}");
    counted("nothing", &[0; 16], &mut |body, out| body.len() <= out.len())
}

/// Seals `body` as often as is counted, each time to the same place.
pub(crate) fn counted(what: &str, body: &[u8], seal: Seal<'_>) -> Result<(), String> {
    let mut out = vec![0; ROOM];
    // Not yet counted: a processor is asked for its instructions once.
    let mut is_good = (0..WARM).all(|_| seal(black_box(body), black_box(&mut out)));
    for _ in 0..TIMES {
        is_good &= once(seal, black_box(body), black_box(&mut out));
    }
    told(what);
    if is_good { Ok(()) } else { Err(format!("{what} does not seal")) }
}

/// The cipher alone, its key schedule at hand: what lies in its place is encrypted there, with so many bytes authenticated beside it.
///
/// A program has it with one number of bytes only. Where there are two, the compiler does not put the cipher in its caller, and
/// the cipher alone takes more.
pub(crate) fn alone<C, const BESIDE: usize>(what: &str, length: usize) -> Result<(), String>
where
    C: AeadInOut + KeyInit,
    [u8; 12]: Into<Nonce<C>>,
    [u8; 32]: Into<Key<C>>,
{
    let cipher = C::new(&[7; 32].into());
    let mut number = 0_u64;
    counted(what, &vec![0xA5; length], &mut |body, out| {
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&number.to_be_bytes());
        number += 1;
        let text = &mut out[..body.len()];
        let tag = cipher.encrypt_inout_detached(&nonce.into(), &[0x81; BESIDE], text.into());
        tag.is_ok_and(|tag| black_box(tag).len() == 16)
    })
}

/// What is counted: known to `cargo xtask links` by this name, and never a part of its caller.
#[inline(never)]
fn once(seal: Seal<'_>, body: &[u8], out: &mut [u8]) -> bool {
    black_box(seal(body, out))
}

/// Ends a count, by its name.
#[inline(never)]
fn told(what: &str) {
    println!("{}", black_box(what));
}

/// Whether the processor has what the faster code of the ciphers needs.
fn processor() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("aes")
        && std::arch::is_x86_feature_detected!("pclmulqdq")
        && std::arch::is_x86_feature_detected!("avx2")
    {
        return "AES, CLMUL, AVX2";
    }
    "other"
}
