//! Simulated parts for firmware that must survive anything: a NOR flash that loses power, channels, clocks, noise sources.
//!
//! - [`flash::FaultFlash`] implements `embedded_storage::nor_flash::NorFlash` over memory, cuts the power at a chosen
//!   operation, and leaves of it what one of the twelve [`fault::Model`]s says, unstable content included.
//! - [`exhaust`] cuts at every operation of a history, again during recovery, and in long series, and keeps what broke a
//!   rule as one line of text.
//! - [`channel`] joins two devices by a serial line, TCP, BLE or radio, and loses, doubles, delays and damages what they say.
//! - [`misuse`] compiles programs that must not compile, each beside a twin that must.
//! - [`clock::SimClock`] and [`rng::Noise`] stand in for the clock and the noise source, the failing kinds as well.
//!
//! # Limits
//! Faults are those of the flash part and its supply. Not simulated: glitches that skip instructions, the time an
//! operation takes, wear that sets in by itself, and an attacker who writes to the part (load a changed image for that).
//!
//! # Example
//! A counter that is erased and programmed in place does not survive a cut, and the driver says where:
//! ```
//! use embedded_storage::nor_flash::{NorFlash, ReadNorFlash};
//! use medsec_core::hal::Flash;
//! use medsec_sim::exhaust::{
//!     Case, GEOMETRIES, Life, Plan, Ran, Stop, Subject, Tally, Violation, every_cut, live,
//! };
//! use medsec_sim::{fault::Model, flash::FaultFlash};
//!
//! struct Counter {
//!     value: u8,
//! }
//!
//! impl Counter {
//!     fn store<F: NorFlash>(&self, flash: &mut F) -> Result<(), Stop> {
//!         flash.erase(0, F::ERASE_SIZE as u32).map_err(|_| Stop::PowerCut)?;
//!         flash.write(0, &[self.value; 8]).map_err(|_| Stop::PowerCut)
//!     }
//! }
//!
//! impl<F: Flash> Life<F> for Counter {
//!     fn factory(&mut self, flash: &mut F) -> Result<(), Stop> {
//!         self.store(flash)
//!     }
//!
//!     fn boot(&mut self, flash: &mut F) -> Result<(), Stop> {
//!         let mut found = [0; 8];
//!         flash.read(0, &mut found).map_err(|_| Violation::new("read", "failed"))?;
//!         if found == [self.value; 8] || found == [self.value.wrapping_sub(1); 8] {
//!             return Ok(());
//!         }
//!         Err(Violation::new("count", "lost").into())
//!     }
//!
//!     fn step(&mut self, flash: &mut F, _index: u32) -> Result<(), Stop> {
//!         self.value += 1;
//!         self.store(flash)
//!     }
//! }
//!
//! struct Counters;
//!
//! impl Subject for Counters {
//!     fn run<const R: usize, const W: usize, const P: usize>(
//!         &mut self,
//!         case: &Case,
//!         flash: &mut FaultFlash<R, W, P>,
//!     ) -> Result<Ran, Violation> {
//!         live(&mut Counter { value: 0 }, case, flash, 3)
//!     }
//! }
//!
//! let mut tally = Tally::default();
//! let case = Case::new("counter", GEOMETRIES[0], 1, 1);
//! let plan = Plan { models: &Model::CONTRACT, second_cuts: 2, more_cuts: false, one_in: 1 };
//! every_cut(&mut Counters, &case, &plan, &mut tally).unwrap();
//! let (first, violation) = tally.failures().next().unwrap();
//! assert_eq!(violation.rule, "count");
//! assert!(first.to_string().starts_with("counter seed=1 draw=0 variant=0 model="));
//! ```
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test bench on a host: an overflow or a wrong index is a bug of the bench and must stop it"
)]

pub mod adversary;
pub mod channel;
pub mod clock;
pub mod device;
pub mod exhaust;
pub mod fault;
pub mod flash;
pub mod links;
pub mod misuse;
pub mod nonces;
pub mod powercut;
pub mod prng;
pub mod production;
pub mod rng;
pub mod tamper;
pub mod window;
