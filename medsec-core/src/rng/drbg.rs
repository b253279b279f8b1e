//! HMAC_DRBG with SHA-256 (NIST SP 800-90A Rev. 1, §10.1.2).

use crate::key::hmac;
use crate::secret::Secret;

/// Requests after which new noise is due.
const REQUESTS_MAX: u32 = 65_536;

/// Longest output of one request, in bytes (SP 800-90A, table 2).
pub(crate) const REQUEST_BYTES_MAX: usize = 65_536;

/// The generator. Wiped on drop.
///
/// Whoever reads its state learns what it gives until it is reseeded, and nothing that it gave before.
pub(crate) struct HmacDrbg {
    key: Secret<32>,
    value: Secret<32>,
    requests: u32,
}

impl HmacDrbg {
    /// Starts from the parts one after the other: entropy input, nonce and personalisation string.
    pub(crate) fn instantiate(parts: [&[u8]; 3]) -> Self {
        let mut drbg =
            Self { key: Secret::new([0x00; 32]), value: Secret::new([0x01; 32]), requests: 0 };
        drbg.update(parts);
        drbg
    }

    /// Mixes entropy and additional input in.
    pub(crate) fn reseed(&mut self, entropy: &[u8], additional: &[u8]) {
        self.update([entropy, additional, &[]]);
        self.requests = 0;
    }

    /// Whether the generator gave as much as it may from one seed.
    ///
    /// The standard lets it give 2^48 requests, which no device lives to see: a generator that cannot be reseeded stays
    /// usable.
    pub(crate) const fn is_reseed_due(&self) -> bool {
        self.requests >= REQUESTS_MAX
    }

    /// Fills `out`, of at most [`REQUEST_BYTES_MAX`] bytes, as one request.
    pub(crate) fn generate(&mut self, additional: &[u8], out: &mut [u8]) {
        if !additional.is_empty() {
            self.update([additional, &[], &[]]);
        }
        for chunk in out.chunks_mut(32) {
            self.value = hmac(&self.key, &[self.value.expose()]);
            for (to, from) in chunk.iter_mut().zip(self.value.expose()) {
                *to = *from;
            }
        }
        self.update([additional, &[], &[]]);
        self.requests = self.requests.saturating_add(1);
    }

    /// `HMAC_DRBG_Update` of §10.1.2.2.
    fn update(&mut self, [first, second, third]: [&[u8]; 3]) {
        self.key = hmac(&self.key, &[self.value.expose(), &[0x00], first, second, third]);
        self.value = hmac(&self.key, &[self.value.expose()]);
        if !(first.is_empty() && second.is_empty() && third.is_empty()) {
            self.key = hmac(&self.key, &[self.value.expose(), &[0x01], first, second, third]);
            self.value = hmac(&self.key, &[self.value.expose()]);
        }
    }
}

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the counts are evidence")]
mod tests {
    extern crate std;

    use super::*;
    use crate::vectors::Case;

    #[test]
    fn the_vectors_of_nist_cavp_are_reproduced() {
        let text = include_str!("../../tests/vectors/hmac_drbg_sha256.txt");
        let (mut cases, mut reseeded, mut additional, mut personalised) = (0, 0, 0, 0);
        for case in Case::all(text, "entropy") {
            let of = |name| case.field(name);
            let parts = [of("entropy"), of("nonce"), of("personalisation")];
            let mut drbg = HmacDrbg::instantiate([&parts[0], &parts[1], &parts[2]]);
            if !of("reseed").is_empty() {
                drbg.reseed(&of("reseed"), &of("reseed-additional"));
                reseeded += 1;
            }
            let expected = of("returned");
            let mut out = std::vec![0; expected.len()];
            drbg.generate(&of("additional-1"), &mut out);
            drbg.generate(&of("additional-2"), &mut out);
            assert_eq!(out, expected, "case {cases}");
            cases += 1;
            additional += i32::from(!of("additional-1").is_empty());
            personalised += i32::from(!parts[2].is_empty());
        }
        std::println!("HMAC_DRBG, NIST CAVP: {cases}");
        assert_eq!((cases, reseeded, additional, personalised), (32, 16, 16, 16));
    }

    #[test]
    fn new_noise_is_due_after_the_last_request() {
        let mut drbg = HmacDrbg::instantiate([&[1; 32], &[2; 16], &[]]);
        for seed in [3, 4] {
            for _ in 0..REQUESTS_MAX {
                assert!(!drbg.is_reseed_due());
                drbg.generate(&[], &mut []);
            }
            assert!(drbg.is_reseed_due());
            drbg.reseed(&[seed; 32], &[]);
            assert!(!drbg.is_reseed_due());
        }
    }
}
