//! Tries the board alone, without a log: numbered records in a ring of pages, each acknowledged on the console.
//!
//! `cargo xtask emulate` kills and restarts it, and checks that what was acknowledged is found again. It keeps to
//! the one rule: the first program of a power cycle goes to a page erased in that power cycle.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use medsec_core::Secret;
use medsec_core::flash::page::{self, Geometry};
use medsec_core::flash::{Error, Region};
use medsec_core::hal::EraseProgress;
use medsec_core::key::{Label, MacKey};
use pump_firmware::board::console::Line;
use pump_firmware::board::flash::SemihostFlash;
use pump_firmware::board::options::Options;
use pump_firmware::board::{self, Outcome};

const PAGES: u32 = 32;
const REGION: Region = Region::new(0, PAGES * 4096);
const RECORD_BYTES: u32 = 64;
const RECORDS_PER_PAGE: u32 = 4096 / RECORD_BYTES;

struct Log {
    flash: SemihostFlash,
    geometry: Geometry,
    key: MacKey,
}

impl Log {
    /// The number of the record at `slot` of page `index`, if it is whole.
    fn number(&mut self, index: u32, slot: u32) -> Option<u32> {
        let mut record = [0; 64];
        let offset = self.geometry.at(index, slot.wrapping_mul(RECORD_BYTES));
        page::read(&mut self.flash, offset, &mut record).ok()?;
        let (body, tag) = record.split_at(48);
        self.key.verify(&[body], tag.try_into().ok()?).ok()?;
        body.first_chunk().map(|number| u32::from_le_bytes(*number))
    }

    /// Number of the newest record, its page, and the oldest number found.
    fn mount(&mut self) -> (u32, u32, u32) {
        let (mut newest, mut at, mut oldest) = (0, PAGES - 1, u32::MAX);
        for index in 0..PAGES {
            for slot in 0..RECORDS_PER_PAGE {
                let Some(number) = self.number(index, slot) else {
                    continue;
                };
                oldest = oldest.min(number);
                if number > newest {
                    (newest, at) = (number, index);
                }
            }
        }
        (newest, at, oldest)
    }

    fn erase(&mut self, index: u32) -> Result<(), Error> {
        while page::erase_step(&mut self.flash, &self.geometry, index, 1)? == EraseProgress::More {}
        Ok(())
    }

    fn append(&mut self, index: u32, slot: u32, number: u32) -> Result<(), Error> {
        let mut record = [0; 64];
        let (body, tag) = record.split_at_mut(48);
        for (to, from) in body.iter_mut().zip(number.to_le_bytes().iter().cycle()) {
            *to = *from;
        }
        tag.copy_from_slice(&self.key.tag(&[body]));
        board::stack::wipe();
        let offset = self.geometry.at(index, slot.wrapping_mul(RECORD_BYTES));
        page::program_checked(&mut self.flash, &self.geometry, offset, &record)
    }
}

fn run(options: &Options) -> Result<(), Error> {
    let Ok(flash) = SemihostFlash::open(options.seed) else { board::finish(Outcome::Failed) };
    let Ok(geometry) = Geometry::of(&flash, REGION) else { board::finish(Outcome::Failed) };
    let key = MacKey::derive(&Secret::new(*b"canary: the exerciser's test key"), Label::AuditMount);
    let mut log = Log { flash, geometry, key };
    let (newest, at, oldest) = log.mount();
    let found = Line::new().text("FOUND ").number(oldest.into());
    found.text(" ").number(newest.into()).send();
    let mut index = at;
    for count in 0..options.events {
        let slot = count % RECORDS_PER_PAGE;
        if slot == 0 {
            index = index.wrapping_add(1) % PAGES;
            Line::new().text("ERASE ").number(index.into()).send();
            log.erase(index)?;
        }
        let number = newest.wrapping_add(count).wrapping_add(1);
        log.append(index, slot, number)?;
        let acknowledged = Line::new().text("ACK ").number(number.into());
        acknowledged.text(" ").number(index.into()).send();
    }
    let counts = log.flash.counts();
    Line::new()
        .text("FLASH words ")
        .number(counts.words.into())
        .text(" again ")
        .number(counts.words_again.into())
        .text(" erases ")
        .number(counts.erases.into())
        .send();
    Ok(())
}

#[entry]
fn main() -> ! {
    let options = board::start();
    let outcome = if run(&options).is_ok() { Outcome::Done } else { Outcome::Failed };
    board::finish(outcome)
}
