//! Mistakes that must be reported, or else nothing was watched.

use core::hint::black_box;

use medsec_core::Secret;
use medsec_core::key::{Label, MacKey};

use crate::Act;
use crate::operations::{public, secret};
use crate::valgrind::secret_bytes;

/// Each of them.
pub(crate) const ALL: &[(&str, Act)] = &[
    ("table-lookup", table_lookup),
    ("branch", branch),
    ("equal-macs", equal_macs),
    ("early-exit", early_exit),
    ("loop-bound", loop_bound),
];

/// A table of a cipher, read at a place that a secret chooses.
fn table_lookup() -> usize {
    let table: [u8; 256] = black_box(core::array::from_fn(|at| (at as u8).wrapping_mul(31)));
    let [index] = secret([7]);
    let out = [black_box(table[usize::from(index)])];
    secret_bytes(&out)
}

#[inline(never)]
fn long_way(value: u8) -> u8 {
    black_box(value).wrapping_mul(3)
}

/// A branch on one bit of a secret, as in square-and-multiply.
fn branch() -> usize {
    let [bit] = secret([1]);
    let out = [if bit & 1 == 1 { long_way(bit) } else { bit }];
    secret_bytes(&out)
}

/// Two authentication codes compared with `==`.
fn equal_macs() -> usize {
    let tag = MacKey::derive(&Secret::new(secret([1; 32])), Label::Lifecycle).tag(&[b"body"]);
    let reached = secret_bytes(&tag);
    let claimed = [0x5a_u8; 16];
    let mut is_equal = black_box(&tag[..]) == black_box(&claimed[..]);
    public(&mut is_equal);
    assert!(!is_equal);
    reached
}

/// A comparison that stops at the first difference.
fn early_exit() -> usize {
    let expected = secret([9_u8; 16]);
    let mut place = black_box(&expected).iter().position(|byte| *byte != 9).unwrap_or(16);
    public(&mut place);
    assert_eq!(place, 16);
    secret_bytes(&expected)
}

/// As many rounds as a secret says.
fn loop_bound() -> usize {
    let [rounds] = secret([5_u8]);
    let mut out = [rounds];
    for _ in 0..rounds {
        out[0] = long_way(out[0]);
    }
    secret_bytes(&out)
}
