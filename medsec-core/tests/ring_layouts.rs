//! Page headers and resume records are the bytes that their tables say.
#![expect(clippy::arithmetic_side_effects, reason = "a test stops at what it did not expect")]

use medsec_core::flash::ring::{Adopted, CLASS_RESUME, EntryHeader, Header, Resume};

fn numbers(from: u8, count: u8) -> Vec<u8> {
    (from..from + count).collect()
}

/// Every field has a value of its own, and lies where the table says.
#[test]
fn a_header_is_encoded_as_its_table_says() {
    let header = Header {
        ring: 9,
        floor: 0x0403_0101,
        page: 0x0403_0201,
        session: 0x0807_0605,
        ordinal: 0x0C0B_0A09,
        suite: 2,
        first_seq: 0x1817_1615_1413_1211,
        salt: numbers(0x20, 16).try_into().unwrap(),
        previous: numbers(0x40, 32).try_into().unwrap(),
        commit: numbers(0x60, 16).try_into().unwrap(),
    };
    let by_hand = [
        b"MSR1".to_vec(),
        vec![1, 9, 0, 1],
        numbers(1, 12),
        vec![2, 0, 0, 0],
        numbers(0x11, 8),
        numbers(0x20, 16),
        numbers(0x40, 32),
        numbers(0x60, 16),
        vec![0; 16],
    ];
    let bytes = header.encode().unwrap();
    assert_eq!(bytes.to_vec(), by_hand.concat());
    assert_eq!(Header::parse(&bytes), Ok(header));
    for byte in [0, 1, 2, 3, 4, 21, 22, 23] {
        let mut changed = bytes;
        changed[byte] ^= 0x10;
        Header::parse(&changed).unwrap_err();
    }
    Header { floor: header.page + 1, ..header }.encode().unwrap_err();
    Header { floor: header.page - 65_536, ..header }.encode().unwrap_err();
    let lowest = Header { floor: header.page - 65_535, ..header };
    assert_eq!(Header::parse(&lowest.encode().unwrap()), Ok(lowest));
    let below = Header { page: 255, floor: 0, ..header };
    let mut bytes = below.encode().unwrap();
    assert_eq!(Header::parse(&bytes), Ok(below));
    bytes[7] = 1;
    Header::parse(&bytes).unwrap_err();
}

#[test]
fn a_resume_record_is_encoded_as_its_table_says() {
    let adopted = Adopted {
        page: 0x2423_2221,
        offset: 0x2827_2625,
        session: 0x2C2B_2A29,
        count: 0x302F_2E2D,
        end: 0x3433_3231,
    };
    let resume = Resume {
        session: 0x0403_0201,
        ordinal: 0x0807_0605,
        seq: 0x100F_0E0D_0C0B_0A09,
        salt: numbers(0x11, 16).try_into().unwrap(),
        adopted,
        suite: 2,
        commit: numbers(0x60, 16).try_into().unwrap(),
    };
    let entry = EntryHeader { length: 72, class: CLASS_RESUME, seq_low: 0x0A09 }.encode(5, 496);
    assert_eq!(entry[..6], [72, 0, 0xB0, 0, 0x09, 0x0A]);
    let by_hand =
        [entry.to_vec(), numbers(1, 0x34), vec![2, 0, 0, 0], numbers(0x60, 16), vec![0; 16]];
    let bytes = resume.encode(5, 496).unwrap();
    assert_eq!(bytes.to_vec(), by_hand.concat());
    assert_eq!(Resume::parse(&bytes, 5, 496), Ok(resume));
    // The places of the entry, its length and class, the sequence number a second time, and what is zero.
    for (page, offset) in [(4, 496), (5, 592)] {
        Resume::parse(&bytes, page, offset).unwrap_err();
    }
    for (class, length) in [(CLASS_RESUME, 71), (CLASS_RESUME, 73), (1, 72)] {
        let mut changed = bytes;
        let header = EntryHeader { length, class, seq_low: 0x0A09 };
        changed[..8].copy_from_slice(&header.encode(5, 496));
        Resume::parse(&changed, 5, 496).unwrap_err();
    }
    for byte in [16, 17, 61, 62, 63] {
        let mut changed = bytes;
        changed[byte] ^= 0x10;
        Resume::parse(&changed, 5, 496).unwrap_err();
    }
}
