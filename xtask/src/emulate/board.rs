//! What the firmware `exercise` acknowledged, and whether its flash file holds it.

use std::collections::BTreeMap;

use super::machine::Run;

const RECORD_BYTES: usize = 64;
const BODY_BYTES: usize = 48;

/// Acknowledged numbers by page; a page's are forgotten when its erase begins.
#[derive(Default)]
pub(crate) struct Board {
    pages: BTreeMap<u64, Vec<u64>>,
}

impl Board {
    /// Takes over what a run told; returns how many records it acknowledged.
    pub(crate) fn take(&mut self, run: &Run) -> Result<u64, String> {
        let mut count = 0;
        for line in &run.lines {
            let mut words = line.split(' ');
            let kind = words.next().unwrap_or_default();
            let numbers: Vec<u64> = words.filter_map(|word| word.parse().ok()).collect();
            match (kind, numbers.as_slice()) {
                ("ERASE", [page]) => {
                    self.pages.remove(page);
                }
                ("ACK", [number, page]) => {
                    self.pages.entry(*page).or_default().push(*number);
                    count += 1;
                }
                ("ACK" | "ERASE", _) => return Err(format!("unreadable line {line:?}")),
                _ => {}
            }
        }
        Ok(count)
    }

    /// How many records were looked for in the file, and how many are missing.
    pub(crate) fn look_for(&self, flash: &[u8]) -> (u64, u64) {
        let (mut checked, mut missing) = (0, 0);
        for (page, numbers) in &self.pages {
            let records = records_of(flash, *page);
            for number in numbers {
                checked += 1;
                missing += u64::from(!records.iter().any(|record| holds(record, *number)));
            }
        }
        (checked, missing)
    }

    /// Clears one bit of one acknowledged record.
    pub(crate) fn damage_one(&self, flash: &mut [u8]) -> Result<(), String> {
        let number = self
            .pages
            .values()
            .find_map(|numbers| numbers.first())
            .ok_or("nothing was acknowledged")?;
        let record = flash
            .chunks_exact_mut(RECORD_BYTES)
            .find(|record| holds(record, *number))
            .ok_or("the record to be damaged is not there")?;
        if let Some(byte) = record.get_mut(BODY_BYTES / 2) {
            *byte ^= 1;
        }
        Ok(())
    }
}

fn records_of(flash: &[u8], page: u64) -> Vec<&[u8]> {
    let index = usize::try_from(page).unwrap_or(usize::MAX);
    flash
        .chunks_exact(4096)
        .nth(index)
        .map(|page| page.chunks_exact(RECORD_BYTES).collect())
        .unwrap_or_default()
}

/// Whether the body of `record` is `number` over and over.
fn holds(record: &[u8], number: u64) -> bool {
    let Ok(number) = u32::try_from(number) else { return false };
    let expected = number.to_le_bytes();
    let body = record.get(..BODY_BYTES).unwrap_or_default();
    !body.is_empty() && body.chunks_exact(4).all(|word| word == expected)
}
