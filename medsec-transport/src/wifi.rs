//! Which Wi-Fi networks a device joins, decided from what an access point says of itself.
//!
//! [`judge`] reads the elements of a beacon or probe response (IEEE 802.11-2020 §9.4.2) and gives a [`Pin`]: what the supplicant has to be
//! configured with, and nothing else. A pin is compared again with what the driver reports at every association and roaming
//! ([`Pin::admits`]); where it differs, the device leaves.
//!
//! Open networks, WEP, WPA and TKIP are refused under every policy, and so is an access point without protected management frames.
//!
//! # Security
//! A beacon is not authenticated: a pin keeps a device from less than was decided, and says nothing of who runs the network. Links of
//! this crate never rely on Wi-Fi.

use medsec_core::codec::{DecodeError, Reader};

/// Element ids.
const SSID: u8 = 0;
const RSN: u8 = 48;
const RSNX: u8 = 244;
const VENDOR: u8 = 221;
/// What the vendor element of WPA begins with.
const WPA: [u8; 4] = [0x00, 0x50, 0xf2, 0x01];
/// Who numbers the suites of the standard.
const OUI: [u8; 3] = [0x00, 0x0f, 0xac];
/// Bit of the RSN capabilities: capable of protecting management frames.
const MFPC: u16 = 1 << 7;
/// Bit of the first byte of the RSN extension element: SAE hash-to-element.
const H2E: u8 = 1 << 5;
/// Bytes of the longest SSID.
pub const SSID_BYTES_MAX: usize = 32;

/// A set of suite numbers of the standard, 0 to 31.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Suites(u32);

impl Suites {
    /// Those of `list`.
    #[must_use]
    pub const fn of(list: &[u8]) -> Self {
        let mut bits = 0;
        let mut rest = list;
        while let [first, others @ ..] = rest {
            if *first < 32 {
                bits |= 1 << *first;
            }
            rest = others;
        }
        Self(bits)
    }

    /// Whether number `suite` is among them.
    #[must_use]
    pub const fn has(self, suite: u8) -> bool {
        suite < 32 && self.0 & (1 << suite) != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }
}

/// Ciphers that nobody may use: the group's as pairwise, WEP, TKIP.
const BROKEN: Suites = Suites::of(&[0, 1, 2, 5]);
/// CCMP and GCMP.
const CIPHERS: Suites = Suites::of(&[4, 8, 9, 10]);
/// CCMP and GCMP with keys of 256 bits.
const CIPHERS_256: Suites = Suites::of(&[9, 10]);
/// What protects management frames to all where an element does not say.
const BIP_CMAC_128: u8 = 6;
/// BIP, which protects management frames to all.
const MANAGEMENT: Suites = Suites::of(&[6, 11, 12, 13]);
const MANAGEMENT_256: Suites = Suites::of(&[12, 13]);
/// Simultaneous authentication of equals, also with fast transition and with a hash by group.
const SAE: Suites = Suites::of(&[8, 9, 24, 25]);

/// What a device asks of a network. There is none for less.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Policy {
    /// WPA3 with a password: SAE with hash-to-element.
    #[default]
    Wpa3Personal,
    /// WPA2 with a password, AES and protected management frames; SAE where there is SAE.
    Wpa2Personal,
    /// IEEE 802.1X with SHA-256 or better.
    Enterprise,
    /// IEEE 802.1X at the 192-bit level.
    Enterprise192,
    /// Encrypted, and open to everybody: opportunistic wireless encryption.
    Encrypted,
}

impl Policy {
    const fn akms(self) -> Suites {
        match self {
            Self::Wpa3Personal => SAE,
            Self::Wpa2Personal => Suites(SAE.0 | Suites::of(&[2, 4, 6]).0),
            Self::Enterprise => Suites::of(&[3, 5, 11, 12, 13]),
            Self::Enterprise192 => Suites::of(&[12, 13]),
            Self::Encrypted => Suites::of(&[18]),
        }
    }

    const fn ciphers(self) -> Suites {
        match self {
            Self::Enterprise192 => CIPHERS_256,
            Self::Wpa3Personal | Self::Wpa2Personal | Self::Enterprise | Self::Encrypted => CIPHERS,
        }
    }

    const fn management(self) -> Suites {
        match self {
            Self::Enterprise192 => MANAGEMENT_256,
            Self::Wpa3Personal | Self::Wpa2Personal | Self::Enterprise | Self::Encrypted => {
                MANAGEMENT
            }
        }
    }

    /// Key managements for which hash-to-element is asked.
    const fn needs_h2e(self) -> bool {
        matches!(self, Self::Wpa3Personal)
    }
}

