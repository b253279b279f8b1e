//! Attempts mounted from whatever an attacker or a cut can leave, and gone on with.

use medsec_auth::lockout::{
    AtCut, AttemptError, Attempts, Class, Config, Factor, Outcome, Policy, Row, SettleError,
    Settled, VALUE_BYTES,
};
use medsec_core::flash::cell::Progress;
use medsec_core::key::{Label, MacKey};
use medsec_core::time::{Pause, Ticks};
use medsec_sim::fault::Model;

use crate::input::Input;
use crate::people::{Part, config, copy_of, put, root, write};

/// Authentic copies and slots here and there, then any bytes anywhere.
fn attempts_image(input: &mut Input<'_>) -> Vec<u8> {
    let mac = MacKey::derive(&root(), Label::AuthCounter);
    let mut image = vec![0xFF; 20 * 1024];
    let (mut page, mut epoch) = (0_u8, 1_u32);
    for _ in 0..input.below(12) {
        let choice = input.u8();
        let start = usize::from(page) * 1024;
        match choice & 7 {
            0..=2 => {
                (page, epoch) = (choice >> 4 & 3, input.number());
                // Few counts, or any.
                let mut value = [0; VALUE_BYTES];
                put(&mut value, usize::from(input.u8()) % VALUE_BYTES, input.chunk());
                let role = if choice & 0xC8 == 0xC8 { 2 } else { 1 };
                let copies = if choice & 8 == 8 { 1 + (choice >> 6 & 1) } else { 3 };
                for copy in 0..copies {
                    let made = copy_of(&mac, [page, copy, role], epoch, &value);
                    put(&mut image, usize::from(page) * 1024 + usize::from(copy) * 232, &made);
                }
            }
            3..=6 => {
                let index = u16::from(input.u8() % 20);
                let content: [u8; 8] = input.array();
                let head = [2, 0, page];
                let parts: [&[u8]; 5] =
                    [b"MSS1", &head, &epoch.to_le_bytes(), &index.to_le_bytes(), &content];
                let tag = mac.tag(&parts);
                let slot = [content.as_slice(), &tag[..8]].concat();
                put(&mut image, start + 696 + 16 * usize::from(index), &slot);
            }
            _ => write(&mut image[..4096], input),
        }
    }
    image
}

/// All that is counted.
fn counted(attempts: &Attempts) -> Vec<u32> {
    let rows = (0..16).filter_map(Row::of).chain([Row::GHOST]);
    let mut counts: Vec<u32> = rows
        .flat_map(|row| {
            let failures = Class::ALL.into_iter().flat_map(move |class| {
                Factor::ALL.map(|factor| u32::from(attempts.failures(row, class, factor)))
            });
            let others = [u32::from(attempts.lifetime_failures(row)), attempts.last_step(row)];
            failures.chain(others)
        })
        .collect();
    counts.push(u32::from_le_bytes(attempts.state()));
    counts
}

/// Does what is under way; whether the part did.
fn work(attempts: &mut Attempts, part: &mut Part) -> bool {
    for _ in 0..64 {
        match attempts.step(part, &Pause::lend(&mut (), 1)) {
            Ok(Progress::Done) => return true,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
    panic!("a replace that does not end");
}

pub(crate) fn mount(part: &mut Part, config: &Config) -> Option<Attempts> {
    let (image, operations) = (part.image(), part.operations());
    let mounted = Attempts::mount(part, config, &root());
    assert!(part.operations() == operations && part.image() == image, "mounting wrote");
    mounted.ok()
}

/// What is begun counts, what passes was right and is new, and all of it is there after the next mount.
pub(crate) fn attempts(input: &mut Input<'_>) {
    let config = config(if input.bool() { AtCut::LosesPage } else { AtCut::KeepsPage });
    let mut part = Part::from_image(attempts_image(input), Model::None, 1);
    let Some(mut attempts) = mount(&mut part, &config) else { return };
    let mut now = 0;
    for _ in 0..input.below(12) {
        let choice = input.u8();
        let row = Row::of(choice & 3).filter(|_| choice & 0x40 == 0).unwrap_or(Row::GHOST);
        let class = Class::ALL[usize::from(choice >> 2 & 1)];
        let factor = Factor::ALL[usize::from(choice >> 3 & 1)];
        now += u64::from(input.u8()) * 10_000;
        let is_sound = match choice >> 4 & 3 {
            0 | 1 => tried(&mut attempts, &mut part, (row, class, factor), now, input),
            2 => {
                let state = input.array();
                attempts.set_state(state).expect("nothing is under way");
                let is_done = work(&mut attempts, &mut part);
                assert!(!is_done || attempts.state() == state);
                is_done
            }
            _ => {
                // What this boot has put in force, the next finds.
                attempts.begin_renewal();
                let is_done = work(&mut attempts, &mut part);
                if is_done {
                    let before = counted(&attempts);
                    attempts = mount(&mut part, &config).expect("what was in force is found");
                    assert_eq!(counted(&attempts), before, "counts were lost");
                }
                is_done
            }
        };
        assert_eq!(part.counts().double_programs, 0, "a word programmed twice");
        if !is_sound {
            return;
        }
    }
}

/// One attempt and its verdict; whether the part did.
fn tried(
    attempts: &mut Attempts,
    part: &mut Part,
    (row, class, factor): (Row, Class, Factor),
    now: u64,
    input: &mut Input<'_>,
) -> bool {
    let now = Ticks::from_millis(now);
    let (outcome, step) = match input.below(5) {
        0 => (Outcome::Wrong, None),
        1 => (Outcome::NoVerdict, None),
        2 => (Outcome::Right { step: None }, None),
        // Steps around the last one.
        _ => {
            let step =
                attempts.last_step(row).wrapping_add(u32::from(input.u8() & 3)).wrapping_sub(1);
            (Outcome::Right { step: Some(step) }, Some(step))
        }
    };
    let mut attempt = loop {
        let (before, life) =
            (attempts.failures(row, class, factor), attempts.lifetime_failures(row));
        match attempts.begin(part, row, class, factor, now) {
            Ok(attempt) => {
                assert!(before < Policy::DEFAULT.disabled_at(class), "disabled, and tried");
                assert_eq!(attempts.failures(row, class, factor), before + 1);
                assert!(row == Row::GHOST || attempts.lifetime_failures(row) == life + 1);
                assert_eq!(*attempt.blinds(), [[0; 32]; 2], "not on flash");
                break attempt;
            }
            Err(AttemptError::NotReady) if work(attempts, part) => {}
            Err(AttemptError::NotReady | AttemptError::Flash(_)) => return false,
            Err(_) => return true,
        }
    };
    let last = attempts.last_step(row);
    loop {
        match attempts.settle(part, attempt, outcome) {
            Ok(Settled::Passed(passed)) => {
                assert!(matches!(outcome, Outcome::Right { .. }), "a wrong one passed");
                assert!(row != Row::GHOST && passed.row() == row && passed.step() == step);
                assert_eq!(factor == Factor::Code, step.is_some());
                assert!(step.is_none_or(|step| step > last), "a step was used twice");
                assert_eq!(attempts.failures(row, class, factor), 0);
                assert_eq!(attempts.last_step(row), step.unwrap_or(last));
                return true;
            }
            Ok(Settled::Later(again)) if work(attempts, part) => attempt = again,
            Ok(Settled::Later(_)) => return false,
            Ok(_) | Err(SettleError::Stale | SettleError::Step) => return true,
            Err(_) => return false,
        }
    }
}
