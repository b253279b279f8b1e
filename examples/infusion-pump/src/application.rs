//! The pump: keys in, therapy and records out.

use medsec::audit::Place;
use medsec::audit::log::{MaintainError, Progress};
use medsec::core::Purpose;
use medsec::core::access::{Expired, Grant};
use medsec::core::event::{Duration, PrincipalId};
use medsec::{Device, Pause, Port, RecordError, Ticks};

use crate::events::{PatientNumber, PumpEvent, rate_metric, volume_metric};
use crate::people::{ChangeRate, RateChange};
use crate::pump::{Key, Keypad, Request};
use crate::therapy::{Alarm, Rate, RateOutOfRange, Therapy};

/// Why a key did nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum KeyError {
    /// The digits are no rate of this pump.
    Rate(RateOutOfRange),
    /// What was asked for could not be recorded, so it was not done.
    NotRecorded(RecordError),
}

impl core::fmt::Display for KeyError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Rate(error) => error.fmt(f),
            Self::NotRecorded(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for KeyError {}

/// Who stands at the pump, and at whose bed it stands.
struct Bedside {
    operator: PrincipalId,
    patient: PatientNumber,
}

/// The pump's application. The therapy goes on without it.
pub struct Pump<'t, P: Port> {
    device: Device<P>,
    therapy: &'t Therapy,
    keypad: Keypad,
    bedside: Bedside,
    started: Ticks,
}

impl<'t, P: Port> Pump<'t, P> {
    /// A pump around a booted device and a therapy that somebody ticks.
    pub const fn new(device: Device<P>, therapy: &'t Therapy) -> Self {
        Self {
            device,
            therapy,
            keypad: Keypad::new(),
            bedside: Bedside {
                operator: PrincipalId::new([0; 8]),
                patient: PatientNumber::new([0; 16]),
            },
            started: Ticks::from_millis(0),
        }
    }

    /// Records that `operator` gave the pump to `patient`, then takes it so.
    ///
    /// # Errors
    /// [`RecordError`]: nothing has changed.
    pub fn assign(
        &mut self,
        operator: PrincipalId,
        patient: PatientNumber,
    ) -> Result<Place, RecordError> {
        let event = PumpEvent::PatientAssigned { by: operator, patient };
        let place = self.device.log(&event)?;
        if let PumpEvent::PatientAssigned { patient, .. } = event {
            self.bedside = Bedside { operator, patient };
        }
        Ok(place)
    }

    /// Takes a key. What it asks for is recorded first and done then; stopping and silencing are done in any case.
    ///
    /// # Errors
    /// [`KeyError`], as it says. Delivery has not changed, unless it was to stop.
    pub fn press(&mut self, key: Key) -> Result<Option<Place>, KeyError> {
        let request = self.keypad.press(key).map_err(|error| {
            let refused = PumpEvent::RateRefused { by: self.bedside.operator };
            // It changes nothing, so nothing depends on its record; a lost one shows in the device's health. Anybody can
            // press wrong keys all day: they must not push out what others did.
            let _refused: Result<Option<Place>, RecordError> = self.device.log_limited(&refused);
            KeyError::Rate(error)
        })?;
        let recorded = match request {
            None => return Ok(None),
            Some(Request::SetRate(rate)) => self.set_rate(rate),
            Some(Request::Start) => self.start(),
            Some(Request::Stop) => self.stop(),
            Some(Request::Silence) => {
                self.therapy.silence();
                self.device.log(&PumpEvent::AlarmSilenced { by: self.bedside.operator })
            }
        };
        recorded.map(Some).map_err(KeyError::NotRecorded)
    }

    /// Changes the rate as somebody who may has asked for: to what is in the grant, which was recorded.
    ///
    /// # Errors
    /// [`Expired`]: the rate has not changed.
    pub fn change_rate(&mut self, grant: Grant<ChangeRate>) -> Result<(), Expired> {
        let change = grant.exercise(self.device.now())?;
        self.therapy.set_rate(change.to);
        Ok(())
    }

    /// What a change to `rate` at this bed is granted for.
    #[must_use]
    pub fn rate_change(&self, rate: Rate) -> RateChange {
        RateChange {
            from_ul_per_hour: self.therapy.ul_per_hour(),
            to: rate,
            patient: PatientNumber::new(*self.bedside.patient.expose(&Purpose::TREATMENT)),
        }
    }

    /// Sounds the alarm, and records it.
    ///
    /// # Errors
    /// [`RecordError`]: the alarm sounds all the same.
    pub fn raise(&mut self, alarm: Alarm) -> Result<Place, RecordError> {
        self.therapy.raise(alarm);
        self.device.log(&PumpEvent::AlarmRaised { cause: alarm.into() })
    }

    /// Does what is due for the log, within `pause`. A log that fails raises the security alarm once; delivery goes on.
    ///
    /// # Errors
    /// [`MaintainError`], as the device says.
    pub fn idle(&mut self, pause: &Pause<'_>) -> Result<Progress, MaintainError> {
        let progress = self.device.maintain(pause);
        if progress.is_err() && self.therapy.alarm().is_none() {
            self.therapy.raise(Alarm::Security);
        }
        progress
    }

    /// The device inside.
    pub const fn device(&mut self) -> &mut Device<P> {
        &mut self.device
    }

    fn set_rate(&mut self, rate: Rate) -> Result<Place, RecordError> {
        let place = self.device.log(&PumpEvent::RateChanged {
            from: rate_metric(self.therapy.ul_per_hour()),
            to: rate_metric(rate.ul_per_hour()),
            by: self.bedside.operator,
            patient: PatientNumber::new(*self.bedside.patient.expose(&Purpose::TREATMENT)),
        })?;
        self.therapy.set_rate(rate);
        Ok(place)
    }

    fn start(&mut self) -> Result<Place, RecordError> {
        let rate = rate_metric(self.therapy.ul_per_hour());
        let place = self.device.log(&PumpEvent::DeliveryStarted { rate })?;
        self.started = self.device.now();
        self.therapy.start();
        Ok(place)
    }

    fn stop(&mut self) -> Result<Place, RecordError> {
        self.therapy.stop();
        let ran = self.device.now().millis_since(self.started);
        self.device.log(&PumpEvent::DeliveryStopped {
            delivered: volume_metric(self.therapy.delivered_ul()),
            after: Duration::from_millis(u32::try_from(ran).unwrap_or(u32::MAX)),
        })
    }
}
