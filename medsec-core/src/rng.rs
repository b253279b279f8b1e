//! Randomness: raw noise under test, mixed with a seed that the device carries from session to session.
//!
//! [`Random`] is the device's only source of random bytes: an HMAC_DRBG (SP 800-90A) over two inputs, of which either
//! one is enough.
//!
//! - *Noise*, 512 bits of min-entropy as the port claims it, hashed with SHA-256 (SP 800-90B §3.1.5), and tested bit by
//!   bit by [`HealthTests`].
//! - *The seed*: set at the factory and replaced by [`ratchet`] before each use, so that it is used once.
//!
//! What holds, by what failed:
//!
//! | failed | output is unique | output is secret from who holds the noise | from who holds the seed |
//! |---|---|---|---|
//! | nothing | yes | yes | yes |
//! | noise | yes, by the seed | yes | no |
//! | seed rolled back, or in a clone | yes, by the noise | yes | yes |
//! | both | no | yes | no |
//!
//! A fault of the noise that the tests find latches for the boot. Keys, nonces of links and enrolment are refused from
//! then on; the log goes on ([`Random::fill_degraded`]), and so does therapy, which needs no randomness.

mod drbg;
mod health;

pub use health::{BLOCK_BYTES, HealthTests, RngFault};

use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256};

use crate::hal::EntropySource;
use crate::key::{Label, derive};
use crate::secret::Secret;
use drbg::{HmacDrbg, REQUEST_BYTES_MAX};
use health::CutOffs;

/// Blocks of the start-up test: 1,024 samples (SP 800-90B §4.3, requirement 4).
const START_UP_BLOCKS: u8 = 4;

/// Why there are no random bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RandomError {
    /// [`Random::start`] was not called in this boot.
    NotStarted,
    /// The noise source failed in this boot.
    Fault(RngFault),
}

impl core::fmt::Display for RandomError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotStarted => f.write_str("random source was not started"),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for RandomError {}

impl From<RngFault> for RandomError {
    fn from(fault: RngFault) -> Self {
        Self::Fault(fault)
    }
}

/// The seed of the next session, from that of the present one (HKDF, [`Label::Seed`]).
///
/// Store the next seed over the present one first, then use the present one: a cut in between loses a seed and uses none
/// twice.
#[must_use]
pub fn ratchet(seed: &Secret<32>) -> Secret<32> {
    derive(seed, Label::Seed, &[])
}

/// The device's source of random bytes.
///
/// # Limits
/// 80 bytes of RAM for the tests, 72 for the generator and 8 for flags, besides the noise source.
///
/// # Security
/// A source that dies after the start is found when noise is drawn next. Until then the generator lives on the noise it
/// had, which is as unpredictable as before.
pub struct Random<E: EntropySource> {
    source: E,
    health: HealthTests,
    drbg: Option<HmacDrbg>,
    has_links: bool,
    has_authority: bool,
}

impl<E: EntropySource> Random<E> {
    /// A random source over `source`, which gives nothing until [`start`](Self::start).
    ///
    /// A source that claims less than a tenth of a bit for each sample does not compile:
    ///
    /// ```compile_fail,E0080
    /// use medsec_core::hal::{EntropySource, SourceFault};
    ///
    /// struct Weak;
    /// impl EntropySource for Weak {
    ///     const ENTROPY_PER_BIT_MILLI: u16 = 99;
    ///     fn sample(&mut self, _: &mut [u8]) -> Result<(), SourceFault> {
    ///         Ok(())
    ///     }
    /// }
    /// let _ = medsec_core::rng::Random::new(Weak);
    /// ```
    #[must_use]
    pub const fn new(source: E) -> Self {
        Self {
            source,
            health: HealthTests::new(Self::CUT_OFFS),
            drbg: None,
            has_links: false,
            has_authority: false,
        }
    }

