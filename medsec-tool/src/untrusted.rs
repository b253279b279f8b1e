//! Text that somebody else chose: names and values from a device, paths, notes.
//!
//! There is one way out of [`Untrusted`], its `Display`, and it shows what could steer a terminal, a page, a spreadsheet
//! or a log collector as a visible mark instead: control characters as control pictures (`␛`), and characters that
//! reorder or hide text as their code point (`[U+202E]`). Escaping for HTML, CSV or syslog comes on top of it.

use core::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// Characters of one value that are shown; the rest is announced as cut.
const SHOWN_CHARS_MAX: usize = 4_096;

/// Text from outside, neutralised whenever it is shown. Its clones share one text: a log names the same event often.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Untrusted(Arc<str>);

impl Untrusted {
    /// Takes over text of any content.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// Takes over bytes; what is no UTF-8 is shown as U+FFFD.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(String::from_utf8_lossy(bytes).into())
    }

    /// Takes over a path, to show it.
    #[must_use]
    pub fn from_path(path: &std::path::Path) -> Self {
        Self(path.to_string_lossy().into())
    }
}

impl From<&str> for Untrusted {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write as _;
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(SHOWN_CHARS_MAX) {
            match stand_in(character) {
                None => f.write_char(character)?,
                Some(StandIn::Picture(picture)) => f.write_char(picture)?,
                Some(StandIn::CodePoint) => write!(f, "[U+{:04X}]", u32::from(character))?,
            }
        }
        match characters.count() {
            0 => Ok(()),
            cut => write!(f, "[{cut} characters cut]"),
        }
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for Untrusted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

enum StandIn {
    Picture(char),
    CodePoint,
}

/// What to show in place of `character`, if it may not be shown itself.
fn stand_in(character: char) -> Option<StandIn> {
    match character {
        '\0'..='\u{1f}' => {
            let picture = u32::from(character).checked_add(0x2400).and_then(char::from_u32);
            Some(picture.map_or(StandIn::CodePoint, StandIn::Picture))
        }
        '\u{7f}' => Some(StandIn::Picture('\u{2421}')),
        // C1 controls; then the format characters and separators of Unicode (categories Cf, Zl, Zp) and its blank
        // fillers: they reorder, join, hide or break text.
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{600}'..='\u{605}'
        | '\u{61c}'
        | '\u{6dd}'
        | '\u{70f}'
        | '\u{890}'..='\u{891}'
        | '\u{8e2}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{110bd}'
        | '\u{110cd}'
        | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Some(StandIn::CodePoint),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every character there is: none that steers a reader passes, every other passes unchanged.
    #[test]
    fn no_steering_character_passes() {
        let mut neutralised = 0_u32;
        for character in (0..=0x10_ffff).filter_map(char::from_u32) {
            let shown = Untrusted::new(character.to_string()).to_string();
            assert!(!shown.chars().any(|c| c.is_control() || stand_in(c).is_some()), "{shown:?}");
            if stand_in(character).is_some() {
                neutralised += 1;
            } else {
                assert_eq!(shown, character.to_string());
            }
        }
        assert!(neutralised > 65);
    }

    #[test]
    fn marks_are_visible() {
        let shown = Untrusted::new("a\u{1b}[31m\r\n\u{202e}b\u{9b}\u{7f}\u{61c}").to_string();
        assert_eq!(shown, "a␛[31m␍␊[U+202E]b[U+009B]␡[U+061C]");
    }

    #[test]
    fn overlong_text_is_cut_and_says_so() {
        let shown = Untrusted::new("x".repeat(SHOWN_CHARS_MAX + 7)).to_string();
        assert!(shown.ends_with("x[7 characters cut]"));
    }
}
