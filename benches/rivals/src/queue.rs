//! Cuts the power in the life of a queue of `sequential-storage`.
//!
//! The queue is used as its documentation says: a new object and a new cache after each boot, `push` with leave to
//! overwrite, the built-in repair left to do its work in whichever call meets the damage. Nothing is popped. A boot reads
//! everything back through the iterator. A call that fails with the power on is tried again after a clean boot, three
//! times; each retry pushes a record of its own.

use core::panic::AssertUnwindSafe;
use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::thread;

use embedded_storage::nor_flash::ReadNorFlash as _;
use medsec_sim::exhaust::{
    self, Case, GEOMETRIES, Geometry, Plan, Ran, Subject, Tally, Violation, every_cut,
};
use medsec_sim::fault::Model;
use medsec_sim::flash::{FaultFlash, FlashError, GAPS};
use medsec_sim::powercut::ring::CLAIMED;
use sequential_storage::Error;
use sequential_storage::cache::{Cache, Uncached};
use sequential_storage::queue::{QueueConfig, QueueStorage};

use crate::oracle::{BODY_BYTES_MAX, Fault, Oracle};
use crate::part::{Part, wait};

/// Pushes of a history.
const PUSHES: u32 = 120;
/// Pushes after the last cut, and after how many of them a clean boot reads everything.
const PUSHES_AFTER: u32 = 30;
const PUSHES_BETWEEN_BOOTS: u32 = 10;
/// Boots in a row in which a call must fail for the store to count as wedged.
const TRIES: u32 = 4;
const PAGES: u32 = 4;
/// The longest word that the rival supports.
const WORD_BYTES_MAX: u32 = 32;
/// A second cut is tried at each of so many operations after the first.
const SECOND_CUTS: u32 = 4;
/// Cases of one history, roughly.
const CASES: u64 = 16_000;

/// Runs at least `runs` cases, drawn by `seed`, and prints what came of them.
pub(crate) fn cut(runs: u64, seed: u64) -> bool {
    std::panic::set_hook(Box::new(|_| {}));
    let geometries: Vec<Geometry> = GEOMETRIES
        .into_iter()
        .filter(|geometry| geometry.page == 1024 && geometry.write <= WORD_BYTES_MAX)
        .collect();
    let share = runs.div_ceil(u64::try_from(geometries.len()).unwrap_or(1)).max(1);
    let parts: Vec<Queues> = thread::scope(|scope| {
        let started: Vec<_> = geometries
            .iter()
            .map(|geometry| scope.spawn(move || Queues::on(*geometry, share, seed)))
            .collect();
        started.into_iter().filter_map(|part| part.join().ok()).collect()
    });
    let mut all = Queues::default();
    parts.iter().for_each(|part| all.merge(part));
    all.print();
    parts.len() == geometries.len()
}

/// Runs one case again and says what came of it.
pub(crate) fn replay(line: &str) -> bool {
    let Ok(case) = line.parse::<Case>() else { return false };
    match exhaust::replay(&mut Queues::default(), &case) {
        Ok(_) => println!("nothing"),
        Err(violation) => println!("{violation}"),
    }
    true
}

#[derive(Clone, Copy, Default)]
struct Row {
    runs: u64,
    by_fault: [u64; Fault::ALL.len()],
    /// Runs in which a word was programmed twice.
    double: u64,
}

#[derive(Default)]
struct Queues {
    rows: BTreeMap<(Model, u32), Row>,
    /// The first case of each kind for each size of reads.
    kept: BTreeMap<(Model, &'static str, u32), (Case, String)>,
}

impl Queues {
    fn on(geometry: Geometry, runs: u64, seed: u64) -> Self {
        let mut queues = Self::default();
        let one_in = u32::try_from(CASES / runs.min(CASES)).unwrap_or(1);
        let plan = Plan { models: &CLAIMED, second_cuts: SECOND_CUTS, more_cuts: false, one_in };
        for draw in 0.. {
            let mut case = Case::new("sequential-storage", geometry, PAGES, seed);
            case.draw = draw;
            // What went wrong is in the rows.
            let uncut = every_cut(&mut queues, &case, &plan, &mut Tally::default());
            if uncut.is_err() || queues.runs() >= runs {
                break;
            }
        }
        queues
    }

