//! The code by which an owner claims a unit: 128 random bits, as people read, type and mistype them.
//!
//! It is shown as 26 symbols of Crockford's Base32 (digits and letters without I, L, O and U), a big-endian number, and one check symbol: that
//! number modulo 37, of which the last five values are `*~$=U`. 37 is a prime above 32, and 32 - 1 is no multiple of it, so that one wrong symbol
//! and two neighbours exchanged always change the remainder. A typed code may be in lower case, with or without hyphens and spaces, and may have I
//! or L for 1 and O for 0. The code is printed once, on a label that is sealed; what a registry keeps of it is a tag (`registry`).

use core::fmt;

use medsec_core::Secret;
use zeroize::Zeroizing;

/// Bytes of a code.
pub const CODE_BYTES: usize = 16;
/// Symbols of a code, without the check symbol.
const SYMBOLS: usize = 26;
/// Symbols of a code by value; those from 32 on stand for a check alone.
const ALPHABET: &[u8; 37] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";
const BASE: u8 = 32;
const MODULUS: u16 = 37;
/// Symbols between two hyphens.
const GROUP: usize = 4;
/// Characters of the longest text that is looked at.
const TYPED_CHARS_MAX: usize = 64;

/// Why a typed text is no code. It never repeats the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClaimCodeError {
    /// A character stands for no symbol, or for one that cannot be there.
    #[error("a character is none of a code, or cannot stand where it does")]
    Symbol,
    /// There are more or fewer than 27 symbols.
    #[error("a code has 27 symbols beside hyphens and spaces")]
    Length,
    /// The check symbol does not fit: the code was mistyped.
    #[error("the code was mistyped: its last symbol does not fit the others")]
    Check,
}

/// A claim code. Wiped on drop, prints nothing, and is not compared.
pub struct ClaimCode(Secret<CODE_BYTES>);

impl ClaimCode {
    /// A new code from the system's random source.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn draw() -> Result<Self, getrandom::Error> {
        let mut code = Secret::new([0; CODE_BYTES]);
        getrandom::fill(code.expose_mut())?;
        Ok(Self(code))
    }

    /// The code with these bytes, such as a device has drawn it.
    #[must_use]
    pub const fn new(bytes: Secret<CODE_BYTES>) -> Self {
        Self(bytes)
    }

    /// Reads a code as somebody typed it.
    ///
    /// # Errors
    /// Each [`ClaimCodeError`].
    pub fn parse(typed: &str) -> Result<Self, ClaimCodeError> {
        let mut values = Zeroizing::new([0_u8; SYMBOLS + 1]);
        let mut count = 0;
        for (index, character) in typed.chars().enumerate() {
            if index == TYPED_CHARS_MAX {
                return Err(ClaimCodeError::Length);
            }
            if matches!(character, '-' | ' ') {
                continue;
            }
            let value = value_of(character).ok_or(ClaimCodeError::Symbol)?;
            *values.get_mut(count).ok_or(ClaimCodeError::Length)? = value;
            count += 1;
        }
        if count != SYMBOLS + 1 {
            return Err(ClaimCodeError::Length);
        }
        let [symbols @ .., check] = &*values;
        // 26 symbols are 130 bits: the two highest are zero.
        if symbols.iter().any(|value| *value >= BASE) || symbols[0] >= 8 {
            return Err(ClaimCodeError::Symbol);
        }
        if remainder(symbols) != u16::from(*check) {
            return Err(ClaimCodeError::Check);
        }
        let number = symbols.iter().fold(0_u128, |number, value| number << 5 | u128::from(*value));
        Ok(Self(Secret::new(number.to_be_bytes())))
    }

    /// The code as it is printed, wiped on drop.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(40));
        let symbols = self.symbols();
        let check = usize::from(remainder(&*symbols));
        let values = symbols.iter().map(|value| usize::from(*value)).chain([check]);
        for (index, value) in values.enumerate() {
            if index > 0 && index.is_multiple_of(GROUP) {
                text.push('-');
            }
            text.push(char::from(ALPHABET[value]));
        }
        text
    }

    /// The 16 bytes, for what is derived from them.
    #[must_use]
    pub const fn expose(&self) -> &[u8; CODE_BYTES] {
        self.0.expose()
    }

    fn symbols(&self) -> Zeroizing<[u8; SYMBOLS]> {
        let number = u128::from_be_bytes(*self.0.expose());
        let mut symbols = Zeroizing::new([0; SYMBOLS]);
        for (index, symbol) in symbols.iter_mut().rev().enumerate() {
            let low = (number >> (5 * index)).to_le_bytes()[0];
            *symbol = low % BASE;
        }
        symbols
    }
}

