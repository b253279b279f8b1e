//! The end of the identity: nothing signs any more, and the certificate that is stored stands for the device.

use super::place::{geometry, read_blank};
use super::{Plan, SanitizeError, Tombstone};
use crate::flash::cell::Progress;
use crate::flash::page;
use crate::hal::{EraseProgress, Flash};
use crate::lifecycle::Lifecycle;
use crate::time::Pause;

/// That no journal could be read under the identity there is. Only [`super::Sanitizer::mount`] makes one.
///
/// ```compile_fail,E0423
/// use medsec_core::sanitize::NoJournal;
/// let forged = NoJournal(());
/// ```
#[derive(PartialEq, Eq, Debug)]
pub struct NoJournal(pub(super) ());

/// What is destroyed, in this order.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grave {
    Identity,
    Journal,
    Closed,
}

/// Destroys the identity, then the journal. Each boot of a device that has come to its end does it again, whatever it reads.
///
/// # Power loss
/// The tombstone was stored and acknowledged before: a later boot finds it, and does this again ([`Burial::resume`]).
///
/// # Not claimed
/// That the key is gone: nothing is left that could sign that.
pub struct Burial<const N: usize> {
    plan: &'static Plan<N>,
    grave: Grave,
    page: u32,
    is_erased: bool,
}

impl<const N: usize> Burial<N> {
    pub(super) const fn new(plan: &'static Plan<N>) -> Self {
        Self { plan, grave: Grave::Identity, page: 0, is_erased: false }
    }

    /// Goes on in a later boot: no journal can be read any more, and the tombstone says that this is the end. Otherwise nothing.
    ///
    /// # Trust
    /// As for a [`Tombstone`].
    pub fn resume<F: Flash>(flash: &mut F, plan: &'static Plan<N>, _: NoJournal) -> Option<Self> {
        let tombstone = Tombstone::read(flash, plan)?;
        tombstone.is_the_end().then_some(Self::new(plan))
    }

    /// The part of the device's life.
    #[must_use]
    pub const fn lifecycle(&self) -> Lifecycle {
        Lifecycle::DECOMMISSIONED
    }

    /// One step of an erase, or one page read back.
    ///
    /// # Errors
    /// [`SanitizeError`]; the page is erased again by the next step.
    pub fn step<F: Flash>(
        &mut self,
        flash: &mut F,
        pause: &Pause<'_>,
    ) -> Result<Progress, SanitizeError> {
        let region = match self.grave {
            Grave::Identity => self.plan.identity(),
            Grave::Journal => self.plan.journal(),
            Grave::Closed => return Ok(Progress::Done),
        };
        let geometry = geometry(flash, region)?;
        if !self.is_erased {
            let done = page::erase_step(flash, &geometry, self.page, pause.ms_max())?;
            self.is_erased = done == EraseProgress::Done;
            return Ok(Progress::More);
        }
        self.is_erased = false;
        read_blank(flash, &geometry, self.page)?;
        self.page = self.page.saturating_add(1);
        if self.page < geometry.pages() {
            return Ok(Progress::More);
        }
        self.page = 0;
        self.grave = match self.grave {
            Grave::Identity => Grave::Journal,
            Grave::Journal | Grave::Closed => Grave::Closed,
        };
        Ok(if self.grave == Grave::Closed { Progress::Done } else { Progress::More })
    }
}