/// Why a network is not joined: something a person at the device can act on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum WifiRefusal {
    /// The elements do not have the layout of the standard.
    Layout(DecodeError),
    /// An element that can be there once is there twice, or none that names the network.
    Elements,
    /// No encryption.
    Open,
    /// WEP.
    Wep,
    /// WPA, the one before WPA2, alone or beside another.
    Wpa,
    /// An RSN of another version.
    Version,
    /// WEP or TKIP is offered for frames to one or to all, or nothing that the policy takes.
    Cipher,
    /// No key management that the policy takes: for instance a password alone where WPA3 is asked for.
    KeyManagement,
    /// Management frames are not protected, so that anybody can end the association.
    Management,
    /// SAE without hash-to-element, whose timing tells of the password.
    HashToElement,
}

impl core::fmt::Display for WifiRefusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Layout(error) => error.fmt(f),
            Self::Elements => f.write_str("elements missing or doubled"),
            Self::Open => f.write_str("network is not encrypted"),
            Self::Wep => f.write_str("network uses WEP"),
            Self::Wpa => f.write_str("network uses WPA"),
            Self::Version => f.write_str("network security of another version"),
            Self::Cipher => f.write_str("network offers a broken cipher, or none that is wanted"),
            Self::KeyManagement => f.write_str("network has no key management that is wanted"),
            Self::Management => f.write_str("network does not protect management frames"),
            Self::HashToElement => f.write_str("network has no hash-to-element"),
        }
    }
}

impl core::error::Error for WifiRefusal {}

impl From<DecodeError> for WifiRefusal {
    fn from(error: DecodeError) -> Self {
        Self::Layout(error)
    }
}

/// The name of a network, up to 32 bytes of any kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ssid {
    bytes: [u8; SSID_BYTES_MAX],
    length: u8,
}

impl Ssid {
    /// The name with these bytes; none if there are more than 32, or none at all, as in a beacon that hides it.
    #[must_use]
    pub fn of(name: &[u8]) -> Option<Self> {
        let mut bytes = [0; SSID_BYTES_MAX];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        let length = u8::try_from(name.len()).ok()?;
        (length > 0).then_some(Self { bytes, length })
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// What a supplicant is configured with for one network. Only [`judge`] makes one, and nothing widens it. Protected management frames are
/// required in each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pin {
    ssid: Ssid,
    akms: Suites,
    pairwise: Suites,
    group: u8,
    group_management: u8,
    needs_h2e: bool,
}

/// What a driver reports of an association.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Association {
    /// The network.
    pub ssid: Ssid,
    /// The key management.
    pub akm: u8,
    /// The cipher for frames to one.
    pub pairwise: u8,
    /// The cipher for frames to all.
    pub group: u8,
    /// The cipher for management frames to all; none if they are not protected.
    pub group_management: Option<u8>,
    /// Whether SAE went by hash-to-element.
    pub h2e: bool,
}

impl Pin {
    /// The network.
    #[must_use]
    pub const fn ssid(&self) -> &Ssid {
        &self.ssid
    }

    /// Key managements, by their numbers in the standard (Table 9-151).
    #[must_use]
    pub const fn akms(&self) -> Suites {
        self.akms
    }

    /// Ciphers for frames to one (Table 9-149).
    #[must_use]
    pub const fn pairwise(&self) -> Suites {
        self.pairwise
    }

    /// The cipher for frames to all.
    #[must_use]
    pub const fn group(&self) -> u8 {
        self.group
    }

    /// The cipher for management frames to all.
    #[must_use]
    pub const fn group_management(&self) -> u8 {
        self.group_management
    }

    /// SAE by hash-to-element alone.
    #[must_use]
    pub const fn needs_h2e(&self) -> bool {
        self.needs_h2e
    }

    /// Whether an association is what was decided; if not, the device leaves the network.
    #[must_use]
    pub fn admits(&self, association: &Association) -> bool {
        let is_sae = SAE.has(association.akm);
        self.ssid == association.ssid
            && self.akms.has(association.akm)
            && self.pairwise.has(association.pairwise)
            && self.group == association.group
            && Some(self.group_management) == association.group_management
            && (association.h2e || !self.needs_h2e || !is_sae)
    }
}

/// What the elements of an access point say.
struct Found<'a> {
    ssid: Option<Ssid>,
    rsn: Option<&'a [u8]>,
    rsnx: Option<&'a [u8]>,
    has_wpa: bool,
}

