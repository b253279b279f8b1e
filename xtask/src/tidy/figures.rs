//! README's tables of figures are what the record files say.

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

const LINKS: &str = "benches/record/links.txt";

/// The rows of links: what README calls them, and the figures of medsec and of three others, empty where there is none.
const LINK_ROWS: [(&str, [&str; 4]); 5] = [
    (
        "bytes of a handshake, both sides certified",
        [
            "bytes, handshake: medsec, XX certified",
            "bytes, handshake: snow, XX, our certificates in it",
            "bytes, handshake: rustls, certificates, all made small",
            "",
        ],
    ),
    (
        "bytes of a handshake, both keys known before",
        [
            "bytes, handshake: medsec, KK pinned",
            "bytes, handshake: snow, KK, empty",
            "bytes, handshake: rustls, raw keys, all made small",
            "bytes, handshake: boringtun, WireGuard",
        ],
    ),
    (
        "bytes of a frame beside its body",
        [
            "bytes, frame: medsec, W = 0",
            "bytes, frame: snow, transport message",
            "bytes, frame: rustls, record of TLS 1.3",
            "bytes, frame: boringtun, WireGuard",
        ],
    ),
    (
        "instructions to seal 1 KiB, AES-256-GCM, portable code",
        [
            "instructions, portable suite 1 1 KiB: medsec",
            "instructions, portable suite 1 1 KiB: snow",
            "",
            "",
        ],
    ),
    (
        "instructions to seal 1 KiB, ChaCha20-Poly1305, portable code",
        [
            "instructions, portable suite 2 1 KiB: medsec",
            "instructions, portable suite 2 1 KiB: snow",
            "",
            "",
        ],
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

/// Every row of the table of links stands in the README as the record has it.
pub(super) fn readme_has_links(tree: &Tree) -> Vec<String> {
    let Some(record) = tree.text(LINKS) else {
        return vec![format!("{LINKS} is missing")];
    };
    let readme = tree.text(README).unwrap_or_default();
    let rows = LINK_ROWS.iter().map(|(name, figures)| link_row(record, name, figures));
    rows.filter_map(|row| match row {
        Ok(row) if readme.lines().any(|line| line == row) => None,
        Ok(row) => Some(format!("{README} lacks {row}")),
        Err(figure) => Some(format!("{LINKS} lacks {figure}")),
    })
    .collect()
}

/// A row as the README has it, or the figure that the record lacks.
fn link_row<'a>(record: &str, name: &str, figures: &[&'a str; 4]) -> Result<String, &'a str> {
    let mut text = format!("| {name} |");
    for &what in figures {
        let lines = record.lines().filter_map(|line| line.rsplit_once(' '));
        let mut found = lines.filter(|(key, _)| !what.is_empty() && *key == what);
        let count = match found.next().map(|(_, count)| count.parse().map_err(|_| what)) {
            Some(count) => crate::record::thousands(count?),
            None if what.is_empty() => "–".to_owned(),
            None => return Err(what),
        };
        text.push_str(&format!(" {count} |"));
    }
    Ok(text)
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

    #[test]
    fn a_figure_of_links_that_is_not_the_recorded_one_is_found() {
        let figures = LINK_ROWS.iter().flat_map(|(_, figures)| figures);
        let figures = figures.filter(|figure| !figure.is_empty());
        let record: String = figures.map(|figure| format!("{figure} 1014\n")).collect();
        let rows = LINK_ROWS.iter().map(|(name, figures)| link_row(&record, name, figures));
        let rows: Vec<String> = rows.collect::<Result<_, _>>().unwrap();
        assert!(rows[0].ends_with("certified | 1,014 | 1,014 | 1,014 | – |"), "{rows:?}");
        let readme = rows.join("\n");
        let at = |readme: &str, record: &str| {
            readme_has_links(&tree(&[(README, readme), (LINKS, record)]))
        };
        assert_eq!(at(&readme, &record), Vec::<String>::new());
        assert_eq!(at(&readme, &record.replace("KK pinned 1014", "KK pinned 1")).len(), 1);
        assert_eq!(at(&readme, "").len(), LINK_ROWS.len());
        assert_eq!(readme_has_links(&tree(&[(README, &readme)])).len(), 1);
    }
}
