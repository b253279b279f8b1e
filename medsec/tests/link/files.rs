//! The log in a sealed file.

use medsec::core::event::PrincipalId;
use medsec::core::identity::Day;
use medsec::core::identity::certificate::{Kind, Kinds};
use medsec::core::identity::trust::{Stage, Today};
use medsec::core::suite::Aes256Gcm;
use medsec::log_file::{FILE_PART_BYTES, LogFileError};
use medsec::transport::link::Judging;
use medsec::transport::sealed_file::{Checking, Content, Recipients, WriteError};
use medsec_sim::rng::{Behaviour, Noise};

use crate::bench::{Pump, Ward, ward};
use crate::{read_out, records};

const TODAY: Today = Today { floor: Day::FIRST, clock: None };

fn recipients(ward: &Ward, numbers: &[u8]) -> Recipients {
    let holder = |number: &u8| ward.links.holder(Kind::Recipient, *number).unwrap().certificate;
    let certificates: Vec<_> = numbers.iter().map(holder).collect();
    let trust = ward.links.trust().unwrap();
    Recipients::judge(&certificates, trust, TODAY, Stage::Service).unwrap()
}

/// A file of the log, part by part.
fn sealed(ward: &Ward, device: &mut Pump<'_>, to: &Recipients) -> Result<Vec<u8>, LogFileError> {
    let certificate = &ward.links.device().certificate;
    let mut out = vec![0; FILE_PART_BYTES];
    let (mut file, header) =
        device.begin_log_file(PrincipalId::DEVICE, certificate, to, &mut out)?;
    let mut bytes = header.bytes().to_vec();
    while let Some(part) = file.next(device, &mut out)? {
        bytes.extend_from_slice(part.bytes());
    }
    Ok(bytes)
}

/// What a recipient reads.
fn opened(ward: &Ward, number: u8, file: &[u8]) -> Option<Vec<u8>> {
    let holder = ward.links.holder(Kind::Recipient, number)?;
    let judging = Judging { kinds: Kinds::of(&[Kind::Device]), ..ward.links.looking()? };
    let mut checking = Checking::<Aes256Gcm>::new(holder.own(), judging, Content::Audit);
    let mut rest = file;
    while checking.due() > 0 {
        let (part, behind) = rest.split_at_checked(checking.due())?;
        checking.take(&mut part.to_vec()).ok()?;
        rest = behind;
    }
    let mut opening = checking.finish().ok()?.open();
    let (mut rest, mut content) = (file, Vec::new());
    while opening.due() > 0 {
        let (part, behind) = rest.split_at_checked(opening.due())?;
        content.extend_from_slice(opening.take(&mut part.to_vec()).ok()?);
        rest = behind;
    }
    opening.finish().ok()?;
    rest.is_empty().then_some(content)
}

#[test]
fn each_recipient_reads_the_log_as_it_was() {
    let (ward, mut flash) = ward();
    let (mut device, _) = ward.boot(&mut flash);
    let before = records(&mut device);
    let file = sealed(&ward, &mut device, &recipients(&ward, &[7, 8])).unwrap();
    // That it was taken away is in it.
    let there = read_out(&mut device);
    for number in [7, 8] {
        assert_eq!(opened(&ward, number, &file).as_ref(), Some(&there));
    }
    assert_eq!(opened(&ward, 9, &file), None, "it was not sealed to this one");
    assert_eq!(records(&mut device), before + 2);
    let beside = file.len() - there.len();
    println!("log file: {} bytes for an export of {}", file.len(), there.len());
    assert!(beside <= 18 * there.len().div_ceil(1_024) + 1_073 - 6 * 88, "{beside}");
}

/// The medium may be pulled, and the log goes on while the file is written.
#[test]
fn what_is_recorded_meanwhile_is_left_out() {
    let (ward, mut flash) = ward();
    let (mut device, _) = ward.boot(&mut flash);
    let to = recipients(&ward, &[7]);
    let certificate = &ward.links.device().certificate;
    let mut out = vec![0; FILE_PART_BYTES];
    let begun = device.begin_log_file(PrincipalId::DEVICE, certificate, &to, &mut out);
    let (mut file, header) = begun.unwrap();
    let mut bytes = header.bytes().to_vec();
    let there = read_out(&mut device);
    while let Some(part) = file.next(&mut device, &mut out).unwrap() {
        bytes.extend_from_slice(part.bytes());
        records(&mut device);
    }
    assert!(file.next(&mut device, &mut out).unwrap().is_none(), "it was written whole");
    assert_eq!(opened(&ward, 7, &bytes), Some(there));
    for length in (0..bytes.len()).step_by(997) {
        assert_eq!(opened(&ward, 7, &bytes[..length]), None, "torn at {length}");
    }
}

#[test]
fn without_randomness_or_room_there_is_no_file() {
    let (ward, mut flash) = ward();
    let (mut device, _) = ward.boot_with(&mut flash, Noise::new(Behaviour::Stuck(false), 1));
    let to = recipients(&ward, &[7]);
    let dead = sealed(&ward, &mut device, &to).unwrap_err();
    assert!(matches!(dead, LogFileError::Write(WriteError::Random(_))), "{dead:?}");
    drop(device);
    let (mut device, _) = ward.boot(&mut flash);
    let certificate = &ward.links.device().certificate;
    let mut short = [0; 100];
    let begun = device.begin_log_file(PrincipalId::DEVICE, certificate, &to, &mut short);
    assert_eq!(begun.unwrap_err(), LogFileError::Write(WriteError::Length));
    let other = ward.person(3).certificate;
    let mut out = vec![0; FILE_PART_BYTES];
    let foreign = device.begin_log_file(PrincipalId::DEVICE, &other, &to, &mut out);
    assert_eq!(foreign.unwrap_err(), LogFileError::Write(WriteError::Certificate));
}
