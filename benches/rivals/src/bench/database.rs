//! `ekv`, one record per transaction, sealed by AES-256-GCM. It has no notion of a log: the key is the number of the
//! record, and each transaction deletes the oldest, so that a fixed number of records stays.

use ekv::flash::{Flash, PageID};
use ekv::{Config, Database};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embedded_storage::nor_flash::{NorFlash as _, ReadNorFlash as _};
use medsec_sim::fault::Model;
use medsec_sim::flash::FlashError;

use super::cost::{Cost, Row};
use super::sealed::{SEAL_BYTES, Sealer};
use super::{PAGE_BYTES, Part4};
use crate::part::wait;

/// Records kept for each page; more of them do not fit beside what compaction needs free.
const KEPT_PER_PAGE: u32 = 4;

/// The simulated part as `ekv` asks for it.
struct Pages<'a>(&'a mut Part4);

impl Pages<'_> {
    fn offset(page: PageID, offset: usize) -> Result<u32, FlashError> {
        let page = u32::try_from(page.index()).map_err(|_| FlashError::OutOfBounds)?;
        let offset = u32::try_from(offset).map_err(|_| FlashError::OutOfBounds)?;
        Ok(page * PAGE_BYTES + offset)
    }
}

impl Flash for Pages<'_> {
    type Error = FlashError;

    fn page_count(&self) -> usize {
        self.0.capacity() / ekv::config::PAGE_SIZE
    }

    async fn erase(&mut self, page: PageID) -> Result<(), FlashError> {
        let from = Self::offset(page, 0)?;
        self.0.erase(from, from + PAGE_BYTES)
    }

    async fn read(&mut self, page: PageID, at: usize, bytes: &mut [u8]) -> Result<(), FlashError> {
        self.0.read(Self::offset(page, at)?, bytes)
    }

    async fn write(&mut self, page: PageID, at: usize, bytes: &[u8]) -> Result<(), FlashError> {
        self.0.write(Self::offset(page, at)?, bytes)
    }
}

type Store<'a> = Database<Pages<'a>, NoopRawMutex>;

/// Fills a database and counts on.
pub(crate) fn run(pages: u32, record_bytes: usize, appends: u32) -> Result<Row, String> {
    let sealer = Sealer::new();
    let mut flash = Part4::new(pages, Model::None, 1);
    let (mut costs, mut boot) = (Cost::NONE, Cost::NONE);
    wait(Store::new(Pages(&mut flash), Config::default()).format())
        .map_err(|error| format!("{error:?}"))?;
    let kept = pages * KEPT_PER_PAGE;
    let mut number = 0;
    // The second boot finds a full database.
    for full in [false, true] {
        let mut config = Config::default();
        config.random_seed = u32::from(full);
        let store = Store::new(Pages(&mut flash), config);
        let mut push = |cost: &mut Cost| {
            number += 1;
            let record = sealer.seal(u64::from(number), record_bytes)?;
            let before = wait(store.lock_flash()).0.counts();
            let pushed = wait(put(&store, number, kept, &record));
            cost.enter(before, wait(store.lock_flash()).0.counts());
            pushed.map_err(|error| format!("record {number}: {error}"))
        };
        boot = Cost::NONE;
        push(&mut boot)?;
        if full {
            break;
        }
        for _ in 0..kept {
            push(&mut Cost::NONE.clone())?;
        }
        for _ in 0..appends {
            push(&mut costs)?;
        }
    }
    let store = Store::new(Pages(&mut flash), Config::default());
    let mut newest = vec![0; record_bytes + SEAL_BYTES];
    let bytes = wait(async {
        let transaction = store.read_transaction().await;
        transaction.read(&number.to_be_bytes(), &mut newest).await
    });
    if bytes.is_err() || !sealer.is(&newest, u64::from(number), record_bytes) {
        return Err("the newest record is not there".to_owned());
    }
    Ok(Row {
        store: "ekv",
        record_bytes: u64::try_from(record_bytes).unwrap_or(0),
        appends: costs,
        upkeep: Cost::NONE,
        boot,
        ram: size_of::<Store<'_>>() - size_of::<Pages<'_>>() + size_of::<Sealer>(),
    })
}

/// One transaction: the oldest record goes, a new one comes. Keys ascend, as `ekv` asks.
async fn put(store: &Store<'_>, number: u32, kept: u32, record: &[u8]) -> Result<(), String> {
    let mut transaction = store.write_transaction().await;
    if let Some(oldest) = number.checked_sub(kept).filter(|oldest| *oldest != 0) {
        let deleted = transaction.delete(&oldest.to_be_bytes()).await;
        deleted.map_err(|error| format!("{error:?}"))?;
    }
    let written = transaction.write(&number.to_be_bytes(), record).await;
    written.map_err(|error| format!("{error:?}"))?;
    transaction.commit().await.map_err(|error| format!("{error:?}"))
}
