//! The keypad: keys become requests.

use crate::therapy::{Rate, RateOutOfRange};

/// A key of the front panel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Key {
    /// 0 to 9; anything above is ignored.
    Digit(u8),
    /// Takes the digits as the rate.
    Enter,
    /// Forgets the digits.
    Clear,
    /// Starts delivery.
    Start,
    /// Stops delivery.
    Stop,
    /// Silences the alarm.
    Silence,
}

/// What a person at the keypad asks for. Whether he may is decided elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Request {
    /// Deliver at this rate from now on.
    SetRate(Rate),
    /// Start.
    Start,
    /// Stop.
    Stop,
    /// Silence the alarm.
    Silence,
}

const DIGITS_MAX: u8 = 4;
const UL_PER_TENTH: u32 = 100;

/// The digits typed so far, in tenths of a millilitre per hour.
#[derive(Debug, Default)]
pub struct Keypad {
    tenths: u32,
    digits: u8,
}

impl Keypad {
    /// A keypad on which nothing was typed.
    #[must_use]
    pub const fn new() -> Self {
        Self { tenths: 0, digits: 0 }
    }

    /// Takes a key; returns what it completes.
    ///
    /// # Errors
    /// [`RateOutOfRange`]: the digits are no rate of this pump, and are forgotten.
    pub fn press(&mut self, key: Key) -> Result<Option<Request>, RateOutOfRange> {
        match key {
            Key::Digit(digit) if digit <= 9 && self.digits < DIGITS_MAX => {
                self.tenths = self.tenths.saturating_mul(10).saturating_add(u32::from(digit));
                self.digits = self.digits.saturating_add(1);
                Ok(None)
            }
            Key::Digit(_) => Ok(None),
            Key::Clear => {
                *self = Self::new();
                Ok(None)
            }
            Key::Enter => {
                let ul_per_hour = self.tenths.saturating_mul(UL_PER_TENTH);
                *self = Self::new();
                Rate::from_ul_per_hour(ul_per_hour).map(|rate| Some(Request::SetRate(rate)))
            }
            Key::Start => Ok(Some(Request::Start)),
            Key::Stop => Ok(Some(Request::Stop)),
            Key::Silence => Ok(Some(Request::Silence)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[Key]) -> Result<Option<Request>, RateOutOfRange> {
        let mut keypad = Keypad::new();
        let mut last = Ok(None);
        for key in keys {
            last = keypad.press(*key);
        }
        last
    }

    #[test]
    fn digits_and_enter_set_the_rate_in_tenths() {
        let rate = Rate::from_ul_per_hour(12_500).unwrap();
        let keys = [Key::Digit(1), Key::Digit(2), Key::Digit(5), Key::Enter];
        assert_eq!(typed(&keys), Ok(Some(Request::SetRate(rate))));
    }

    #[test]
    fn a_fifth_digit_and_an_empty_entry_set_nothing() {
        let keys = [Key::Digit(9); 5];
        assert_eq!(typed(&keys), Ok(None));
        assert_eq!(typed(&[Key::Enter]), Err(RateOutOfRange));
        assert_eq!(typed(&[Key::Digit(5), Key::Clear, Key::Enter]), Err(RateOutOfRange));
    }
}
