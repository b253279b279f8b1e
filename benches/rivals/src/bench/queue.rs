//! The queue of `sequential-storage` with records sealed by AES-256-GCM, without and with its caches.

use medsec_sim::fault::Model;
use sequential_storage::cache::page_pointers::{ArrayPagePointers, HeapPagePointers};
use sequential_storage::cache::page_states::{ArrayPageStates, HeapPageStates};
use sequential_storage::cache::{Cache, CacheImpl, Uncached};
use sequential_storage::queue::{QueueConfig, QueueStorage};

use super::cost::{Cost, Row};
use super::sealed::{SEAL_BYTES, Sealer};
use super::{PAGE_BYTES, Part4, TABLE_PAGES, fill};
use crate::part::{Part, wait};

type Handle = Part<'static, 4, 4, 4096>;
type Bare = QueueStorage<Handle, Cache<Uncached, Uncached, Uncached, ()>>;
/// Pages whose caches the RAM is told for: those of the table.
const CACHED: usize = 16;
const _: () = assert!(TABLE_PAGES == 16, "the RAM of another number of pages is told");
type Cached =
    QueueStorage<Handle, Cache<ArrayPageStates<CACHED>, ArrayPagePointers<CACHED>, Uncached, ()>>;

/// Fills a queue without a cache and counts on.
pub(crate) fn bare(pages: u32, record_bytes: usize, appends: u32) -> Result<Row, String> {
    let row = run(pages, record_bytes, appends, Cache::new_uncached)?;
    Ok(Row {
        store: "queue",
        ram: size_of::<Bare>() - size_of::<Handle>() + size_of::<Sealer>(),
        ..row
    })
}

/// The same with page states and page pointers cached.
pub(crate) fn cached(pages: u32, record_bytes: usize, appends: u32) -> Result<Row, String> {
    let count = usize::try_from(pages).unwrap_or(0);
    let cache = || Cache::new(HeapPageStates::new(count), HeapPagePointers::new(count), Uncached);
    let row = run(pages, record_bytes, appends, cache)?;
    Ok(Row {
        store: "queue, cached",
        ram: size_of::<Cached>() - size_of::<Handle>() + size_of::<Sealer>(),
        ..row
    })
}

fn run<C: CacheImpl<()>>(
    pages: u32,
    record_bytes: usize,
    appends: u32,
    cache: impl Fn() -> C,
) -> Result<Row, String> {
    let sealer = Sealer::new();
    let mut flash = Part4::new(pages, Model::None, 1);
    let (mut costs, mut boot) = (Cost::NONE, Cost::NONE);
    let mut number = 0;
    // The second boot finds a full queue.
    for full in [false, true] {
        let config = QueueConfig::try_new(0..pages * PAGE_BYTES).map_err(|e| format!("{e:?}"))?;
        let mut queue = QueueStorage::new(Part::unbounded(&mut flash), config, cache());
        let mut push = |queue: &mut QueueStorage<_, C>, cost: &mut Cost| {
            number += 1;
            let record = sealer.seal(number, record_bytes)?;
            let before = Part::counts(queue.flash());
            let pushed = wait(queue.push(&record, true));
            cost.enter(before, queue.flash().counts());
            pushed.map_err(|error| error.to_string())
        };
        boot = Cost::NONE;
        push(&mut queue, &mut boot)?;
        if full {
            break;
        }
        for _ in 0..fill(pages, record_bytes) {
            push(&mut queue, &mut Cost::NONE.clone())?;
        }
        for _ in 0..appends {
            push(&mut queue, &mut costs)?;
        }
    }
    let config = QueueConfig::try_new(0..pages * PAGE_BYTES).map_err(|e| format!("{e:?}"))?;
    let mut queue = QueueStorage::new(Part::unbounded(&mut flash), config, Cache::new_uncached());
    let newest = wait(newest(&mut queue, record_bytes + SEAL_BYTES))?;
    if !sealer.is(&newest, number, record_bytes) {
        return Err("the newest record is not there".to_owned());
    }
    Ok(Row {
        store: "",
        record_bytes: u64::try_from(record_bytes).unwrap_or(0),
        appends: costs,
        upkeep: Cost::NONE,
        boot,
        ram: 0,
    })
}

async fn newest<C: CacheImpl<()>>(
    queue: &mut QueueStorage<Part<'_, 4, 4, 4096>, C>,
    bytes: usize,
) -> Result<Vec<u8>, String> {
    let mut buffer = vec![0; bytes.next_multiple_of(4)];
    let mut newest = Vec::new();
    let mut iterator = queue.iter().await.map_err(|error| error.to_string())?;
    while let Some(entry) = iterator.next(&mut buffer).await.map_err(|e| e.to_string())? {
        newest.clear();
        newest.extend_from_slice(&entry);
    }
    Ok(newest)
}
