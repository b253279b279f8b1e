//! The images for a Cortex-M0: the same pump under power cuts, and the log on a part with 16 KiB of RAM.

use super::campaign::Campaign;
use super::machine::{End, Extra, Machine, Options};
use super::tool::Tool;
use crate::firmware::{self, PUMP_M0, Product, SMALL};
use crate::shell::Shell;

/// A cut of the Cortex-M0's pump to so many of the Cortex-M4F's: what is cut is the same code.
const SHARE: u64 = 4;
/// Boots of the small part, too few for a record of a boot storm, and events in each: fewer than its log holds.
const BOOTS: u64 = 2;
const EVENTS: u32 = 60;

/// Both of them; what they came to.
pub(crate) fn run(shell: &Shell, kills: u64, seed: u64) -> Result<String, String> {
    let machine = board(shell, &PUMP_M0, "emulate-m0")?;
    let tool = Tool::new(shell, &shell.target().join("emulate-m0"), 1)?;
    let mut campaign = Campaign::new(&machine, Some(&tool), seed)?;
    campaign.cut(kills.div_ceil(SHARE))?;
    let counts = campaign.finish()?;
    counts.judge()?;
    let small = small(shell, seed)?;
    Ok(format!("{counts}; {small}"))
}

fn board(shell: &Shell, product: &Product, folder: &str) -> Result<Machine, String> {
    let image = firmware::build(shell, product.core, product.image, "")?;
    Machine::new(product.board, &image, &shell.target().join(folder))
}

/// The small part works through a few boots; the tool has to find every record that it acknowledged.
fn small(shell: &Shell, seed: u64) -> Result<String, String> {
    let folder = "emulate-small";
    let machine = board(shell, &SMALL, folder)?;
    let tool = Tool::new(shell, &shell.target().join(folder), 2)?;
    machine.format(seed)?;
    let mut acknowledged = 0;
    for boot in 0..BOOTS {
        let extra = Extra::Nothing;
        let run = machine.boot(Options { kill: None, seed: seed + boot, events: EVENTS, extra })?;
        let End::Done = run.end()? else { return Err("no end where no cut was drawn".to_owned()) };
        acknowledged += run.lines.iter().filter(|line| line.starts_with("ACK ")).count();
    }
    let acknowledged = u64::try_from(acknowledged).map_err(|e| e.to_string())?;
    // Each boot is a record of its own.
    let (expected, found) = (acknowledged + BOOTS, tool.verify_flash()?);
    if acknowledged != BOOTS * u64::from(EVENTS) || found != expected {
        return Err(format!("small: {acknowledged} acknowledged, {found} found of {expected}"));
    }
    Ok(format!("{found} records of {BOOTS} boots verified on a part with 16 KiB of RAM"))
}
