//! README's table of figures is what the record file says.

use super::Tree;

const RECORD: &str = "benches/record/bench.txt";
const README: &str = "README.md";

/// The columns, by their names in the record.
const STORES: [&str; 3] = ["medsec", "queue", "ekv"];

/// The rows: what README calls them, the figure of the record, whether that counts thousandths, and one in brackets.
const ROWS: [(&str, &str, bool, Option<&str>); 6] = [
    (
        "programs per append, mean (worst)",
        "programs per 1000 appends",
        true,
        Some("programs of the worst append"),
    ),
    ("erases within the worst append", "erases of the worst append", false, None),
    (
        "bytes written per record, upkeep included",
        "bytes written per 1000 records, upkeep included",
        true,
        None,
    ),
    (
        "bytes beyond the record, cheapest append",
        "bytes of overhead of the cheapest record",
        false,
        None,
    ),
    (
        "bytes read from power-on to the first record",
        "bytes read from power-on to the first record",
        false,
        None,
    ),
    (
        "bytes of RAM with the cipher, 64-bit host",
        "bytes of RAM on this host, cipher included",
        false,
        None,
    ),
];

/// Every row of the table stands in the README as the record has it.
pub(super) fn readme_has_them(tree: &Tree) -> Vec<String> {
    let Some(record) = tree.text(RECORD) else {
        return vec![format!("{RECORD} is missing")];
    };
    let readme = tree.text(README).unwrap_or_default();
    let rows = ROWS.iter().map(|row| row_of(record, *row).ok_or(row.0));
    rows.filter_map(|row| match row {
        Ok(row) if readme.lines().any(|line| line == row) => None,
        Ok(row) => Some(format!("{README} lacks {row}")),
        Err(name) => Some(format!("{RECORD} lacks {name}")),
    })
    .collect()
}

/// A row as the README has it; nothing if the record lacks a figure.
fn row_of(record: &str, row: (&str, &str, bool, Option<&str>)) -> Option<String> {
    let (name, what, thousandths, bracketed) = row;
    let mut text = format!("| {name} |");
    for store in STORES {
        let count = figure(record, store, what)?;
        let count = if thousandths {
            format!("{}.{:03}", count / 1000, count % 1000)
        } else {
            crate::record::thousands(count)
        };
        let more = match bracketed {
            Some(what) => format!(" ({})", figure(record, store, what)?),
            None => String::new(),
        };
        text.push_str(&format!(" {count}{more} |"));
    }
    Some(text)
}

/// A store's figure for records of 64 bytes.
fn figure(record: &str, store: &str, what: &str) -> Option<u64> {
    let start = format!("{store} 64 B: {what} ");
    record.lines().find_map(|line| line.strip_prefix(&start)).and_then(|count| count.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::super::tests::tree;
    use super::*;

    #[test]
    fn a_figure_that_is_not_the_recorded_one_is_found() {
        let mut record = String::new();
        for store in STORES {
            for (_, what, _, more) in ROWS {
                record.push_str(&format!("{store} 64 B: {what} 1022\n"));
                if let Some(more) = more {
                    record.push_str(&format!("{store} 64 B: {more} 2\n"));
                }
            }
        }
        let rows: Vec<String> = ROWS.iter().map(|row| row_of(&record, *row).unwrap()).collect();
        assert!(rows[0].ends_with("| 1.022 (2) | 1.022 (2) | 1.022 (2) |"), "{rows:?}");
        let readme = rows.join("\n");
        let at = |readme: &str, record: &str| {
            readme_has_them(&tree(&[(README, readme), (RECORD, record)]))
        };
        assert_eq!(at(&readme, &record), Vec::<String>::new());
        assert_eq!(at(&readme, &record.replace("append 1022", "append 1")).len(), 1);
        assert_eq!(at(&readme, "").len(), ROWS.len());
        assert_eq!(readme_has_them(&tree(&[(README, &readme)])).len(), 1);
    }
}
