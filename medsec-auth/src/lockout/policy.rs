//! How many failures are allowed, and how long to wait after each.

/// From where somebody asks. Failures are counted apart, so that who asks from outside cannot lock out who is at the device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Class {
    /// At the device.
    Local,
    /// Over a link.
    Remote,
    /// Service, at the device or over a link.
    Service,
}

impl Class {
    /// All of them, in the order in which they are stored.
    pub const ALL: [Self; CLASSES] = [Self::Local, Self::Remote, Self::Service];
}

pub(super) const CLASSES: usize = 3;

/// What is guessed. Failures are counted apart: who knows the one could else clear his failures at the other, by showing
/// the one between every two guesses.
///
/// A token's answer is not in here. It is a signature over a fresh challenge, nothing that can be guessed, so it takes no
/// [`Attempt`](super::Attempt) and no failure at these stands in its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Factor {
    /// A password or a number that the person knows.
    Knowledge,
    /// A one-time password.
    Code,
}

impl Factor {
    /// All of them, in the order in which they are stored.
    pub const ALL: [Self; FACTORS] = [Self::Knowledge, Self::Code];
}

pub(super) const FACTORS: usize = 2;

/// What a maker may choose. [`Policy::of`] refuses what is out of bounds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Failures after which nobody has to wait: 1 to 10. The next costs 2 seconds, and each one more twice as much.
    pub free: u8,
    /// The longest wait, in seconds: 60 to 3,600.
    pub wait_seconds_max: u16,
    /// Failures after which [`Class::Local`] is disabled: more than `free`, at most [`DISABLED_AT_MAX`].
    pub local: u8,
    /// The same for [`Class::Remote`].
    pub remote: u8,
    /// The same for [`Class::Service`].
    pub service: u8,
    /// Failures of one principal, over all classes and factors and for ever, after which he is disabled: 1,000 to 60,000.
    pub lifetime: u16,
}

/// The highest number of failures that a policy allows in a row.
pub const DISABLED_AT_MAX: u8 = 100;

/// Limits that are within bounds.
///
/// # Example
/// ```
/// use medsec_auth::lockout::{Limits, Policy};
/// const STRICT: Policy = Policy::of(Limits { local: 10, ..Limits::DEFAULT });
/// assert_eq!(STRICT.limits().local, 10);
/// ```
/// ```compile_fail,E0080
/// use medsec_auth::lockout::{Limits, Policy};
/// const LAX: Policy = Policy::of(Limits { local: 101, ..Limits::DEFAULT });
/// # let _ = LAX;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Policy(Limits);

impl Limits {
    /// 4 failures free, at most 900 seconds, disabled at 20 and from outside at 10, 20,000 in a lifetime.
    pub const DEFAULT: Self = Self {
        free: 4,
        wait_seconds_max: 900,
        local: 20,
        remote: 10,
        service: 20,
        lifetime: 20_000,
    };
}

impl Policy {
    /// That of [`Limits::DEFAULT`].
    pub const DEFAULT: Self = Self::of(Limits::DEFAULT);

    /// Takes limits. Called in a `const`, so that a policy out of bounds does not compile.
    ///
    /// # Panics
    /// In a `const`, which then does not compile. It is not for use at run time.
    #[must_use]
    pub const fn of(limits: Limits) -> Self {
        assert!(limits.free >= 1 && limits.free <= 10, "1 to 10 failures are free");
        assert!(
            limits.wait_seconds_max >= 60 && limits.wait_seconds_max <= 3_600,
            "the longest wait is 60 to 3,600 seconds"
        );
        let mut classes: &[u8] = &[limits.local, limits.remote, limits.service];
        while let [at, others @ ..] = classes {
            assert!(*at > limits.free, "a class is disabled before anybody has to wait");
            assert!(*at <= DISABLED_AT_MAX, "a class is disabled too late");
            classes = others;
        }
        assert!(
            limits.lifetime >= 1_000 && limits.lifetime <= 60_000,
            "1,000 to 60,000 failures in a lifetime"
        );
        Self(limits)
    }

    /// What was chosen.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.0
    }

    /// Failures after which a class is disabled.
    #[must_use]
    pub const fn disabled_at(&self, class: Class) -> u8 {
        match class {
            Class::Local => self.0.local,
            Class::Remote => self.0.remote,
            Class::Service => self.0.service,
        }
    }

    /// Milliseconds to wait after so many failures in a row.
    #[must_use]
    pub fn wait_ms(&self, failures: u8) -> u32 {
        let cap = u32::from(self.0.wait_seconds_max);
        let seconds = match failures.saturating_sub(self.0.free) {
            0 => 0,
            over => 1_u32.checked_shl(u32::from(over)).map_or(cap, |seconds| seconds.min(cap)),
        };
        seconds.saturating_mul(1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_two_seconds_to_the_cap_and_never_fall() {
        let waits = |failures| Policy::DEFAULT.wait_ms(failures);
        assert_eq!([0, 1, 3, 4].map(waits), [0; 4]);
        assert_eq!([5, 6, 12, 13].map(waits), [2_000, 4_000, 256_000, 512_000]);
        assert_eq!([14, 15, 35, 36, 37, u8::MAX].map(waits), [900_000; 6]);
        for failures in 0..u8::MAX {
            assert!(waits(failures) <= waits(failures + 1), "{failures}");
        }
    }
}
