//! An insider who has the file of the database, and takes triggers and constraints out of the way before he changes it.

use std::path::Path;

use medsec_tool::registry::{Fault, Registry, RegistryError};
use rusqlite::Connection;

use crate::support::{Bench, certificate, code, provision, unit};

/// Units in every state, one with a code that is void, closed.
fn base() -> Bench {
    let mut bench = Bench::with(4);
    bench.registry.revoke(2, "stolen").unwrap();
    bench.registry.revoke(3, "lost").unwrap();
    bench.registry.decommission(3, "found in a river").unwrap();
    let fifth = unit(5);
    let number = bench.registry.reserve(&fifth).unwrap().certificate_serial;
    bench.registry.certify(fifth.txn, &certificate(&fifth, number)).unwrap();
    bench.registry.label(fifth.txn, &code(50)).unwrap();
    bench.registry.label(fifth.txn, &code(51)).unwrap();
    bench.registry.reserve(&unit(6)).unwrap();
    bench.registry.void(unit(6).txn, "dropped").unwrap();
    bench.registry.reserve(&unit(7)).unwrap();
    bench.registry.verify().unwrap();
    bench.registry = Registry::create(&bench.path("other")).unwrap();
    bench
}

fn copy(from: &Path, to: &Path) {
    drop(std::fs::remove_dir_all(to));
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// Runs statements on the database with nothing in the way, and leaves its schema as it was.
fn change(raw: &Connection, statements: &str) -> usize {
    raw.pragma_update(None, "foreign_keys", false).unwrap();
    let mut query =
        raw.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").unwrap();
    let triggers = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    let triggers: Vec<(String, String)> = triggers.map(Result::unwrap).collect();
    for (name, _) in &triggers {
        raw.execute_batch(&format!("DROP TRIGGER {name}")).unwrap();
    }
    let before = raw.total_changes();
    raw.execute_batch(statements).unwrap();
    let changed = raw.total_changes() - before;
    for (_, sql) in &triggers {
        raw.execute_batch(sql).unwrap();
    }
    changed.try_into().unwrap()
}

/// What is found in a copy of the base after a change.
fn after(bench: &Bench, statements: &str) -> Option<RegistryError> {
    let folder = bench.path("changed");
    copy(&bench.path("registry"), &folder);
    let raw = Connection::open(folder.join("registry.db")).unwrap();
    assert!(change(&raw, statements) > 0, "nothing was changed: {statements}");
    drop(raw);
    Registry::open(&folder).and_then(|mut registry| registry.verify()).err()
}

#[test]
fn every_event_that_is_changed_dropped_or_moved_is_found() {
    let bench = base();
    let raw = bench.raw();
    let events: i64 = raw.query_row("SELECT count(*) FROM event", [], |row| row.get(0)).unwrap();
    let events = u64::try_from(events).unwrap();
    drop(raw);
    assert_eq!(after(&bench, "UPDATE event SET at = at WHERE number = 1"), None, "the control");
    let (mut changed, mut dropped, mut moved) = (0, 0, 0);
    for number in 1..=events {
        for set in [
            "kind = kind % 8 + 1",
            "subject = zeroblob(16)",
            "at = at + 1",
            "payload = CAST(payload || x'00' AS BLOB)",
            "payload = x'' WHERE length(payload) > 0 AND number = number",
            "previous = randomblob(32)",
            "hash = randomblob(32)",
        ] {
            let place = if set.contains("WHERE") { "AND" } else { "WHERE" };
            let found = after(&bench, &format!("UPDATE event SET {set} {place} number = {number}"));
            assert!(matches!(found, Some(RegistryError::Changed(_))), "{number} {set} {found:?}");
            changed += 1;
        }
        let found = after(&bench, &format!("DELETE FROM event WHERE number = {number}"));
        assert!(matches!(found, Some(RegistryError::Changed(_))), "{number} dropped {found:?}");
        // Dropped, with the later ones moved up.
        let gap = format!("UPDATE event SET number = -number WHERE number > {number}");
        let close = "UPDATE event SET number = -number - 1 WHERE number < 0";
        let sql = format!(
            "DELETE FROM event WHERE number = {number}; PRAGMA ignore_check_constraints = ON; {gap}; {close}"
        );
        let found = after(&bench, &sql);
        assert!(matches!(found, Some(RegistryError::Changed(_))), "{number} closed up {found:?}");
        dropped += 2;
        if number < events {
            let next = number + 1;
            let sql = format!(
                "UPDATE event SET number = 1000000 WHERE number = {number};
                 UPDATE event SET number = {number} WHERE number = {next};
                 UPDATE event SET number = {next} WHERE number = 1000000"
            );
            let found = after(&bench, &sql);
            let chain = RegistryError::Changed(Fault::Chain { number });
            assert_eq!(found, Some(chain), "{number} moved");
            moved += 1;
        }
    }
    println!("{events} events: {changed} changes, {dropped} drops, {moved} moves, all found");
    assert_eq!((events, changed, dropped, moved), (27, 189, 54, 26));
}

/// Rows that are changed without an event, with constraints and triggers back in place afterwards.
#[test]
fn every_row_that_is_not_what_the_events_say_is_found() {
    let bench = base();
    assert_eq!(after(&bench, "UPDATE unit SET model = model"), None, "the control");
    let changes = [
        "UPDATE unit SET serial = x'00000000000000ff' WHERE id = 1",
        "UPDATE unit SET model = model + 1 WHERE id = 1",
        "UPDATE unit SET device_id = zeroblob(16) WHERE id = 1",
        "UPDATE unit SET chip_id = zeroblob(8) WHERE id = 1",
        "UPDATE unit SET txn = zeroblob(16) WHERE id = 1",
        "UPDATE unit SET state = 'revoked' WHERE id = 1",
        "UPDATE unit SET state = 'active' WHERE id = 2",
        "UPDATE unit SET state = 'active' WHERE id = 3",
        "UPDATE unit SET state = 'pending' WHERE id = 6",
        "UPDATE unit SET state = 'void' WHERE id = 7",
        "UPDATE unit SET state = 'active', receipt = x'00' WHERE id = 5",
        "UPDATE unit SET receipt = CAST(receipt || x'00' AS BLOB) WHERE id = 1",
        "UPDATE public_key SET bytes = zeroblob(32) WHERE unit = 1 AND kind = 'ed25519'",
        "UPDATE public_key SET bytes = zeroblob(32) WHERE unit = 1 AND kind = 'x25519'",
        "UPDATE public_key SET unit = 99 WHERE unit = 1",
        "UPDATE public_key SET kind = 'x25519' WHERE unit = 7 AND kind = 'ed25519' AND 0;
         DELETE FROM public_key WHERE unit = 7 AND kind = 'ed25519'",
        "DELETE FROM public_key WHERE unit = 6",
        "UPDATE certificate SET issuer = zeroblob(8) WHERE unit = 1",
        "UPDATE certificate SET number = 77 WHERE unit = 1",
        "UPDATE certificate SET bytes = zeroblob(184) WHERE unit = 1",
        "UPDATE certificate SET bytes = NULL WHERE unit = 1",
        "UPDATE certificate SET bytes = zeroblob(184) WHERE unit = 7",
        "DELETE FROM certificate WHERE unit = 7",
        "UPDATE claim SET tag = zeroblob(32) WHERE unit = 1",
        "UPDATE claim SET state = 'void' WHERE unit = 1",
        "UPDATE claim SET state = 'sealed' WHERE unit = 5 AND state = 'printed'",
        "UPDATE claim SET unit = 7 WHERE unit = 1",
        "DELETE FROM claim WHERE unit = 5 AND state = 'void'",
        "DELETE FROM claim WHERE unit = 1",
        "DELETE FROM unit WHERE id = 7",
        "DELETE FROM unit; DELETE FROM public_key; DELETE FROM certificate; DELETE FROM claim",
        "INSERT INTO unit SELECT 99, zeroblob(16), zeroblob(8), 1, zeroblob(16), zeroblob(8), 'pending', NULL",
        "INSERT INTO claim VALUES (zeroblob(32), 7, 'printed')",
        "UPDATE meta SET registry = zeroblob(16)",
        "UPDATE meta SET tag_key = zeroblob(8)",
        "DELETE FROM meta",
    ];
    for sql in changes {
        let found = after(&bench, sql);
        assert_ne!(found, None, "{sql}");
    }
    println!("{} changes of rows, all found", changes.len());
    assert_eq!(changes.len(), 36);
}

/// Without its constraints, a table could hold something twice; the check counts for itself.
#[test]
fn what_is_there_twice_is_found_without_the_help_of_constraints() {
    let mut bench = Bench::new();
    provision(&mut bench.registry, &unit(1)).unwrap();
    bench.registry.reserve(&unit(2)).unwrap();
    let raw = bench.raw();
    for (index, sql, what) in [
        (
            "unit_serial",
            "UPDATE unit SET serial = (SELECT serial FROM unit WHERE id = 1)",
            "serial number",
        ),
        ("unit_chip", "UPDATE unit SET chip_id = (SELECT chip_id FROM unit WHERE id = 1)", "chip"),
    ] {
        change(&raw, &format!("DROP INDEX {index}; BEGIN; {sql}"));
        raw.execute_batch("COMMIT").unwrap();
        let fault = RegistryError::Changed(Fault::Twice { what });
        assert_eq!(bench.registry.check_unique(), Err(fault), "{what}");
        assert_eq!(bench.registry.verify(), Err(RegistryError::Changed(Fault::Schema)));
        let back = "UPDATE unit SET serial = x'0000000000000002', chip_id = x'0000000000000002' WHERE id = 2";
        change(&raw, back);
    }
}

#[test]
fn another_schema_is_refused_when_it_is_opened() {
    let bench = base();
    let folder = bench.path("changed");
    for sql in [
        "DROP TRIGGER event_stays",
        "DROP INDEX unit_chip",
        "CREATE TABLE more (x)",
        "CREATE VIEW v AS SELECT * FROM unit",
        "CREATE TRIGGER planted AFTER INSERT ON unit BEGIN UPDATE claim SET state = 'void'; END",
        "DROP TRIGGER unit_goes_on; CREATE TRIGGER unit_goes_on BEFORE UPDATE OF state ON unit BEGIN SELECT 1; END",
    ] {
        copy(&bench.path("registry"), &folder);
        Connection::open(folder.join("registry.db")).unwrap().execute_batch(sql).unwrap();
        let opened = Registry::open(&folder).err();
        assert_eq!(opened, Some(RegistryError::Changed(Fault::Schema)), "{sql}");
    }
    for sql in ["PRAGMA user_version = 2", "PRAGMA application_id = 1"] {
        copy(&bench.path("registry"), &folder);
        Connection::open(folder.join("registry.db")).unwrap().execute_batch(sql).unwrap();
        let opened = Registry::open(&folder).err();
        assert!(matches!(opened, Some(RegistryError::NotARegistry { .. })), "{sql} {opened:?}");
    }
    copy(&bench.path("registry"), &folder);
    std::fs::copy(bench.path("other/tag.key"), folder.join("tag.key")).unwrap();
    let opened = Registry::open(&folder).err();
    assert_eq!(opened, Some(RegistryError::Changed(Fault::TagKey)));
    for bytes in [&b""[..], b"no database at all, but a text that is longer than a header of one, and then some more to be sure of that"] {
        copy(&bench.path("registry"), &folder);
        std::fs::write(folder.join("registry.db"), bytes).unwrap();
        assert!(Registry::open(&folder).is_err());
    }
}

/// A program in good faith that has a mistake: the tables refuse it.
#[test]
fn the_tables_refuse_what_may_not_be() {
    let bench = base();
    let raw = bench.raw();
    let mut refused = 0;
    for table in ["meta", "unit", "public_key", "certificate", "claim", "event"] {
        let deleted = raw.execute(&format!("DELETE FROM {table}"), []);
        assert!(deleted.unwrap_err().to_string().contains("nothing is deleted"), "{table}");
        refused += 1;
    }
    for (table, column) in [
        ("meta", "registry"),
        ("meta", "tag_key"),
        ("unit", "txn"),
        ("unit", "serial"),
        ("unit", "model"),
        ("unit", "device_id"),
        ("unit", "chip_id"),
        ("unit", "id"),
        ("public_key", "bytes"),
        ("public_key", "unit"),
        ("public_key", "kind"),
        ("certificate", "issuer"),
        ("certificate", "number"),
        ("certificate", "unit"),
        ("claim", "tag"),
        ("claim", "unit"),
        ("event", "number"),
        ("event", "kind"),
        ("event", "subject"),
        ("event", "at"),
        ("event", "payload"),
        ("event", "previous"),
        ("event", "hash"),
    ] {
        let sql = format!(
            "UPDATE OR REPLACE {table} SET {column} = CASE typeof({column})
                WHEN 'blob' THEN zeroblob(length({column})) WHEN 'text' THEN 'x' ELSE {column} + 1 END"
        );
        let changed = raw.execute(&sql, []);
        assert!(changed.is_err(), "{table}.{column}");
        refused += 1;
    }
    println!("tables: {refused} statements refused");
    assert_eq!(refused, 29);
    for sql in [
        "INSERT INTO event SELECT number + 2, kind, subject, at, payload, hash, zeroblob(32)
            FROM event ORDER BY number DESC LIMIT 1",
        "INSERT INTO event SELECT number + 1, kind, subject, at, payload, previous, zeroblob(32)
            FROM event ORDER BY number DESC LIMIT 1",
        "INSERT INTO unit SELECT 99, zeroblob(16), zeroblob(8), 1, zeroblob(16), zeroblob(8), 'active', x'00'",
        "INSERT INTO claim VALUES (zeroblob(32), 7, 'sealed')",
    ] {
        assert_ne!(raw.execute(sql, []).err(), None, "{sql}");
    }
}

#[test]
fn the_tables_allow_four_changes_of_state() {
    let bench = base();
    let raw = bench.raw();
    // Every change of state there is; four of them are allowed.
    let states = ["pending", "active", "revoked", "decommissioned", "void"];
    let mut allowed = Vec::new();
    for (from, id) in
        [("pending", 7), ("active", 1), ("revoked", 2), ("decommissioned", 3), ("void", 6)]
    {
        for to in states {
            let receipt =
                if ["active", "revoked", "decommissioned"].contains(&to) && from == "pending" {
                    ", receipt = x'00'"
                } else {
                    ""
                };
            raw.execute_batch("BEGIN").unwrap();
            if raw
                .execute(&format!("UPDATE unit SET state = '{to}' {receipt} WHERE id = {id}"), [])
                .is_ok()
            {
                allowed.push((from, to));
            }
            raw.execute_batch("ROLLBACK").unwrap();
        }
    }
    assert_eq!(
        allowed,
        [
            ("pending", "active"),
            ("pending", "void"),
            ("active", "revoked"),
            ("revoked", "decommissioned")
        ]
    );
    println!("tables: {} changes of state refused", 25 - allowed.len());
}

/// Runs statements with the schema open to be written, and leaves its text as it was: constraints are gone while the statements run, and their
/// indexes stay as they were then.
fn behind_the_schema(bench: &Bench, statements: &str, then: &str) -> Option<RegistryError> {
    let folder = bench.path("changed");
    copy(&bench.path("registry"), &folder);
    let path = folder.join("registry.db");
    let raw = Connection::open(&path).unwrap();
    raw.execute_batch("CREATE TEMP TABLE text AS SELECT rowid AS id, sql FROM sqlite_schema")
        .unwrap();
    let texts: Vec<(i64, Option<String>)> = {
        let mut query = raw.prepare("SELECT id, sql FROM text").unwrap();
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    raw.execute_batch(&format!("PRAGMA writable_schema = ON; {statements}")).unwrap();
    drop(raw);
    let raw = Connection::open(&path).unwrap();
    raw.pragma_update(None, "foreign_keys", false).unwrap();
    raw.execute_batch(then).unwrap();
    raw.execute_batch("PRAGMA writable_schema = ON").unwrap();
    for (id, sql) in texts {
        let set = "UPDATE sqlite_schema SET sql = ?2 WHERE rowid = ?1";
        raw.execute(set, (id, sql)).unwrap();
    }
    drop(raw);
    Registry::open(&folder).and_then(|mut registry| registry.verify()).err()
}

/// A second key of a kind lies beside the true one: the events say nothing of it, and a label might show it.
#[test]
fn a_key_that_was_planted_beside_a_units_own_is_found() {
    let bench = base();
    let widen = "UPDATE sqlite_schema SET sql = replace(sql, 'UNIQUE (unit, kind)', 'UNIQUE (unit, kind, bytes)') WHERE name = 'public_key';";
    for kind in ["ed25519", "x25519"] {
        for key in ["zeroblob(32)", "unhex('ff') || zeroblob(31)"] {
            let plant = format!(
                "INSERT INTO public_key (bytes, unit, kind) VALUES (CAST({key} AS BLOB), 1, '{kind}');"
            );
            let found = behind_the_schema(&bench, widen, &plant);
            assert!(found.is_some(), "{kind} {key}");
        }
    }
    assert_eq!(behind_the_schema(&bench, "", ""), None, "the control");
}

/// An index that holds nothing keeps nothing from coming twice.
#[test]
fn an_index_that_was_emptied_is_found() {
    let bench = base();
    for index in ["unit_serial", "unit_chip"] {
        let empty = format!(
            "UPDATE sqlite_schema SET sql = replace(sql, 'WHERE state', 'WHERE state = ''nothing'' AND state') WHERE name = '{index}';"
        );
        let found = behind_the_schema(&bench, &empty, &format!("REINDEX {index};"));
        assert!(matches!(found, Some(RegistryError::Changed(_))), "{index}: {found:?}");
    }
}
