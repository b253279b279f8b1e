//! Labels as SVG: the one on a unit's housing, and the sealed one with its claim code.
//!
//! The first says what anybody may know, in words and as a QR code. The claim code is never on it: who can photograph a housing could claim the unit.

use core::fmt::Write as _;

use medsec_core::key::PublicKey;
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::claim::ClaimCode;
use crate::keyfile::DeviceKey;
use crate::untrusted::Untrusted;

/// Modules of quiet zone around a QR code (ISO/IEC 18004).
const QUIET: usize = 4;
/// Side of the QR code, in tenths of a millimetre.
const SIDE: usize = 300;
/// Characters of a name that fit on a label.
const NAME_CHARS_MAX: usize = 40;

/// What is on the label of a housing.
#[derive(Debug)]
pub struct UnitLabel<'a> {
    /// The serial number.
    pub serial: u64,
    /// The model.
    pub model: u32,
    /// The public key that the device signs with.
    pub key: &'a PublicKey,
    /// What the maker calls the model.
    pub name: Option<&'a Untrusted>,
}

impl UnitLabel<'_> {
    /// What the QR code says: `MEDSEC1:<serial number>:<public key, 64 digits>`.
    #[must_use]
    pub fn payload(&self) -> String {
        format!("MEDSEC1:{}:{}", self.serial, self.fingerprint())
    }

    fn fingerprint(&self) -> String {
        DeviceKey::from(*self.key).fingerprint()
    }

    /// The label, or nothing if there is no QR code for it.
    #[must_use]
    pub fn to_svg(&self) -> Option<String> {
        let code = QrCode::with_error_correction_level(self.payload(), EcLevel::M).ok()?;
        let width = code.width();
        let (mut path, modules) = (String::new(), width + 2 * QUIET);
        for (index, color) in code.to_colors().iter().enumerate() {
            if *color == Color::Dark {
                let (x, y) = (index % width + QUIET, index / width + QUIET);
                write!(path, "M{x} {y}h1v1h-1z").ok()?;
            }
        }
        let mut lines = Vec::new();
        if let Some(name) = self.name {
            lines.push(name.to_string().chars().take(NAME_CHARS_MAX).collect());
        }
        lines.push(format!("SN {}", self.serial));
        lines.push(format!("Model {:08x}", self.model));
        let fingerprint = self.fingerprint();
        let mut digits = fingerprint.as_bytes();
        while let Some((line, rest)) = digits.split_first_chunk::<16>() {
            lines.push(format!("Key {}", str::from_utf8(line).ok()?));
            digits = rest;
        }
        let mut svg = head(750, SIDE);
        write!(
            svg,
            "<svg width=\"{SIDE}\" height=\"{SIDE}\" viewBox=\"0 0 {modules} {modules}\" \
             shape-rendering=\"crispEdges\"><path d=\"{path}\"/></svg>"
        )
        .ok()?;
        text(&mut svg, 310, 24, &lines);
        svg.push_str("</svg>\n");
        Some(svg)
    }
}

/// The sealed label of a unit: its serial number and its claim code, to be torn open by its owner. Wiped on drop.
#[must_use]
pub fn claim_label_svg(serial: u64, code: &ClaimCode) -> Zeroizing<String> {
    let shown = code.to_text();
    // In place before there is something secret in it, so that no shorter copy is left behind.
    let mut svg = Zeroizing::new(String::with_capacity(2_048));
    svg.push_str(&head(750, 180));
    let lines =
        [format!("SN {serial}"), "Claim code: keep it sealed until the unit is yours".to_owned()];
    text(&mut svg, 20, 24, &lines);
    svg.push_str("<text x=\"20\" y=\"140\" font-size=\"30\">");
    svg.push_str(&shown);
    svg.push_str("</text></svg>\n");
    svg
}

/// The beginning of a label of this size, in tenths of a millimetre.
fn head(width: usize, height: usize) -> String {
    let (across, down) = (width / 10, height / 10);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{across}mm\" height=\"{down}mm\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"monospace\">\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>"
    )
}

