//! Logs one event: the least that a maker writes.
#![expect(clippy::print_stdout, reason = "it shows what it did")]
use medsec::core::{agreement::AgreementSecret, event::Count, flash::Region, suite::Aes256Gcm};
use medsec::{Device, Identity, Pause, Port, Profile, ResetCause, Retention, Secret, events};
use medsec_sim::{clock::SimClock, fault::Model, flash::FaultFlash, rng::Noise};

events! {
    /// What this device records.
    enum DoorEvent {
        /// The door was opened.
        Opened = 0x4001 [AccessControl, Security, Success] { /// How often.
            public times: Count },
    }
}

struct Board(FaultFlash<4, 4, 4096>);

impl Port for Board {
    type Suite = Aes256Gcm;
    type Flash = FaultFlash<4, 4, 4096>;
    type Entropy = Noise;
    type Clock = SimClock;
    const PROFILE: Profile = Profile {
        model: 1,
        cell: Region::new(0, 0x4000),
        log: Region::new(0x4000, 0x8000),
        retention: Retention::Overwrite,
    };
    fn parts(self) -> (Self::Flash, Noise, SimClock) {
        (self.0, Noise::good(1), SimClock::new())
    }
}

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let identity = Identity {
        storage_root: Secret::new([1; 32]),
        signing_seed: Secret::new([2; 32]),
        log_authority: AgreementSecret::from_bytes(Secret::new([3; 32])).public(),
    };
    let blank = Board(FaultFlash::new(12, Model::None, 1));
    let flash = Device::format(blank, &identity, Secret::new([4; 32]))?;
    let mut device = Device::boot(Board(flash), &identity, ResetCause::PowerOn)?;
    while device.maintain(&Pause::lend(&mut (), 100))? != medsec::audit::Progress::Idle {}
    let place = device.log(&DoorEvent::Opened { times: Count::new(1) })?;
    println!("record {} is in page {}", place.seq, place.page);
    Ok(())
}
