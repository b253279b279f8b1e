//! Argon2id (RFC 9106), in memory that the caller lends.

use argon2::{Algorithm, Argon2, AssociatedData, Block, ParamsBuilder, Version};
use medsec_core::Secret;
use zeroize::Zeroize;

/// Least memory of a stretch, in KiB.
pub const M_KIB_MIN: u16 = 16;
/// Most memory of a stretch, in KiB.
pub const M_KIB_MAX: u16 = 256;
/// Fewest passes of a stretch.
pub const PASSES_MIN: u16 = 3;
/// Most passes of a stretch.
pub const PASSES_MAX: u16 = 64;

/// How much work a guess is: Argon2id over so much memory, so often, in one lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stretch {
    m_kib: u16,
    passes: u16,
}

impl Stretch {
    /// 32 KiB and 8 passes.
    pub const DEFAULT: Self = Self { m_kib: 32, passes: 8 };

    /// Memory of [`M_KIB_MIN`] to [`M_KIB_MAX`] KiB and passes of [`PASSES_MIN`] to [`PASSES_MAX`]; none is anything else.
    #[must_use]
    pub const fn new(m_kib: u16, passes: u16) -> Option<Self> {
        let is_legal = m_kib >= M_KIB_MIN
            && m_kib <= M_KIB_MAX
            && passes >= PASSES_MIN
            && passes <= PASSES_MAX;
        if is_legal { Some(Self { m_kib, passes }) } else { None }
    }

    /// Memory in KiB, which is the number of blocks to lend.
    #[must_use]
    pub const fn m_kib(self) -> u16 {
        self.m_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u16 {
        self.passes
    }
}

/// The memory that was lent is too small, or the parameters are not Argon2's.
pub(super) struct NotStretched;

/// Argon2id with version 0x13, one lane and 32 bytes of output. `data` is its associated data, X of RFC 9106 §3.1.
///
/// The memory is wiped, also where there is no output.
pub(super) fn argon2id(
    memory: &mut [Block],
    stretch: Stretch,
    secret: &[u8],
    salt: &[u8; 16],
    data: &[u8; 8],
) -> Result<Secret<32>, NotStretched> {
    let mut output = Secret::new([0; 32]);
    let done = fill(memory, stretch, secret, salt, data, &mut output);
    memory.iter_mut().zeroize();
    done.map(|()| output)
}

fn fill(
    memory: &mut [Block],
    stretch: Stretch,
    secret: &[u8],
    salt: &[u8; 16],
    data: &[u8; 8],
    output: &mut Secret<32>,
) -> Result<(), NotStretched> {
    let data = AssociatedData::new(data).map_err(|_| NotStretched)?;
    let params = ParamsBuilder::new()
        .m_cost(u32::from(stretch.m_kib))
        .t_cost(u32::from(stretch.passes))
        .p_cost(1)
        .output_len(32)
        .data(data)
        .build()
        .map_err(|_| NotStretched)?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(secret, salt, output.expose_mut(), memory)
        .map_err(|_| NotStretched)
}
