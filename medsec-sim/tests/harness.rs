//! The driver is tried on a small structure by the rules of `medsec_core::flash::cell`, and on the same with one rule
//! taken out: it must be silent about the first and find the others. The structure is a second, independent reading of
//! those rules, with a checksum in place of a MAC.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "test helpers"
)]

use medsec_core::hal::Flash;
use medsec_sim::exhaust::{
    Case, GEOMETRIES, Geometry, Life, Plan, Ran, Stop, Subject, Tally, Violation, every_cut, live,
    replay, run, series,
};
use medsec_sim::fault::{Model, OperationKind};
use medsec_sim::flash::FaultFlash;
use medsec_sim::prng::{Prng, mix};

const WHOLE: u32 = 0;
const NO_ERASE_FIRST: u32 = 1;
const NO_SETTLE: u32 = 2;
const ONE_COPY: u32 = 3;

const RECORD: usize = 16;
const STEPS: u32 = 12;

/// One page at mount: number of valid copies of its highest epoch, that epoch, its value.
type Page = (u32, u32, u32);

/// The structure, with its oracle: the values that may be found at the next mount.
struct Toy {
    variant: u32,
    pages: u32,
    prng: Prng,
    mounted: Vec<Page>,
    base: u32,
    settled: bool,
    legal: Vec<u32>,
}

impl Toy {
    fn new(case: &Case) -> Self {
        Self {
            variant: case.variant,
            pages: case.pages,
            prng: Prng::new(case.seed),
            mounted: Vec::new(),
            base: 0,
            settled: false,
            legal: vec![0],
        }
    }

    fn copies(&self) -> u32 {
        if self.variant == ONE_COPY { 1 } else { 3 }
    }

    fn mount<F: Flash>(&mut self, flash: &mut F) {
        self.mounted.clear();
        for page in 0..self.pages {
            let mut best = (0, 0, 0);
            for copy in 0..self.copies() {
                let (offset, _) = slot::<F>(page, copy);
                let mut bytes = [0; 256];
                let read = RECORD.next_multiple_of(F::READ_SIZE);
                if flash.read(offset, &mut bytes[..read]).is_err() {
                    continue;
                }
                match parse(&bytes[..RECORD], page, copy) {
                    Some((epoch, value)) if epoch > best.1 => best = (1, epoch, value),
                    Some((epoch, value)) if (epoch, value) == (best.1, best.2) => best.0 += 1,
                    Some(_) | None => {}
                }
            }
            self.mounted.push(best);
        }
        let believed = if self.variant == ONE_COPY { 1 } else { 2 };
        let pages = self.mounted.iter().zip(0..);
        let base =
            pages.clone().filter(|(page, _)| page.0 >= believed).max_by_key(|(page, _)| page.1);
        self.base = base.or(pages.max_by_key(|(page, _)| (page.0, page.1))).unwrap().1;
        self.settled = self.mounted.iter().all(|page| page.0 == self.copies());
    }

    fn replace<F: Flash>(&mut self, flash: &mut F, value: u32) -> Result<(), F::Error> {
        let target = (self.base + 1) % self.pages;
        let (start, end) = page_of::<F>(target);
        let epoch = 1 + self.mounted.iter().map(|page| page.1).max().unwrap_or(0);
        let blank = self.variant == NO_ERASE_FIRST && self.mounted[index(target)].0 == 0 && {
            let mut bytes = vec![0; F::ERASE_SIZE];
            flash.read(start, &mut bytes).is_ok() && bytes.iter().all(|byte| *byte == 0xFF)
        };
        if !blank {
            flash.erase(start, end)?;
        }
        for copy in 0..self.copies() {
            let (offset, bytes) = slot::<F>(target, copy);
            let mut padded = vec![0xFF; bytes];
            padded[..RECORD].copy_from_slice(&encode(epoch, value, target, copy));
            flash.write(offset, &padded)?;
        }
        self.mounted[index(target)] = (self.copies(), epoch, value);
        self.base = target;
        Ok(())
    }
}

impl<F: Flash + Powered> Life<F> for Toy {
    fn factory(&mut self, flash: &mut F) -> Result<(), Stop> {
        self.mounted = vec![(0, 0, 0); index(self.pages)];
        for _ in 0..self.pages {
            self.replace(flash, 0).map_err(|error| flash.stop(&error))?;
        }
        Ok(())
    }

    fn boot(&mut self, flash: &mut F) -> Result<(), Stop> {
        self.mount(flash);
        let (copies, _, value) = self.mounted[index(self.base)];
        if copies == 0 {
            return Err(Violation::new("lost", "no copy of any value").into());
        }
        if !self.legal.contains(&value) {
            let detail = format!("found {value}, legal are {:?}", self.legal);
            return Err(Violation::new("value", detail).into());
        }
        if !self.settled && self.variant != NO_SETTLE {
            self.legal.push(value);
            self.replace(flash, value).map_err(|error| flash.stop(&error))?;
        }
        self.legal = vec![value];
        Ok(())
    }

    fn step(&mut self, flash: &mut F, step: u32) -> Result<(), Stop> {
        if self.prng.one(1, 4) {
            flash.fail_power();
            return Err(Stop::PowerCut);
        }
        self.legal.push(step + 1);
        self.replace(flash, step + 1).map_err(|error| flash.stop(&error))?;
        self.legal = vec![step + 1];
        Ok(())
    }
}

