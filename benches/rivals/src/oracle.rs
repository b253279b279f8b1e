//! What a queue that overwrites its oldest must hold after any cut.
//!
//! Each push has a number and a body that follows from it. Acknowledged is what the store said yes to. What was in flight
//! at a cut may be there or not, and may come and go, until something later is acknowledged; from then on it must stay as
//! the boot that acknowledged found it. This is what our ring is held to as well.

use medsec_sim::prng::Prng;

/// Bytes of the longest body.
pub(crate) const BODY_BYTES_MAX: usize = 64;
const BODY_BYTES_MIN: usize = 8;

/// How a run went wrong; the later, the worse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fault {
    /// What was in flight changed after something later was acknowledged.
    Flicker,
    /// A call failed with the power on; another boot helped.
    Error,
    /// It failed in four boots in a row.
    Wedged,
    /// What was acknowledged is gone.
    Lost,
    /// Records are out of order, or there twice.
    Disorder,
    /// A record that was never pushed.
    Invented,
    /// The store panicked.
    Panic,
}

impl Fault {
    pub(crate) const ALL: [Self; 7] = [
        Self::Flicker,
        Self::Error,
        Self::Wedged,
        Self::Lost,
        Self::Disorder,
        Self::Invented,
        Self::Panic,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Flicker => "flicker",
            Self::Error => "error",
            Self::Wedged => "wedged",
            Self::Lost => "lost",
            Self::Disorder => "order",
            Self::Invented => "invented",
            Self::Panic => "panic",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Push {
    /// In flight; whether this boot found it.
    Open(bool),
    /// In flight once; whether it was there when something later was acknowledged.
    Settled(bool),
    Acknowledged,
}

/// All that was pushed.
pub(crate) struct Oracle {
    pushes: Vec<Push>,
    /// Bytes of flash whose newest records must be there.
    kept_bytes: u32,
}

/// The body of a push.
pub(crate) fn body(number: u32) -> Vec<u8> {
    let mut prng = Prng::new(u64::from(number));
    let mut body = vec![0; BODY_BYTES_MIN + prng.below(BODY_BYTES_MAX + 1 - BODY_BYTES_MIN)];
    prng.fill(&mut body);
    body[..4].copy_from_slice(&number.to_le_bytes());
    body
}

impl Oracle {
    /// Of a store on `pages` pages of `page` bytes. It opens one page by erasing it and may waste another; of the pages
    /// that are left, what each cut and each page's end can spoil need not be used.
    pub(crate) fn new(pages: u32, page: u32, word: u32, cuts: u32) -> Self {
        let spoilt = 2 * footprint(BODY_BYTES_MAX, word);
        let kept = (pages - 2) * (page - 2 * word - spoilt);
        Self { pushes: Vec::new(), kept_bytes: kept.saturating_sub(cuts * spoilt) }
    }

    /// Begins the next push; its body.
    pub(crate) fn begin(&mut self) -> Vec<u8> {
        self.pushes.push(Push::Open(false));
        body(u32::try_from(self.pushes.len() - 1).unwrap_or(u32::MAX))
    }

    /// The last push was acknowledged.
    pub(crate) fn acknowledge(&mut self) {
        for push in &mut self.pushes {
            if let Push::Open(found) = *push {
                *push = Push::Settled(found);
            }
        }
        if let Some(last) = self.pushes.last_mut() {
            *last = Push::Acknowledged;
        }
    }

    /// Compares with all that a boot reads, oldest first.
    pub(crate) fn found(&mut self, bodies: &[Vec<u8>], word: u32) -> Result<(), (Fault, String)> {
        let mut there = vec![false; self.pushes.len()];
        let mut last = None;
        for found in bodies {
            let number = found.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
            let Some(number) = number.filter(|number| *found == body(*number)) else {
                return Err((Fault::Invented, format!("{found:02x?} after {last:?}")));
            };
            let place = usize::try_from(number).ok().and_then(|index| there.get_mut(index));
            let Some(place) = place else {
                return Err((Fault::Invented, format!("{number} was never pushed")));
            };
            *place = true;
            if last >= Some(number) {
                return Err((Fault::Disorder, format!("{number} after {last:?}")));
            }
            last = Some(number);
        }
        let mut behind = 0;
        let mut flicker = None;
        for (number, push) in self.pushes.iter_mut().enumerate().rev() {
            let bytes = body(u32::try_from(number).unwrap_or(u32::MAX)).len();
            behind += footprint(bytes, word);
            // What was given leave to be overwritten may be gone as a whole or in part.
            let kept = behind <= self.kept_bytes;
            let there = there[number];
            match push {
                Push::Acknowledged if kept && !there => {
                    let detail = format!("{number} is not among {} records", bodies.len());
                    return Err((Fault::Lost, detail));
                }
                Push::Settled(was) if kept && *was != there => {
                    flicker = Some((Fault::Flicker, format!("{number} was {was}, is {there}")));
                }
                Push::Open(found) => *found = there,
                Push::Acknowledged | Push::Settled(_) => {}
            }
        }
        flicker.map_or(Ok(()), Err)
    }
}

/// Bytes of flash that a record takes.
fn footprint(body_bytes: usize, word: u32) -> u32 {
    let body = u32::try_from(body_bytes).unwrap_or(u32::MAX);
    8_u32.next_multiple_of(word) + body.next_multiple_of(word)
}
