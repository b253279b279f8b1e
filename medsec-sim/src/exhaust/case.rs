//! One run as one line of text.

use core::fmt;
use core::str::FromStr;

use crate::fault::Model;
use crate::flash::{GAPS, Gaps};
use crate::prng::mix;

/// Sizes of reads, words and pages, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Read size.
    pub read: u32,
    /// Word size.
    pub write: u32,
    /// Page size.
    pub page: u32,
}

const fn sizes(read: u32, write: u32, page: u32) -> Geometry {
    Geometry { read, write, page }
}

/// The geometries that cases can be run on.
pub const GEOMETRIES: [Geometry; 23] = [
    sizes(1, 1, 512),
    sizes(4, 4, 512),
    sizes(1, 8, 512),
    sizes(1, 1, 1024),
    sizes(4, 1, 1024),
    sizes(1, 2, 1024),
    sizes(1, 4, 1024),
    sizes(4, 4, 1024),
    sizes(4, 8, 1024),
    sizes(1, 16, 1024),
    sizes(4, 32, 1024),
    sizes(4, 1, 2048),
    sizes(1, 2, 2048),
    sizes(4, 4, 2048),
    sizes(1, 8, 2048),
    sizes(4, 16, 2048),
    sizes(1, 32, 2048),
    sizes(4, 64, 2048),
    sizes(1, 4, 4096),
    sizes(4, 4, 4096),
    sizes(1, 128, 4096),
    sizes(1, 256, 4096),
    sizes(4, 256, 4096),
];

/// A run: its text form is what a driver prints when a rule was broken, and what is kept as a counterexample.
///
/// # Example
/// ```
/// use medsec_sim::exhaust::Case;
/// let line = "cell seed=7 draw=0 variant=1 model=ecc read=1 write=4 page=1024 pages=4 cuts=12,3";
/// let case: Case = line.parse().unwrap();
/// assert_eq!(case.cuts[..3], [12, 3, 0]);
/// assert_eq!(case.to_string(), line);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// What is tested.
    pub structure: String,
    /// Draws the history.
    pub seed: u64,
    /// Draws, together with all else here, the faults: the same cuts with other flicker.
    pub draw: u32,
    /// Whatever distinguishes forms of the structure, the weakened ones included.
    pub variant: u32,
    /// How the part behaves.
    pub model: Model,
    /// Read size in bytes.
    pub read: u32,
    /// Word size in bytes.
    pub write: u32,
    /// Page size in bytes.
    pub page: u32,
    /// Number of pages.
    pub pages: u32,
    /// Gaps between cuts, in operations; the first counts from the end of the factory. 0 ends the list.
    pub cuts: Gaps,
}

impl Case {
    /// A case without cuts.
    #[must_use]
    pub fn new(structure: &str, geometry: Geometry, pages: u32, seed: u64) -> Self {
        let Geometry { read, write, page } = geometry;
        Self {
            structure: structure.to_owned(),
            seed,
            draw: 0,
            variant: 0,
            model: Model::None,
            read,
            write,
            page,
            pages,
            cuts: [0; GAPS],
        }
    }

    /// Number of cuts.
    #[must_use]
    pub fn cut_count(&self) -> usize {
        self.cuts.iter().take_while(|gap| **gap != 0).count()
    }

    /// What draws the faults of this run.
    #[must_use]
    pub fn flash_seed(&self) -> u64 {
        let mut seed = mix(self.seed ^ u64::from(self.draw).rotate_left(32));
        let model = u32::try_from(self.model.index()).unwrap_or(0);
        for part in [self.variant, model, self.read, self.write, self.page, self.pages] {
            seed = mix(seed ^ u64::from(part));
        }
        for gap in self.cuts.iter().take_while(|gap| **gap != 0) {
            seed = mix(seed ^ u64::from(*gap));
        }
        seed
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} seed={} draw={} variant={} model={} read={} write={} page={} pages={} cuts=",
            self.structure,
            self.seed,
            self.draw,
            self.variant,
            self.model,
            self.read,
            self.write,
            self.page,
            self.pages,
        )?;
        if self.cut_count() == 0 {
            return f.write_str("-");
        }
        for (index, gap) in self.cuts.iter().take_while(|gap| **gap != 0).enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{gap}")?;
        }
        Ok(())
    }
}

/// A line that is not a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseCaseError {
    /// The part that could not be read.
    pub part: String,
}

impl fmt::Display for ParseCaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a case: {}", self.part)
    }
}

impl core::error::Error for ParseCaseError {}

impl FromStr for Case {
    type Err = ParseCaseError;

    fn from_str(line: &str) -> Result<Self, ParseCaseError> {
        let mut parts = line.split_whitespace();
        let missing = |name: &str| ParseCaseError { part: name.to_owned() };
        let structure = parts.next().ok_or_else(|| missing("structure"))?;
        let mut case = Self::new(structure, sizes(0, 0, 0), 0, 0);
        let mut left = 9_u32;
        for part in parts {
            let bad = || missing(part);
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            let number = || value.parse::<u32>().map_err(|_| bad());
            match name {
                "seed" => case.seed = value.parse().map_err(|_| bad())?,
                "draw" => case.draw = number()?,
                "variant" => case.variant = number()?,
                "model" => case.model = value.parse().map_err(|_| bad())?,
                "read" => case.read = number()?,
                "write" => case.write = number()?,
                "page" => case.page = number()?,
                "pages" => case.pages = number()?,
                "cuts" => case.cuts = parse_cuts(value).ok_or_else(bad)?,
                _ => return Err(bad()),
            }
            left = left.checked_sub(1).ok_or_else(bad)?;
        }
        if left == 0 { Ok(case) } else { Err(missing(line)) }
    }
}

fn parse_cuts(value: &str) -> Option<Gaps> {
    let mut gaps = [0; GAPS];
    if value == "-" {
        return Some(gaps);
    }
    let mut places = gaps.iter_mut();
    for gap in value.split(',') {
        let gap: u32 = gap.parse().ok()?;
        *places.next()? = gap;
        if gap == 0 {
            return None;
        }
    }
    Some(gaps)
}