    fn runs(&self) -> u64 {
        self.rows.values().map(|row| row.runs).sum()
    }

    fn merge(&mut self, other: &Self) {
        for (key, more) in &other.rows {
            let row = self.rows.entry(*key).or_default();
            row.runs += more.runs;
            row.double += more.double;
            for (sum, more) in row.by_fault.iter_mut().zip(more.by_fault) {
                *sum += more;
            }
        }
        for (key, kept) in &other.kept {
            self.kept.entry(*key).or_insert_with(|| kept.clone());
        }
    }

    fn print(&self) {
        let names = Fault::ALL.map(|fault| format!("{:>8}", fault.name())).join(" ");
        println!("{:<13} read {:>8} {:>7} {names} twice", "model", "runs", "hard");
        let (mut runs, mut hard, mut flicker) = (0, 0, 0);
        for ((model, read), row) in &self.rows {
            let counts = row.by_fault.map(|count| format!("{count:>8}")).join(" ");
            let bad = row.hard();
            println!("{model:<13} {read:>4} {:>8} {bad:>7} {counts} {:>5}", row.runs, row.double);
            runs += row.runs;
            hard += bad;
            flicker += row.by_fault[0];
        }
        for ((_, fault, _), (case, detail)) in &self.kept {
            println!("{fault}: {case}\n    {detail}");
        }
        let name = crate::version("sequential-storage");
        println!("rivals: {name}: {runs} runs, {hard} hard, {flicker} flicker");
    }
}

impl Row {
    /// Runs that failed, flicker left out.
    fn hard(&self) -> u64 {
        self.by_fault[1..].iter().sum()
    }
}

impl Subject for Queues {
    fn run<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Result<Ran, Violation> {
        let mut device = Device::new(case);
        let lived = catch_unwind(AssertUnwindSafe(|| device.live(case, flash)));
        let (operations, end) = match lived {
            Ok(Ok(operations)) => (operations, None),
            Ok(Err(fault)) => (0, Some(fault)),
            Err(panic) => {
                let text = panic.downcast::<String>().map_or_else(|_| String::new(), |text| *text);
                (0, Some((Fault::Panic, text)))
            }
        };
        let worst = device.faults.into_iter().chain(end).max_by_key(|(fault, _)| *fault);
        let row = self.rows.entry((case.model, case.read)).or_default();
        row.runs += 1;
        row.double += u64::from(flash.double_programs() != 0);
        let Some((fault, detail)) = worst else {
            return Ok(Ran { operations, recovery_max: 0 });
        };
        for (count, _) in row.by_fault.iter_mut().zip(Fault::ALL).filter(|(_, of)| *of == fault) {
            *count += 1;
        }
        let kept = (case.model, fault.name(), case.read);
        self.kept.entry(kept).or_insert_with(|| (case.clone(), detail.clone()));
        Err(Violation::new(fault.name(), detail))
    }
}

/// A device that pushes, and what it knows must be found.
struct Device {
    oracle: Oracle,
    word: u32,
    /// What went wrong and did not end the run.
    faults: Vec<(Fault, String)>,
}

/// Holds any record, padded to words.
const BUFFER_BYTES: usize = 2 * BODY_BYTES_MAX;

type Queue<'a, const READ: usize, const WRITE: usize, const PAGE: usize> =
    QueueStorage<Part<'a, READ, WRITE, PAGE>, Cache<Uncached, Uncached, Uncached, ()>>;

type Lived<T> = Result<T, (Fault, String)>;

impl Device {
    fn new(case: &Case) -> Self {
        let word = case.read.max(case.write);
        let cuts = u32::try_from(case.cut_count()).unwrap_or(u32::MAX);
        Self { oracle: Oracle::new(case.pages, case.page, word, cuts), word, faults: Vec::new() }
    }