/// Judges the elements of a beacon or probe response; `privacy` is bit 4 of its capability information.
///
/// # Errors
/// [`WifiRefusal`], as it says.
pub fn judge(elements: &[u8], privacy: bool, policy: Policy) -> Result<Pin, WifiRefusal> {
    let found = find(elements)?;
    if found.has_wpa {
        return Err(WifiRefusal::Wpa);
    }
    let Some(rsn) = found.rsn else {
        return Err(if privacy { WifiRefusal::Wep } else { WifiRefusal::Open });
    };
    let rsn = Rsn::parse(rsn)?;
    let ssid = found.ssid.ok_or(WifiRefusal::Elements)?;
    let wanted = policy.ciphers();
    let pairwise = rsn.pairwise.and(wanted);
    let offers_broken = !rsn.pairwise.and(BROKEN).is_empty();
    let group = rsn.group.filter(|group| wanted.has(*group)).ok_or(WifiRefusal::Cipher)?;
    if offers_broken || pairwise.is_empty() {
        return Err(WifiRefusal::Cipher);
    }
    let akms = rsn.akms.and(policy.akms());
    // A password that SAE protects is not offered to anything less.
    let akms = if akms.and(SAE).is_empty() { akms } else { akms.and(SAE) };
    if akms.is_empty() {
        return Err(WifiRefusal::KeyManagement);
    }
    let management = rsn.group_management.filter(|suite| policy.management().has(*suite));
    let group_management =
        management.filter(|_| rsn.capabilities & MFPC != 0).ok_or(WifiRefusal::Management)?;
    let h2e = found.rsnx.and_then(<[u8]>::first).is_some_and(|first| first & H2E != 0);
    if policy.needs_h2e() && !h2e {
        return Err(WifiRefusal::HashToElement);
    }
    Ok(Pin { ssid, akms, pairwise, group, group_management, needs_h2e: h2e })
}

fn find(elements: &[u8]) -> Result<Found<'_>, WifiRefusal> {
    let mut found = Found { ssid: None, rsn: None, rsnx: None, has_wpa: false };
    let mut reader = Reader::new(elements);
    let mut has_ssid = false;
    while reader.remaining() > 0 {
        let (id, length) = (reader.u8()?, reader.u8()?);
        let body = reader.bytes(usize::from(length))?;
        let is_second = match id {
            SSID => core::mem::replace(&mut has_ssid, true),
            RSN => found.rsn.replace(body).is_some(),
            RSNX => found.rsnx.replace(body).is_some(),
            _ => false,
        };
        if is_second {
            return Err(WifiRefusal::Elements);
        }
        if id == SSID {
            found.ssid = Ssid::of(body);
        }
        found.has_wpa |= id == VENDOR && body.starts_with(&WPA);
    }
    Ok(found)
}

/// An RSN element (IEEE 802.11-2020 §9.4.2.24).
///
/// The standard lets an element end behind any field. One that ends before its capabilities says that management frames are not
/// protected, and is refused here as too short.
struct Rsn {
    /// None if it is of somebody else's numbering.
    group: Option<u8>,
    pairwise: Suites,
    akms: Suites,
    capabilities: u16,
    group_management: Option<u8>,
}

impl Rsn {
    fn parse(bytes: &[u8]) -> Result<Self, WifiRefusal> {
        let mut reader = Reader::new(bytes);
        if reader.u16()? != 1 {
            return Err(WifiRefusal::Version);
        }
        let mut rsn = Self {
            group: suite(&mut reader)?,
            pairwise: suites(&mut reader)?,
            akms: suites(&mut reader)?,
            capabilities: reader.u16()?,
            group_management: Some(BIP_CMAC_128),
        };
        if reader.remaining() > 0 {
            // Ids of keys that a station has from before.
            let count = reader.u16()?;
            reader.bytes(usize::from(count).saturating_mul(16))?;
        }
        if reader.remaining() > 0 {
            rsn.group_management = suite(&mut reader)?;
        }
        reader.finish()?;
        Ok(rsn)
    }
}

/// The number of a suite; none if it is of somebody else's numbering.
fn suite(reader: &mut Reader<'_>) -> Result<Option<u8>, DecodeError> {
    let oui = reader.array::<3>()?;
    let number = reader.u8()?;
    Ok((oui == OUI).then_some(number))
}

/// A list of suites, of up to the 62 that an element has room for; those of somebody else's numbering are left out.
fn suites(reader: &mut Reader<'_>) -> Result<Suites, DecodeError> {
    let mut set = Suites::default();
    for _ in 0..reader.u16()? {
        if let Some(number) = suite(reader)? {
            set = Suites(set.0 | Suites::of(&[number]).0);
        }
    }
    Ok(set)
}
