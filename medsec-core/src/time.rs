//! Time without a trusted clock: ticks of this boot, and wall time with its quality.

/// Milliseconds since power-on. It starts again at 0 with each boot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Ticks(u64);

impl Ticks {
    /// Ticks from milliseconds since power-on.
    #[must_use]
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since power-on.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Milliseconds from `earlier` to `self`; 0 if `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Where a wall time came from, worst first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum TimeSource {
    /// Nobody vouches for it.
    Unknown,
    /// A person at the device set it.
    Person,
    /// The device's own battery-backed clock.
    RealTimeClock,
    /// An authenticated peer gave it.
    Authenticated,
}

impl TimeSource {
    /// The byte that stands for it in records.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Person => 1,
            Self::RealTimeClock => 2,
            Self::Authenticated => 3,
        }
    }
}

/// A wall-clock time together with how much it can be trusted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WallTime {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub unix_seconds: u64,
    /// Who gave the time.
    pub source: TimeSource,
    /// The true time lies within this many seconds either way.
    pub uncertainty_seconds: u16,
}

/// Leave to spend up to a number of milliseconds, lent by the loop that must not be late.
///
/// Erases, signatures and session starts take one, so that nothing slow can happen where no pause was given
/// (invariant 1). It borrows the lender, so it cannot be kept beyond the pause.
#[derive(Debug)]
pub struct Pause<'a> {
    ms_max: u32,
    lender: core::marker::PhantomData<&'a mut ()>,
}

impl<'a> Pause<'a> {
    /// Lends at most `ms_max` milliseconds of the time of `lender`.
    #[must_use]
    pub const fn lend<T>(lender: &'a mut T, ms_max: u32) -> Self {
        let _ = lender;
        Self { ms_max, lender: core::marker::PhantomData }
    }

    /// The milliseconds lent.
    #[must_use]
    pub const fn ms_max(&self) -> u32 {
        self.ms_max
    }
}