    /// Lives through the history and its cuts, and on; the operations of the history.
    fn live<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        case: &Case,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
    ) -> Lived<u32> {
        let cuts = u32::try_from(case.cut_count()).unwrap_or(u32::MAX);
        flash.power_off();
        flash.set_gaps(case.cuts);
        self.push(flash, |fallen, pushed| pushed == PUSHES || (cuts != 0 && fallen == cuts))?;
        let operations = u32::try_from(flash.operations()).unwrap_or(u32::MAX);
        flash.set_gaps([0; GAPS]);
        for _ in 0..PUSHES_AFTER / PUSHES_BETWEEN_BOOTS {
            flash.power_off();
            self.push(flash, |_, pushed| pushed == PUSHES_BETWEEN_BOOTS)?;
        }
        for _ in 0..exhaust::CLEAN_BOOTS {
            flash.power_off();
            self.push(flash, |_, _| true)?;
        }
        Ok(operations)
    }

    /// Boots and pushes until `stop`, which is told how many cuts fell and how many pushes were acknowledged, says so.
    fn push<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        stop: impl Fn(u32, u32) -> bool,
    ) -> Lived<()> {
        let (mut pushed, mut failures) = (0, 0);
        loop {
            if flash.is_off() {
                flash.power_on();
            }
            let before = pushed;
            match self.boot(flash, &mut pushed, &stop)? {
                After::Done => return Ok(()),
                After::PowerCut => {}
                After::Failed(why) => {
                    failures = if pushed == before { failures + 1 } else { 1 };
                    if failures == TRIES {
                        return Err((Fault::Wedged, why));
                    }
                    self.faults.push((Fault::Error, why));
                    flash.power_off();
                }
            }
        }
    }

    /// One boot: a new object reads everything, then pushes.
    fn boot<const READ: usize, const WRITE: usize, const PAGE: usize>(
        &mut self,
        flash: &mut FaultFlash<READ, WRITE, PAGE>,
        pushed: &mut u32,
        stop: &impl Fn(u32, u32) -> bool,
    ) -> Lived<After> {
        let bytes = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
        let config = QueueConfig::try_new(0..bytes);
        let config = config.map_err(|error| (Fault::Error, format!("{error:?}")))?;
        let mut queue = QueueStorage::new(Part::new(flash), config, Cache::new_uncached());
        match wait(read(&mut queue)) {
            Ok(bodies) => match self.oracle.found(&bodies, self.word) {
                Err(flicker @ (Fault::Flicker, _)) => self.faults.push(flicker),
                judged => judged?,
            },
            Err(error) => return Ok(After::of(queue.flash(), &error)),
        }
        while !stop(queue.flash().cuts(), *pushed) {
            let body = self.oracle.begin();
            if let Err(error) = wait(queue.push(&body, true)) {
                return Ok(After::of(queue.flash(), &error));
            }
            self.oracle.acknowledge();
            *pushed += 1;
        }
        Ok(After::Done)
    }
}

/// All that a queue holds, oldest first.
async fn read<const READ: usize, const WRITE: usize, const PAGE: usize>(
    queue: &mut Queue<'_, READ, WRITE, PAGE>,
) -> Result<Vec<Vec<u8>>, Error<FlashError>> {
    let mut buffer = [0; BUFFER_BYTES];
    let mut bodies = Vec::new();
    let mut iterator = queue.iter().await?;
    while let Some(entry) = iterator.next(&mut buffer).await? {
        bodies.push(entry.to_vec());
    }
    Ok(bodies)
}

/// How a boot ended.
enum After {
    Done,
    PowerCut,
    /// A call failed with the power on.
    Failed(String),
}

impl After {
    fn of<const READ: usize, const WRITE: usize, const PAGE: usize>(
        part: &Part<'_, READ, WRITE, PAGE>,
        error: &Error<FlashError>,
    ) -> Self {
        if part.is_off() { Self::PowerCut } else { Self::Failed(error.to_string()) }
    }
}
