//! The pump on a host: keys come in as characters, the flash is a file.
//!
//! ```text
//! echo '125es..x!' | cargo run -p infusion-pump --features host -- pump
//! ```
//! makes or continues the pump in folder `pump`: `0`–`9` digits, `e` enter, `c` clear, `s` start, `x` stop, `a` silence the
//! alarm, `o` an occlusion, `.` a second passes, `!` the plug is pulled and put back. At the end the flash and what the host
//! tool needs to read it lie in the folder: `medsec log report pump/flash.bin --layout pump/layout.txt
//! --device-key pump/device.key --authority-key pump/authority.key -o report.html`.
#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::io::Read;
use std::path::Path;

use infusion_pump::application::Pump;
use infusion_pump::pump::Key;
use infusion_pump::therapy::{Alarm, TICK_MS, Therapy};
use medsec::audit::Progress;
use medsec::{Device, Pause, ResetCause};
use medsec_sim::clock::SimClock;
use medsec_sim::device::{LOG_PAGES, MODEL, PAGE_BYTES, SimBoard, SimFlash, SimOwner};
use medsec_sim::fault::Model;
use medsec_sim::rng::Noise;

type Failure = Box<dyn core::error::Error>;

fn main() -> Result<(), Failure> {
    let folder = std::env::args().nth(1).ok_or("which folder?")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let mut keys = String::new();
    std::io::stdin().read_to_string(&mut keys)?;
    let owner = SimOwner::new(1);
    let file = folder.join("flash.bin");
    let mut flash = if file.exists() {
        SimFlash::load_from(&file, Model::Metastable, 1)?
    } else {
        owner.manufacture(Model::Metastable, 1)?
    };
    for life in keys.trim().split('!') {
        live(&mut flash, &owner, life)?;
        flash.power_off();
        flash.power_on();
    }
    flash.save_to(&file)?;
    describe(folder, &owner)
}

/// One power cycle.
fn live(flash: &mut SimFlash, owner: &SimOwner, keys: &str) -> Result<(), Failure> {
    let clock = SimClock::new();
    let noise = Noise::good(flash.operations().wrapping_add(1));
    let board = SimBoard { flash, noise, clock: clock.clone() };
    let device = Device::boot(board, &owner.identity(), ResetCause::PowerOn)?;
    let therapy = Therapy::new();
    let mut pump = Pump::new(device, &therapy);
    rest(&mut pump)?;
    println!("on: session {}", pump.device().health().log.sessions);
    for key in keys.chars() {
        match key {
            '.' => {
                for _ in 0..1000_u32.checked_div(TICK_MS).unwrap_or(0) {
                    therapy.tick();
                    clock.advance(u64::from(TICK_MS));
                }
            }
            'o' => println!("o: {}", said(pump.raise(Alarm::Occlusion).map(Some))),
            _ => {
                if let Some(known) = key_of(key) {
                    println!("{key}: {}", said(pump.press(known)));
                }
            }
        }
        rest(&mut pump)?;
    }
    println!("off: {} µl delivered", therapy.delivered_ul());
    Ok(())
}

fn rest(pump: &mut Pump<'_, SimBoard<'_>>) -> Result<(), Failure> {
    while pump.idle(&Pause::lend(&mut (), 1))? != Progress::Idle {}
    Ok(())
}

fn key_of(key: char) -> Option<Key> {
    match key {
        'e' => Some(Key::Enter),
        'c' => Some(Key::Clear),
        's' => Some(Key::Start),
        'x' => Some(Key::Stop),
        'a' => Some(Key::Silence),
        _ => key.to_digit(10).and_then(|digit| u8::try_from(digit).ok()).map(Key::Digit),
    }
}

fn said<E: core::fmt::Display>(result: Result<Option<medsec::audit::Place>, E>) -> String {
    match result {
        Ok(Some(place)) => format!("done, record {}", place.seq),
        Ok(None) => "taken".to_owned(),
        Err(error) => format!("refused: {error}"),
    }
}

/// Writes what the host tool needs. A real owner keeps his secret elsewhere.
fn describe(folder: &Path, owner: &SimOwner) -> Result<(), Failure> {
    let (cell, log) = (0, 4_u32.saturating_mul(PAGE_BYTES));
    let bytes = LOG_PAGES.saturating_mul(PAGE_BYTES);
    let layout = format!(
        "medsec-layout-1\nsuite 1\nmodel {MODEL}\npage {PAGE_BYTES}\nunit 4\ncell {cell}\nlog {log} {bytes}\n"
    );
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    std::fs::write(folder.join("layout.txt"), layout)?;
    let device = format!("medsec-device-key-1 {}\n", hex(&owner.public_key().to_bytes()));
    std::fs::write(folder.join("device.key"), device)?;
    let authority = format!("medsec-authority-secret-1 {}\n", hex(owner.authority_bytes()));
    std::fs::write(folder.join("authority.key"), authority)?;
    Ok(())
}