    const CUT_OFFS: &'static CutOffs = {
        let row = CutOffs::of_claim(E::ENTROPY_PER_BIT_MILLI);
        assert!(row.is_some(), "claim of the noise source is not within 100..=1000");
        match row {
            Some(row) => row,
            None => CutOffs::STRICTEST,
        }
    };

    /// Tests the noise source, then starts the generator from fresh noise, this session's seed and `personalisation`.
    ///
    /// `personalisation` holds the device's unique id and the session index: two devices, and two sessions, then differ
    /// even from equal seeds and equal noise. It stands for the nonce of SP 800-90A §8.6.7.
    ///
    /// # Errors
    /// [`RngFault`], latched for the boot. The generator is started all the same, and only
    /// [`fill_degraded`](Self::fill_degraded) reads it; whatever noise there was is in it.
    pub fn start(&mut self, seed: Secret<32>, personalisation: &[u8]) -> Result<(), RngFault> {
        for _ in 0..START_UP_BLOCKS {
            if self.block().is_none() {
                break;
            }
        }
        let noise = self.noise();
        self.drbg = Some(HmacDrbg::instantiate([noise.expose(), seed.expose(), personalisation]));
        self.health.verdict()
    }

    /// Fills `out` with random bytes; draws noise first if 65,536 requests were answered since it was drawn last.
    ///
    /// # Errors
    /// [`RandomError`], as it says; `out` is then zeros.
    pub fn fill(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        self.fill_with(&[], out)
    }

    /// Fills `out` as [`fill`](Self::fill) does, and mixes `additional` in first.
    ///
    /// A link mixes the peer's first message into its ephemeral key: a generator restored to an earlier state then still
    /// gives another key.
    ///
    /// # Errors
    /// [`RandomError`], as it says; `out` is then zeros.
    pub fn fill_with(&mut self, additional: &[u8], out: &mut [u8]) -> Result<(), RandomError> {
        // The verdict after it counts, as noise may have been drawn on the way.
        let filled = self
            .verdict()
            .and_then(|()| self.generate(additional, out))
            .and_then(|()| self.verdict());
        if filled.is_err() {
            out.fill(0);
        }
        filled
    }

    /// Fills `out` whatever the noise source does.
    ///
    /// # Security
    /// Unique, and secret as long as the seed is, but not fresh once the noise source failed. Only the audit log may use
    /// it: the log goes on while keys, nonces of links and enrolment are refused.
    ///
    /// # Errors
    /// [`RandomError::NotStarted`]; `out` is then unchanged.
    pub fn fill_degraded(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        self.generate(&[], out)
    }

    /// Whether links were not claimed before; from now on they are.
    pub(crate) const fn claim_links(&mut self) -> bool {
        !core::mem::replace(&mut self.has_links, true)
    }

    /// Whether the authority over grants was not claimed before; from now on it is.
    pub(crate) const fn claim_authority(&mut self) -> bool {
        !core::mem::replace(&mut self.has_authority, true)
    }

    /// Draws fresh noise into the generator: hourly, and after a wake-up from retained RAM.
    ///
    /// # Errors
    /// [`RandomError`], as it says.
    pub fn reseed(&mut self) -> Result<(), RandomError> {
        self.verdict()?;
        let noise = self.noise();
        let drbg = self.drbg.as_mut().ok_or(RandomError::NotStarted)?;
        drbg.reseed(noise.expose(), &[]);
        self.verdict()
    }

    /// Whether the random source can be used for keys.
    ///
    /// # Errors
    /// [`RandomError`], as it says.
    pub fn verdict(&self) -> Result<(), RandomError> {
        if self.drbg.is_none() {
            return Err(RandomError::NotStarted);
        }
        Ok(self.health.verdict()?)
    }

    /// Fills `out` in requests of the longest length there is.
    fn generate(&mut self, additional: &[u8], out: &mut [u8]) -> Result<(), RandomError> {
        for chunk in out.chunks_mut(REQUEST_BYTES_MAX) {
            let is_due = self.drbg.as_ref().is_some_and(HmacDrbg::is_reseed_due);
            // A source that failed is not asked again.
            let noise = (is_due && self.health.verdict().is_ok()).then(|| self.noise());
            let drbg = self.drbg.as_mut().ok_or(RandomError::NotStarted)?;
            if let Some(noise) = noise {
                drbg.reseed(noise.expose(), &[]);
            }
            drbg.generate(additional, chunk);
        }
        if self.drbg.is_some() { Ok(()) } else { Err(RandomError::NotStarted) }
    }

    /// Gathers as much noise as the claim asks for, and hashes it.
    ///
    /// Samples that fail the tests are hashed too: they do no harm, and the verdict is latched.
    fn noise(&mut self) -> Secret<32> {
        let mut hash = Sha256::new();
        for _ in 0..Self::CUT_OFFS.seed_blocks {
            let Some(block) = self.block() else { break };
            hash.update(block.expose());
        }
        Secret::new(hash.finalize().into())
    }

    /// Draws and tests one block; none if the part gives no samples, which is latched.
    fn block(&mut self) -> Option<Secret<BLOCK_BYTES>> {
        let mut block = Secret::new([0; BLOCK_BYTES]);
        match self.source.sample(block.expose_mut()) {
            Ok(()) => {
                // The verdict is latched and read by whoever started this.
                self.health.feed(block.expose()).unwrap_or_default();
                Some(block)
            }
            Err(crate::hal::SourceFault) => {
                self.health.latch(RngFault::Source);
                None
            }
        }
    }
}

impl<E: EntropySource> TryRng for Random<E> {
    type Error = RandomError;

    fn try_next_u32(&mut self) -> Result<u32, RandomError> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, RandomError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        self.fill(out)
    }
}

impl<E: EntropySource> TryCryptoRng for Random<E> {}
