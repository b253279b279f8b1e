//! What the host passes to a run on the command line: `kill=TICKS seed=N events=N dump=1 format=1 panic=1`.

use super::semihosting;

/// The options of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// Power is cut this many clock ticks after start; 0: not at all.
    pub kill: u32,
    /// Seed of the tearing and of the emulated noise.
    pub seed: u64,
    /// How much the workload does.
    pub events: u32,
    /// The RAM goes to a file at the end.
    pub dump: bool,
    /// The log is made anew, as in the factory, and nothing else is done.
    pub format: bool,
    /// The run ends in a panic.
    pub panic: bool,
}

impl Options {
    /// Fetches the options; what is absent or unreadable is 0.
    #[must_use]
    pub fn fetch() -> Self {
        let mut buffer = [0; 160];
        let length = semihosting::command_line(&mut buffer).unwrap_or(0);
        let line = buffer.get(..length).unwrap_or_default();
        Self {
            kill: u32::try_from(number(line, b"kill=")).unwrap_or(0),
            seed: number(line, b"seed="),
            events: u32::try_from(number(line, b"events=")).unwrap_or(0),
            dump: number(line, b"dump=") != 0,
            format: number(line, b"format=") != 0,
            panic: number(line, b"panic=") != 0,
        }
    }
}

fn number(line: &[u8], name: &[u8]) -> u64 {
    let mut value = 0_u64;
    for word in line.split(|byte| !byte.is_ascii_graphic()) {
        let Some(digits) = word.strip_prefix(name) else {
            continue;
        };
        for digit in digits {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')));
        }
    }
    value
}