/// What a life needs to know of the power.
trait Powered: Flash {
    fn stop(&self, error: &Self::Error) -> Stop;
    fn fail_power(&mut self);
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize> Powered
    for FaultFlash<READ, WRITE, PAGE>
{
    fn stop(&self, error: &Self::Error) -> Stop {
        Stop::of(self, "flash", error)
    }

    fn fail_power(&mut self) {
        self.power_off();
    }
}

fn index(page: u32) -> usize {
    usize::try_from(page).unwrap()
}

/// Where page `page` begins and ends.
fn page_of<F: Flash>(page: u32) -> (u32, u32) {
    let bytes = u32::try_from(F::ERASE_SIZE).unwrap();
    (page * bytes, (page + 1) * bytes)
}

/// Offset in the part, and padded length, of copy `copy` in page `page`.
fn slot<F: Flash>(page: u32, copy: u32) -> (u32, usize) {
    let bytes = RECORD.next_multiple_of(F::WRITE_SIZE.max(F::READ_SIZE));
    (page_of::<F>(page).0 + copy * u32::try_from(bytes).unwrap(), bytes)
}

fn checksum(epoch: u32, value: u32, page: u32, copy: u32) -> u64 {
    let place = u64::from(page) << 32 | u64::from(copy);
    mix(mix(u64::from(epoch) << 32 | u64::from(value)) ^ place)
}

fn encode(epoch: u32, value: u32, page: u32, copy: u32) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..4].copy_from_slice(&epoch.to_le_bytes());
    record[4..8].copy_from_slice(&value.to_le_bytes());
    record[8..].copy_from_slice(&checksum(epoch, value, page, copy).to_le_bytes());
    record
}

fn parse(record: &[u8], page: u32, copy: u32) -> Option<(u32, u32)> {
    let epoch = u32::from_le_bytes(record[..4].try_into().unwrap());
    let value = u32::from_le_bytes(record[4..8].try_into().unwrap());
    (record == encode(epoch, value, page, copy)).then_some((epoch, value))
}

struct Toys;

impl Subject for Toys {
    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation> {
        live(&mut Toy::new(case), case, flash, STEPS)
    }
}

fn exhausted(variant: u32, seeds: u64) -> Tally {
    let models: Vec<_> =
        Model::ALL.into_iter().filter(|model| *model != Model::Neighbour).collect();
    let plan = Plan { models: &models, second_cuts: 6, more_cuts: true, one_in: 2 };
    let mut tally = Tally::default();
    for seed in 0..seeds {
        let geometry = GEOMETRIES[usize::try_from(seed).unwrap() * 5 % GEOMETRIES.len()];
        let case = Case { variant, ..Case::new("toy", geometry, 4, seed) };
        every_cut(&mut Toys, &case, &plan, &mut tally).unwrap();
        series(&mut Toys, &case, &Model::SHARPEST, 10, 50, &mut tally).unwrap();
    }
    tally
}

#[test]
fn a_structure_that_holds_is_left_in_peace() {
    let tally = exhausted(WHOLE, 6);
    assert_eq!(tally.violations(), 0, "{tally}");
    assert!(tally.runs() > 5_000, "{tally}");
    for model in Model::ALL.into_iter().filter(|model| *model != Model::Neighbour) {
        let cuts = tally.model(model).cuts;
        let [program, erase] =
            [OperationKind::Program, OperationKind::Erase].map(|kind| cuts[kind.index()]);
        assert!(program > 100 && erase > 50, "{tally}");
    }
}

#[test]
fn each_rule_taken_out_is_found_and_its_case_replays() {
    for (variant, rule) in
        [(NO_ERASE_FIRST, "double program"), (NO_SETTLE, "value"), (ONE_COPY, "value")]
    {
        let tally = exhausted(variant, 6);
        let found = tally.failures().find(|(_, violation)| violation.rule == rule);
        let (case, violation) = found.unwrap_or_else(|| panic!("variant {variant}: {tally}"));
        let line = case.to_string();
        let stored: Case = line.parse().unwrap();
        assert_eq!(replay(&mut Toys, &stored).as_ref(), Err(violation), "{line}");
        // The same cuts do no harm where the rule is in place.
        let whole = Case { variant: WHOLE, ..stored };
        assert_eq!(replay(&mut Toys, &whole).err(), None, "{line}");
    }
}

#[test]
fn every_geometry_runs_and_no_other() {
    let mut tally = Tally::default();
    for geometry in GEOMETRIES {
        run(&mut Toys, &Case::new("toy", geometry, 4, 1), &mut tally).unwrap();
    }
    assert_eq!(tally.runs(), 23);
    let odd = Geometry { read: 2, write: 2, page: 512 };
    run(&mut Toys, &Case::new("toy", odd, 4, 1), &mut tally).unwrap_err();
}

#[test]
fn tallies_add_up() {
    let (mut one, other) = (exhausted(ONE_COPY, 1), exhausted(ONE_COPY, 2));
    let (runs, bad) = (one.runs() + other.runs(), one.violations() + other.violations());
    one.merge(&other);
    assert_eq!((one.runs(), one.violations()), (runs, bad));
    assert_eq!(one.rows().map(|(_, _, row)| row.runs).sum::<u64>(), runs);
}

#[test]
fn a_line_that_is_not_a_case_is_refused() {
    let good = "toy seed=1 draw=0 variant=0 model=ecc read=1 write=4 page=512 pages=4 cuts=-";
    assert_eq!(good.parse::<Case>().unwrap().to_string(), good);
    for bad in [
        "",
        "toy",
        &good.replace("seed=1", ""),
        &good.replace("seed=1", "seed=x"),
        &good.replace("model=ecc", "model=eec"),
        &good.replace("cuts=-", "cuts=1,0,2"),
        &good.replace("cuts=-", "cuts=1,1,1,1,1,1,1,1,1,1,1,1,1"),
        &good.replace("pages=4", "pages=4 more=1"),
    ] {
        assert_eq!(bad.parse::<Case>().ok(), None, "{bad}");
    }
}