impl fmt::Debug for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimCode")
    }
}

fn remainder(symbols: &[u8]) -> u16 {
    symbols.iter().fold(0, |rest, value| (rest * u16::from(BASE) + u16::from(*value)) % MODULUS)
}

fn value_of(character: char) -> Option<u8> {
    let symbol = match character.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        upper => upper,
    };
    let symbol = u8::try_from(symbol).ok()?;
    let value = ALPHABET.iter().position(|known| *known == symbol)?;
    u8::try_from(value).ok()
}

#[cfg(test)]
#[expect(clippy::print_stdout, reason = "the counts are evidence")]
mod tests {
    use super::*;

    const CODES: usize = 300;

    fn codes() -> Vec<ClaimCode> {
        let edges = [[0; 16], [0xff; 16], [0x80; 16], *b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x25"];
        let drawn = (edges.len()..CODES).map(|_| ClaimCode::draw().unwrap());
        edges.map(|bytes| ClaimCode::new(Secret::new(bytes))).into_iter().chain(drawn).collect()
    }

    #[test]
    fn codes_are_those_of_the_alphabet() {
        let code = ClaimCode::new(Secret::new([0xff; 16]));
        // 2^128 - 1 modulo 37 is 32, by a calculator that is not this code.
        assert_eq!(*code.to_text(), "7ZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZ*");
        let code = ClaimCode::new(Secret::new(37_u128.to_be_bytes()));
        assert_eq!(*code.to_text(), "0000-0000-0000-0000-0000-0000-150");
        let code = ClaimCode::new(Secret::new(36_u128.to_be_bytes()));
        assert_eq!(*code.to_text(), "0000-0000-0000-0000-0000-0000-14U");
        assert_eq!(format!("{code:?}"), "ClaimCode");
    }

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        for code in codes() {
            let text = code.to_text();
            let typed = [
                text.to_string(),
                text.to_lowercase(),
                text.replace('-', ""),
                text.replace('-', " "),
                text.replace('1', "I").replace('0', "O"),
                text.replace('1', "l").replace('0', "o"),
                format!(" {}- ", *text),
            ];
            for typed in typed {
                assert_eq!(ClaimCode::parse(&typed).unwrap().expose(), code.expose());
            }
        }
    }

    /// Each symbol of each code exchanged for each other symbol, and each two neighbours for each other: none is taken.
    #[test]
    fn one_wrong_symbol_and_two_exchanged_are_found() {
        let (mut wrong, mut exchanged) = (0_u32, 0_u32);
        for code in codes() {
            let bare: Vec<u8> = code.to_text().bytes().filter(|symbol| *symbol != b'-').collect();
            for place in 0..bare.len() {
                for symbol in ALPHABET.iter().filter(|symbol| **symbol != bare[place]) {
                    let mut typed = bare.clone();
                    typed[place] = *symbol;
                    assert_ne!(ClaimCode::parse(str::from_utf8(&typed).unwrap()).err(), None);
                    wrong += 1;
                }
            }
            for place in 1..bare.len() {
                let mut typed = bare.clone();
                typed.swap(place - 1, place);
                if typed != bare {
                    assert_ne!(ClaimCode::parse(str::from_utf8(&typed).unwrap()).err(), None);
                    exchanged += 1;
                }
            }
        }
        println!(
            "claim codes: {wrong} with a wrong symbol, {exchanged} with two exchanged: all found"
        );
        assert_eq!(wrong, 300 * 27 * 36);
        assert!(exchanged > 7_000, "{exchanged}");
    }

    #[test]
    fn what_is_no_code_is_refused_for_its_own_reason() {
        let good = ClaimCode::new(Secret::new([7; 16])).to_text();
        let longer = format!("{}0", *good);
        let shorter = good.strip_suffix(good.chars().last().unwrap()).unwrap();
        for (typed, error) in [
            ("", ClaimCodeError::Length),
            (shorter, ClaimCodeError::Length),
            (&longer, ClaimCodeError::Length),
            (&"-".repeat(65), ClaimCodeError::Length),
            ("\u{661}000-0000-0000-0000-0000-0000-000", ClaimCodeError::Symbol),
            ("0000_0000", ClaimCodeError::Symbol),
            ("8000-0000-0000-0000-0000-0000-000", ClaimCodeError::Symbol),
            ("U000-0000-0000-0000-0000-0000-000", ClaimCodeError::Symbol),
            ("0000-0000-0000-0000-0000-0000-001", ClaimCodeError::Check),
        ] {
            assert_eq!(ClaimCode::parse(typed).err(), Some(error), "{typed}");
        }
    }
}
