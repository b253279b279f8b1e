//! The proof that all was read back, and the certificate that it becomes.

use super::{Job, Sanitizer};
use crate::event::{Count, DeviceEvent, Digest8};
use crate::key::{DeviceKey, device_id};
use crate::sanitize::certificate::{Certificate, CertificateError, Claims, Line};
use crate::sanitize::plan::{Item, LINES_MAX};
use crate::sanitize::tombstone;

/// That all regions were erased and read back in this boot. Only [`Sanitizer::blank`] gives one.
///
/// ```compile_fail,E0423
/// use medsec_core::sanitize::{Blank, Sanitizer};
/// fn forge<const N: usize>(sanitizer: &mut Sanitizer<N>) -> Blank<'_, N> {
///     Blank(sanitizer)
/// }
/// ```
#[must_use = "nothing is certified yet"]
pub struct Blank<'s, const N: usize>(pub(super) &'s mut Sanitizer<N>);

impl<const N: usize> Blank<'_, N> {
    /// Signs the certificate; further steps store it. Gives what is to be recorded of it, where there is a log.
    ///
    /// # Limits
    /// One signature, made and verified.
    ///
    /// # Errors
    /// [`CertificateError`]: nothing was signed.
    pub fn sign(self, key: &DeviceKey, model: u32) -> Result<DeviceEvent, CertificateError> {
        let Self(sanitizer) = self;
        let record = &sanitizer.record;
        let claims = Claims {
            outcome: record.outcome,
            from: record.from,
            number: record.number,
            model,
            device: device_id(model, &key.public()),
            nonce: record.nonce,
            exported: record.exported,
            records: record.records,
        };
        let certificate = Certificate::sign(key, claims, &sanitizer.lines())?;
        let stored = tombstone::encode(&certificate).map_err(|_| CertificateError::Line)?;
        sanitizer.stored = stored;
        sanitizer.job = Job::Clear(0);
        let (outcome, number) = (claims.outcome, Count::new(claims.number));
        let digest = Digest8::of(&certificate.digest());
        Ok(DeviceEvent::EraseCertified { outcome, number, digest })
    }
}

impl<const N: usize> Sanitizer<N> {
    /// The lines of the certificate: of each item one, those of modules for each module that is known.
    fn lines(&self) -> [Option<Line>; LINES_MAX] {
        let line = |item: &Item, module| Line {
            kind: item.kind(),
            module,
            keys: item.keys(),
            region: item.region(),
            verified: item.region().bytes(),
        };
        let (own, on_modules) = self.plan.items().split_at(self.plan.own_items().min(N));
        let of_device = own.iter().map(|item| line(item, None));
        let of_modules = self
            .record
            .known()
            .flat_map(|(_, id)| on_modules.iter().map(move |item| line(item, Some(id))));
        let mut lines = [None; LINES_MAX];
        for (slot, line) in lines.iter_mut().zip(of_device.chain(of_modules)) {
            *slot = Some(line);
        }
        lines
    }
}
