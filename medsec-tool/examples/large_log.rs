//! Makes the log of a busy device, to measure the tool with: `large_log RECORDS SESSIONS DIRECTORY`.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a bench tool on a host: a sum that overflows must stop it"
)]

use core::error::Error;
use std::path::Path;

use medsec_audit::log::{Birth, Config, Log, Progress, Tools};
use medsec_core::Secret;
use medsec_core::agreement::AgreementSecret;
use medsec_core::event::{Metric, PrincipalId, Unit};
use medsec_core::flash::Region;
use medsec_core::flash::ring::Retention;
use medsec_core::key::{DeviceKey, device_id};
use medsec_core::rng::Random;
use medsec_core::suite::Aes256Gcm;
use medsec_core::time::{Pause, Ticks};
use medsec_core::{Sensitive, events};
use medsec_sim::fault::Model;
use medsec_sim::flash::FaultFlash;
use medsec_sim::rng::Noise;
use medsec_tool::keyfile::{self, AuthoritySecret};

const PAGE: u32 = 4096;
/// Pages that this many records of the kind below fill, and one for each session that begins in the middle.
const RECORDS_PER_PAGE: u32 = 30;
const MODEL: u32 = 7;

type Part = FaultFlash<4, 4, 4096>;

events! {
    /// What the busy device records.
    enum Busy {
        /// The rate was changed.
        RateChanged = 0x4001 [ConfigurationChange, Security, Success] {
            /// From now on.
            public to: Metric,
            /// By whom.
            public by: PrincipalId,
            /// For whom.
            encrypt patient: Sensitive<[u8; 15]>,
        },
    }
}

/// The device between its boots.
struct Device {
    flash: Part,
    config: Config,
    random: Random<Noise>,
    key: DeviceKey,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let [records, sessions, dir] = args.as_slice() else {
        return Err("large_log RECORDS SESSIONS DIRECTORY".into());
    };
    let (records, sessions): (u32, u32) = (records.parse()?, sessions.parse()?);
    let authority = [3; 32];
    let mut device = make(records / RECORDS_PER_PAGE + sessions + 4, &authority)?;
    let mut export = Vec::new();
    for session in 0..sessions {
        let count = records / sessions + u32::from(session < records % sessions);
        let is_last = session + 1 == sessions;
        export = device.live(count, is_last)?;
    }
    let dir = Path::new(dir);
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("large.export"), &export)?;
    let public = keyfile::DeviceKey::from(device.key.public());
    std::fs::write(dir.join("device.key"), public.to_file())?;
    std::fs::write(dir.join("authority.key"), AuthoritySecret::file_of(&authority).as_bytes())?;
    std::fs::write(dir.join("catalogue.txt"), medsec_tool::catalogue::write(Busy::CATALOGUE))?;
    println!("large_log: {records} records, {sessions} sessions, {} bytes", export.len());
    Ok(())
}

fn make(pages: u32, authority: &[u8; 32]) -> Result<Device, Box<dyn Error>> {
    let key = DeviceKey::from_seed(&Secret::new([2; 32]));
    let config = Config {
        cell: Region::new(0, 4 * PAGE),
        ring: Region::new(4 * PAGE, pages * PAGE),
        retention: Retention::Block,
        device: device_id(MODEL, &key.public()),
        authority: AgreementSecret::from_bytes(Secret::new(*authority)).public(),
    };
    let mut flash = Part::new(4 + pages, Model::None, 1);
    let secret = |byte| Secret::new([byte; 32]);
    let birth = Birth { audit: secret(4), ephemeral: secret(5), seed: secret(6) };
    Log::<Aes256Gcm>::format(&mut flash, &config, &secret(1), birth)?;
    Ok(Device { flash, config, random: Random::new(Noise::good(7)), key })
}

impl Device {
    /// One boot with `count` records; the last one signs and is exported.
    fn live(&mut self, count: u32, is_last: bool) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut log = Log::<Aes256Gcm>::mount(&mut self.flash, self.config, &Secret::new([1; 32]))?;
        log.request_session();
        self.rest(&mut log, 0)?;
        for number in 0..count {
            let event = Busy::RateChanged {
                to: Metric::new(i32::try_from(number)?, Unit::MicrolitrePerHour),
                by: PrincipalId::new([9; 8]),
                patient: Sensitive::new(*b"PATIENT-0047119"),
            };
            let now = u64::from(number) * 1_000;
            log.append(&mut self.flash, &event, Ticks::from_millis(now))?;
            self.rest(&mut log, now)?;
        }
        if !is_last {
            return Ok(Vec::new());
        }
        log.request_checkpoint();
        self.rest(&mut log, u64::from(count) * 1_000)?;
        let mut export = vec![0; usize::try_from(log.export_bytes())?];
        let mut cursor = log.export_start()?;
        let copied = log.export(&mut self.flash, MODEL, &mut cursor, &mut export)?;
        let (_, rest) = export.split_at_mut(copied);
        log.export(&mut self.flash, MODEL, &mut cursor, rest)?;
        Ok(export)
    }

    fn rest(&mut self, log: &mut Log<Aes256Gcm>, now_ms: u64) -> Result<(), Box<dyn Error>> {
        let mut lender = ();
        let pause = Pause::lend(&mut lender, 100);
        let now = Ticks::from_millis(now_ms);
        let mut tools = Tools { random: &mut self.random, key: &self.key, now, pause: &pause };
        while log.maintain(&mut self.flash, &mut tools)? != Progress::Idle {}
        Ok(())
    }
}
