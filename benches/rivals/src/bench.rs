//! What a record costs, counted in operations of the part, never in time.

mod cost;
mod database;
mod log;
mod queue;
mod sealed;

use medsec_sim::flash::FaultFlash;

use self::cost::Row;

/// The part: words of 4 bytes and pages of 4 KiB, as an nRF52840's.
type Part4 = FaultFlash<4, 4, 4096>;
const PAGE_BYTES: u32 = 4096;

/// Pages of the table, and bytes of its records.
const TABLE_PAGES: u32 = 16;
const RECORDS: [usize; 3] = [32, 64, 96];
/// Records that are counted, behind those that filled the store.
const APPENDS: u32 = 4_000;

/// The sizes between which the shape is fitted.
const SHAPE_PAGES: [u32; 7] = [4, 8, 16, 32, 64, 128, 256];
const SHAPE_RECORD: usize = 64;
const SHAPE_APPENDS: u32 = 500;

type Store = fn(u32, usize, u32) -> Result<Row, String>;
const STORES: [(&str, Store); 4] = [
    ("medsec", log::run),
    ("queue", queue::bare),
    ("queue, cached", queue::cached),
    ("ekv", database::run),
];

/// Records that fill a store of `pages` pages, and some more.
fn fill(pages: u32, record_bytes: usize) -> u32 {
    let record = u32::try_from(record_bytes).unwrap_or(u32::MAX);
    pages * (PAGE_BYTES / (record + 24)) + 100
}

/// Prints the table, the targets and the shapes; whether every store of the table ran.
pub(crate) fn run() -> bool {
    println!(
        "medsec's log, {} and {}, records sealed by AES-256-GCM in all; {TABLE_PAGES} pages of {PAGE_BYTES} bytes, \
         words of 4",
        crate::version("sequential-storage"),
        crate::version("ekv")
    );
    println!(
        "{:<14} {:>6} | {:>8} {:>5} | {:>8} {:>5} | {:>5} | {:>9} {:>8} | {:>9} {:>6}",
        "store",
        "record",
        "programs",
        "worst",
        "erases",
        "worst",
        "calls",
        "written",
        "overhead",
        "boot read",
        "RAM"
    );
    let mut whole = true;
    for record_bytes in RECORDS {
        for (name, store) in STORES {
            match store(TABLE_PAGES, record_bytes, APPENDS) {
                Ok(row) => {
                    tell(&row);
                    if name == "medsec" && record_bytes == 64 {
                        targets(&row);
                    }
                }
                Err(why) => {
                    println!("{name} {record_bytes} B: {why}");
                    whole = false;
                }
            }
        }
    }
    shapes();
    whole
}

/// One row for the reader, and its figures for the record.
fn tell(row: &Row) {
    let calls = &row.appends;
    let (programs, erases) = (row.per_mille(calls.programs), row.per_mille(calls.erases));
    println!(
        "{:<14} {:>6} | {:>8} {:>5} | {:>8} {:>5} | {:>5} | {:>9} {:>8} | {:>9} {:>6}",
        row.store,
        row.record_bytes,
        decimal(programs),
        calls.programs_max,
        decimal(erases),
        calls.erases_max,
        calls.operations_max,
        decimal(row.written()),
        row.overhead(),
        row.boot.read,
        row.ram
    );
    let figures = [
        ("programs per 1000 appends", programs),
        (
            "programs per 1000 records, upkeep included",
            row.per_mille(calls.programs + row.upkeep.programs),
        ),
        ("programs of the worst append", calls.programs_max),
        ("erases per 1000 appends", erases),
        (
            "erases per 1000 records, upkeep included",
            row.per_mille(calls.erases + row.upkeep.erases),
        ),
        ("erases of the worst append", calls.erases_max),
        ("operations of the worst append", calls.operations_max),
        ("operations of the worst call of upkeep", row.upkeep.operations_max),
        ("bytes written per 1000 records, upkeep included", row.written()),
        ("bytes of overhead of the cheapest record", row.overhead()),
        ("bytes read per 1000 appends", row.per_mille(calls.read)),
        ("bytes read from power-on to the first record", row.boot.read),
        ("bytes of RAM on this host, cipher included", u64::try_from(row.ram).unwrap_or(0)),
    ];
    for (what, count) in figures {
        println!("count {} {} B: {what} {count}", row.store, row.record_bytes);
    }
}

/// What the design asks of the log at 64 bytes.
fn targets(row: &Row) {
    let cipher = size_of::<aes_gcm::Aes256Gcm>();
    let ram = u64::try_from(row.ram.saturating_sub(cipher)).unwrap_or(u64::MAX);
    let asked = [
        ("programs per 1000 appends", row.per_mille(row.appends.programs), 1_020),
        ("programs of the worst append", row.appends.programs_max, 2),
        ("erases of the worst append after upkeep", row.appends.erases_max, 0),
        ("bytes of overhead", row.overhead(), 24),
        ("bytes written per 1000 records", row.written(), 91_000),
        ("bytes of RAM on this host, cipher left out", ram, 1_023),
    ];
    for (what, measured, most) in asked {
        let met = measured <= most;
        println!("{what}: {measured} of at most {most}: {}", if met { "met" } else { "MISSED" });
        println!("target {what} {}", u8::from(met));
    }
}

/// How reading at boot and reading for an append grow with the log.
fn shapes() {
    for (name, store) in STORES {
        let (mut boots, mut appends) = (Vec::new(), Vec::new());
        for pages in SHAPE_PAGES {
            match store(pages, SHAPE_RECORD, SHAPE_APPENDS) {
                Ok(row) => {
                    let read = row.per_mille(row.appends.read);
                    println!(
                        "{name}, {pages} pages: {} bytes read from power-on to the first record, {} for an append",
                        row.boot.read,
                        decimal(read)
                    );
                    println!(
                        "count {name} {pages} pages: bytes read from power-on to the first record {}",
                        row.boot.read
                    );
                    println!("count {name} {pages} pages: bytes read per 1000 appends {read}");
                    boots.push((f64::from(pages), row.boot.read));
                    appends.push((f64::from(pages), read));
                }
                Err(why) => println!("{name}, {pages} pages: does not run: {why}"),
            }
        }
        println!(
            "{name}: from power-on pages^{}, an append pages^{}",
            exponent(&boots),
            exponent(&appends)
        );
    }
}

/// The exponent of the power of the number of pages that fits best, by least squares over the logarithms.
fn exponent(points: &[(f64, u64)]) -> String {
    let points: Vec<(f64, f64)> = points
        .iter()
        .filter(|(_, bytes)| *bytes != 0)
        .map(|(pages, bytes)| {
            (pages.log2(), f64::from(u32::try_from(*bytes).unwrap_or(u32::MAX)).log2())
        })
        .collect();
    let count = f64::from(u32::try_from(points.len()).unwrap_or(0));
    if points.len() < 2 {
        return "0 (reads nothing)".to_owned();
    }
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (x, y) = (x / count, y / count);
    let over: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    let under: f64 = points.iter().map(|point| (point.0 - x) * (point.0 - x)).sum();
    format!("{:.2}", over / under)
}

/// A count of thousandths as a decimal number.
fn decimal(thousandths: u64) -> String {
    format!("{}.{:03}", thousandths / 1000, thousandths % 1000)
}