/// Lines of text, each of which stays text.
fn text(svg: &mut String, x: usize, size: usize, lines: &[String]) {
    for (line, number) in lines.iter().zip(1..) {
        let y = number * (size + 12);
        svg.push_str(&format!("<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\">"));
        for character in line.chars() {
            match character {
                '&' => svg.push_str("&amp;"),
                '<' => svg.push_str("&lt;"),
                '>' => svg.push_str("&gt;"),
                '"' => svg.push_str("&quot;"),
                '\'' => svg.push_str("&#39;"),
                // No characters of XML.
                '\u{fffe}' | '\u{ffff}' => svg.push('\u{fffd}'),
                other => svg.push(other),
            }
        }
        svg.push_str("</text>");
    }
}

#[cfg(test)]
mod tests {
    use medsec_core::Secret;

    use super::*;

    fn key() -> PublicKey {
        medsec_core::key::DeviceKey::from_seed(&Secret::new([7; 32])).public()
    }

    #[test]
    fn the_code_on_a_housing_says_serial_number_and_key() {
        let key = key();
        let label = UnitLabel { serial: 42, model: 0x5055_4d50, key: &key, name: None };
        let digits = DeviceKey::from(key).fingerprint();
        assert_eq!(label.payload(), format!("MEDSEC1:42:{digits}"));
        let svg = label.to_svg().unwrap();
        assert!(svg.contains(">SN 42<") && svg.contains(">Model 50554d50<"), "{svg}");
        let (_, last) = digits.split_at(48);
        assert!(svg.contains(&format!(">Key {last}<")), "{svg}");
        let modules = QrCode::with_error_correction_level(label.payload(), EcLevel::M).unwrap();
        let dark = modules.to_colors().iter().filter(|color| **color == Color::Dark).count();
        assert_eq!(svg.matches("h1v1h-1z").count(), dark);
        assert!(
            UnitLabel { serial: u64::MAX, model: u32::MAX, key: &key, name: None }
                .to_svg()
                .is_some()
        );
    }

    /// A name is text on the label, whatever is in it: the elements are those of a label without one.
    #[test]
    fn a_hostile_name_stays_text() {
        let key = key();
        let tags = |svg: &str| -> Vec<String> {
            let names = svg.split('<').skip(1).map(|part| part.split([' ', '>']).next());
            names.map(|name| name.unwrap().to_owned()).collect()
        };
        let plain = Untrusted::from("Pump");
        let label = |name: &Untrusted| {
            UnitLabel { serial: 1, model: 1, key: &key, name: Some(name) }.to_svg()
        };
        let expected = tags(&label(&plain).unwrap());
        let hostile = [
            "</text><script>alert(1)</script>",
            "\"><svg onload=alert(1)>",
            "&#60;script&#62;",
            "<![CDATA[<script>]]>",
            "<!-- ",
            "<?xml-stylesheet href='x'?>",
            "\u{1b}[2J\u{202e}\u{0}\u{ffff}\u{fffe}\r\n",
            "' style='fill:url(http://example.invalid)",
        ];
        for name in hostile {
            let name = Untrusted::from(name);
            let svg = label(&name).unwrap();
            assert_eq!(tags(&svg), expected, "{svg}");
            assert!(!svg.trim_end().chars().any(|c| c.is_control() || c == '\u{202e}'), "{svg}");
            assert!(!svg.contains(['\u{ffff}', '\u{fffe}']), "{svg}");
        }
    }

    #[test]
    fn the_claim_code_is_on_its_own_label_only() {
        let (key, code) = (key(), ClaimCode::new(Secret::new([9; 16])));
        let claim = claim_label_svg(42, &code);
        assert!(claim.contains(&format!(">{}<", *code.to_text())) && claim.contains(">SN 42<"));
        assert!(claim.len() < 2_048, "{}", claim.len());
        let housing = UnitLabel { serial: 42, model: 1, key: &key, name: None }.to_svg().unwrap();
        assert!(!housing.contains(&*code.to_text()));
    }
}
