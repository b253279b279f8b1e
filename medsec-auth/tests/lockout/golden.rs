//! The bytes on flash are those of a second implementation, which was written from `docs/formats.md`.

use medsec_auth::lockout::{Class, Factor, Outcome, Row};

use crate::bench::{Bench, Part, SHORT, local, row};

const STEP: u32 = 0x0102_0304;

fn golden() -> String {
    let lines = include_str!("../golden/attempts_v1.txt").lines();
    lines.filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn attempts_are_stored_as_they_were_in_version_1() {
    let mut bench = Bench::new(SHORT);
    bench.restart();
    bench.guess((Row::GHOST, Class::Local, Factor::Knowledge)).unwrap();
    let who = (row(3), Class::Remote, Factor::Code);
    bench.login(who, Outcome::Right { step: Some(STEP) }).unwrap();
    let image = bench.part.image();
    let golden = golden();
    let now: String =
        image[1024..][..golden.len() / 2].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(golden, now, "\n{now}");
    assert!(image[1024 + golden.len() / 2..2048].iter().all(|byte| *byte == 0xFF));
}

#[test]
fn attempts_of_version_1_are_read() {
    let mut image = vec![0xFF; 4096];
    let golden = golden();
    for (at, to) in image[1024..][..golden.len() / 2].iter_mut().enumerate() {
        *to = u8::from_str_radix(golden.get(2 * at..2 * at + 2).unwrap(), 16).unwrap();
    }
    let mut bench = Bench::new(SHORT);
    bench.part = Part::from_image(image, medsec_sim::fault::Model::None, 1);
    bench.restart();
    assert_eq!(bench.attempts.state(), [1, 2, 3, 4]);
    assert_eq!(bench.failures((Row::GHOST, Class::Local, Factor::Knowledge)), 1);
    assert_eq!(bench.failures((row(3), Class::Remote, Factor::Code)), 0);
    assert_eq!((bench.attempts.last_step(row(3)), bench.failures(local(3))), (STEP, 0));
}
