//! Which networks are joined: every suite number of IEEE 802.11-2020, every truncation, and what real access points say.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and the counts are evidence"
)]
#![expect(clippy::arithmetic_side_effects, reason = "an overflow would stop the test")]

use medsec_core::codec::DecodeError;
use medsec_transport::wifi::{Association, Pin, Policy, Ssid, Suites, WifiRefusal, judge};

const POLICIES: [Policy; 5] = [
    Policy::Wpa3Personal,
    Policy::Wpa2Personal,
    Policy::Enterprise,
    Policy::Enterprise192,
    Policy::Encrypted,
];

/// Table 9-149: cipher suites by number.
const CIPHERS: [&str; 14] = [
    "use group",
    "WEP-40",
    "TKIP",
    "reserved",
    "CCMP-128",
    "WEP-104",
    "BIP-CMAC-128",
    "no group traffic",
    "GCMP-128",
    "GCMP-256",
    "CCMP-256",
    "BIP-GMAC-128",
    "BIP-GMAC-256",
    "BIP-CMAC-256",
];

/// Table 9-151: authentication and key management suites by number, and 24 and 25 of WPA3.
const AKMS: [&str; 26] = [
    "reserved",
    "802.1X",
    "PSK",
    "FT 802.1X SHA-256",
    "FT PSK",
    "802.1X SHA-256",
    "PSK SHA-256",
    "TDLS",
    "SAE",
    "FT SAE",
    "AP peer key",
    "Suite B SHA-256",
    "Suite B SHA-384",
    "FT 802.1X SHA-384",
    "FILS SHA-256",
    "FILS SHA-384",
    "FT FILS SHA-256",
    "FT FILS SHA-384",
    "OWE",
    "FT PSK SHA-384",
    "PSK SHA-384",
    "PASN",
    "reserved",
    "reserved",
    "SAE by group",
    "FT SAE by group",
];

/// What a policy takes, by name.
fn wanted(
    policy: Policy,
) -> (&'static [&'static str], &'static [&'static str], &'static [&'static str]) {
    let sae = &["SAE", "FT SAE", "SAE by group", "FT SAE by group"][..];
    let ciphers = &["CCMP-128", "GCMP-128", "GCMP-256", "CCMP-256"][..];
    let management = &["BIP-CMAC-128", "BIP-GMAC-128", "BIP-GMAC-256", "BIP-CMAC-256"][..];
    match policy {
        Policy::Wpa3Personal => (sae, ciphers, management),
        Policy::Wpa2Personal => (
            &["SAE", "FT SAE", "SAE by group", "FT SAE by group", "PSK", "FT PSK", "PSK SHA-256"],
            ciphers,
            management,
        ),
        Policy::Enterprise => (
            &[
                "FT 802.1X SHA-256",
                "802.1X SHA-256",
                "Suite B SHA-256",
                "Suite B SHA-384",
                "FT 802.1X SHA-384",
            ],
            ciphers,
            management,
        ),
        Policy::Enterprise192 => (
            &["Suite B SHA-384", "FT 802.1X SHA-384"],
            &["GCMP-256", "CCMP-256"],
            &["BIP-GMAC-256", "BIP-CMAC-256"],
        ),
        Policy::Encrypted | _ => (&["OWE"], ciphers, management),
    }
}

/// An RSN element and what stands beside it.
#[derive(Clone)]
struct Network {
    group: u8,
    pairwise: Vec<u8>,
    akms: Vec<u8>,
    capabilities: u16,
    management: u8,
    h2e: bool,
}

impl Network {
    fn body(&self) -> Vec<u8> {
        let suite = |number: &u8| [0x00, 0x0f, 0xac, *number];
        let list = |numbers: &[u8]| {
            let count = u16::try_from(numbers.len()).unwrap().to_le_bytes();
            [&count[..], &numbers.iter().flat_map(suite).collect::<Vec<_>>()].concat()
        };
        [
            &[1, 0][..],
            &suite(&self.group),
            &list(&self.pairwise),
            &list(&self.akms),
            &self.capabilities.to_le_bytes(),
            &[0, 0],
            &suite(&self.management),
        ]
        .concat()
    }

    fn elements(&self) -> Vec<u8> {
        let rsnx = [0x20 * u8::from(self.h2e)];
        [element(0, b"ward 4"), element(48, &self.body()), element(244, &rsnx)].concat()
    }

    fn judge(&self, policy: Policy) -> Result<Pin, WifiRefusal> {
        judge(&self.elements(), true, policy)
    }
}

fn element(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id, u8::try_from(body.len()).unwrap()], body].concat()
}

const MFPC: u16 = 0x80;
const MFPR: u16 = 0x40;

/// WPA3 with a password, as it should be.
fn good() -> Network {
    Network {
        group: 4,
        pairwise: vec![4],
        akms: vec![8],
        capabilities: MFPC | MFPR,
        management: 6,
        h2e: true,
    }
}

#[test]
fn every_suite_number_is_judged_as_the_tables_say() {
    let name = |table: &[&'static str], number: u8| {
        table.get(usize::from(number)).copied().unwrap_or("reserved")
    };
    let numbers: Vec<u8> = (0..=33).chain([221, 255]).collect();
    let (mut networks, mut joined) = (0, 0);
    for policy in POLICIES {
        let (akms, ciphers, managements) = wanted(policy);
        for akm in &numbers {
            for pairwise in 0..=15 {
                for group in 0..=15 {
                    for bits in 0..8_u16 {
                        let capabilities = (bits & 3) << 6;
                        let network = Network {
                            group,
                            pairwise: vec![pairwise],
                            akms: vec![*akm],
                            capabilities,
                            h2e: bits & 4 != 0,
                            management: if policy == Policy::Enterprise192 { 12 } else { 6 },
                        };
                        let is_wanted = ciphers.contains(&name(&CIPHERS, pairwise))
                            && ciphers.contains(&name(&CIPHERS, group))
                            && akms.contains(&name(&AKMS, *akm))
                            && capabilities & MFPC != 0
                            && (network.h2e || policy != Policy::Wpa3Personal);
                        let judged = network.judge(policy);
                        assert_eq!(
                            judged.is_ok(),
                            is_wanted,
                            "{akm} {pairwise} {group} {bits} {judged:?}"
                        );
                        networks += 1;
                        joined += u32::from(is_wanted);
                    }
                }
            }
        }
        for management in 0..=255 {
            let mut network = good();
            (network.group, network.pairwise) = (9, vec![9]);
            let (number, _) = (0..).zip(AKMS).find(|(_, name)| akms.contains(name)).unwrap();
            (network.akms, network.management) = (vec![number], management);
            let is_wanted = managements.contains(&name(&CIPHERS, management));
            assert_eq!(network.judge(policy).is_ok(), is_wanted, "{policy:?} {management}");
            networks += 1;
            joined += u32::from(is_wanted);
        }
    }
    println!("Wi-Fi: {networks} networks, {joined} joined, 0 differences from the tables");
    assert_eq!(networks, 5 * (36 * 16 * 16 * 8 + 256));
}

/// A list with one broken cipher is refused whatever else is in it; others that nobody knows are left out.
#[test]
fn lists_of_suites() {
    let with = |change: fn(&mut Network)| {
        let mut network = good();
        change(&mut network);
        network.judge(Policy::Wpa3Personal)
    };
    let pin = with(|_| ()).unwrap();
    assert_eq!((pin.akms(), pin.pairwise()), (Suites::of(&[8]), Suites::of(&[4])));
    assert_eq!((pin.group(), pin.group_management(), pin.needs_h2e()), (4, 6, true));
    assert_eq!(pin.ssid().bytes(), b"ward 4");
    assert_eq!(with(|network| network.pairwise = vec![2, 4]), Err(WifiRefusal::Cipher));
    assert_eq!(with(|network| network.pairwise = vec![4, 1]), Err(WifiRefusal::Cipher));
    assert_eq!(with(|network| network.group = 2), Err(WifiRefusal::Cipher));
    let pin = with(|network| network.pairwise = vec![4, 9, 3, 77]).unwrap();
    assert_eq!(pin.pairwise(), Suites::of(&[4, 9]));
    // Both a password alone and SAE: only SAE is pinned.
    let pin = with(|network| (network.akms, network.capabilities) = (vec![2, 8], MFPC)).unwrap();
    assert_eq!(pin.akms(), Suites::of(&[8]));
    let mut both = good();
    (both.akms, both.capabilities) = (vec![2, 6, 8, 24], MFPC);
    assert_eq!(both.judge(Policy::Wpa2Personal).map(|pin| pin.akms()), Ok(Suites::of(&[8, 24])));
    both.akms = vec![2, 6];
    assert_eq!(both.judge(Policy::Wpa2Personal).map(|pin| pin.akms()), Ok(Suites::of(&[2, 6])));
    assert_eq!(with(|network| network.akms = vec![2]), Err(WifiRefusal::KeyManagement));
    assert_eq!(with(|network| network.h2e = false), Err(WifiRefusal::HashToElement));
    assert_eq!(with(|network| network.capabilities = 0), Err(WifiRefusal::Management));
    assert_eq!(with(|network| network.capabilities = MFPR), Err(WifiRefusal::Management));
    assert_eq!(with(|network| network.pairwise = Vec::new()), Err(WifiRefusal::Cipher));
    assert_eq!(with(|network| network.akms = Vec::new()), Err(WifiRefusal::KeyManagement));
    with(|network| network.akms = vec![8; 55]).unwrap();
    // The numbers that a set holds.
    assert!(Suites::of(&[31]).has(31) && !Suites::of(&[32, 255]).has(32));
    assert!(Suites::of(&[32, 255]).is_empty());
}

/// An element that ends before its capabilities has unprotected management frames; what may be missing behind them has its default.
#[test]
fn no_truncation_is_joined() {
    let body = good().body();
    let (mut refused, mut joined) = (0, 0);
    for length in 0..=body.len() {
        let elements = [element(0, b"ward 4"), element(48, &body[..length]), element(244, &[0x20])];
        for policy in POLICIES {
            let judged = judge(&elements.concat(), true, policy);
            // Without the count of key ids and the cipher for management frames, those have their defaults.
            let is_whole = [20, 22, 26].contains(&length) && policy != Policy::Encrypted;
            let wanted = is_whole && [Policy::Wpa3Personal, Policy::Wpa2Personal].contains(&policy);
            assert_eq!(judged.is_ok(), wanted, "{length} {policy:?}");
            refused += u32::from(!wanted);
            joined += u32::from(wanted);
        }
    }
    let elements = good().elements();
    for length in 0..elements.len() {
        let judged = judge(&elements[..length], true, Policy::Wpa2Personal);
        // The last element, and it alone, can be missing as a whole.
        assert_eq!(judged.is_ok(), length == elements.len() - 3, "{length}");
        refused += u32::from(judged.is_err());
    }
    println!(
        "Wi-Fi: {refused} truncations refused, {joined} at the edge of a field that may be missing"
    );
    assert_eq!((body.len(), joined), (26, 6));
}

#[test]
fn networks_without_rsn_are_refused_by_name() {
    let ssid = element(0, b"ward 4");
    let wpa = element(221, &[0x00, 0x50, 0xf2, 0x01, 1, 0, 0x00, 0x50, 0xf2, 2]);
    let wmm = element(221, &[0x00, 0x50, 0xf2, 0x02, 1, 1]);
    for policy in POLICIES {
        let judged = |elements: &[&[u8]], privacy| judge(&elements.concat(), privacy, policy);
        assert_eq!(judged(&[&ssid], false), Err(WifiRefusal::Open));
        assert_eq!(judged(&[&ssid, &wmm], false), Err(WifiRefusal::Open));
        assert_eq!(judged(&[&ssid], true), Err(WifiRefusal::Wep));
        assert_eq!(judged(&[&ssid, &wpa], true), Err(WifiRefusal::Wpa));
        let mixed = [good().elements(), wpa.clone()].concat();
        assert_eq!(judge(&mixed, true, policy), Err(WifiRefusal::Wpa));
        assert_eq!(judged(&[], false), Err(WifiRefusal::Open));
    }
}

#[test]
fn elements_that_contradict_each_other_are_refused() {
    let network = good();
    let (rsn, ssid) = (element(48, &network.body()), element(0, b"ward 4"));
    let rsnx = element(244, &[0x20]);
    let judged = |parts: &[&[u8]]| judge(&parts.concat(), true, Policy::Wpa3Personal);
    judged(&[&ssid, &rsn, &rsnx]).unwrap();
    for twice in [&ssid, &rsn, &rsnx] {
        assert_eq!(judged(&[&ssid, &rsn, &rsnx, twice]), Err(WifiRefusal::Elements));
    }
    // Without a name, with an empty one, and with one that is too long, there is nothing to pin.
    assert_eq!(judged(&[&rsn, &rsnx]), Err(WifiRefusal::Elements));
    assert_eq!(judged(&[&element(0, b""), &rsn, &rsnx]), Err(WifiRefusal::Elements));
    assert_eq!(judged(&[&element(0, &[b'a'; 33]), &rsn, &rsnx]), Err(WifiRefusal::Elements));
    judged(&[&element(0, &[b'a'; 32]), &rsn, &rsnx]).unwrap();
    let pin = judged(&[&element(0, b"a"), &rsn, &rsnx]).unwrap();
    let printed = format!("{:?}", pin.ssid());
    assert!(printed.starts_with("Ssid { bytes: [97, 0, ") && printed.ends_with(" 0], length: 1 }"));
    assert_eq!(judged(&[&ssid, &rsn]), Err(WifiRefusal::HashToElement));
    let without = [&ssid[..], &rsn].concat();
    assert!(judge(&without, true, Policy::Wpa2Personal).is_ok_and(|pin| !pin.needs_h2e()));
    // Ids of keys from before, and what nobody knows behind the last field.
    let body = network.body();
    for ids in 0..3_u8 {
        let (front, back) = (&body[..20], &body[22..]);
        let listed = [front, &[ids, 0], &vec![7; usize::from(ids) * 16], back].concat();
        judged(&[&ssid, &element(48, &listed), &rsnx]).unwrap();
        // A byte of a cipher for management frames is less than a cipher.
        let cut = judged(&[&ssid, &element(48, &listed[..listed.len() - 3]), &rsnx]);
        assert_eq!(cut, Err(WifiRefusal::Layout(DecodeError::Short)));
        let longer = [&listed[..], &[0]].concat();
        let refused = judged(&[&ssid, &element(48, &longer), &rsnx]);
        assert!(matches!(refused, Err(WifiRefusal::Layout(_))));
        let short = [front, &[ids + 1, 0], &vec![7; usize::from(ids) * 16]].concat();
        let refused = judged(&[&ssid, &element(48, &short), &rsnx]);
        assert!(matches!(refused, Err(WifiRefusal::Layout(_))));
    }
    let mut version = network.body();
    version[0] = 2;
    assert_eq!(judged(&[&ssid, &element(48, &version), &rsnx]), Err(WifiRefusal::Version));
    // A cipher or key management of somebody else's numbering is none.
    for (offset, refusal) in
        [(4, WifiRefusal::Cipher), (10, WifiRefusal::Cipher), (16, WifiRefusal::KeyManagement)]
    {
        let mut other = network.body();
        other[offset] ^= 1;
        assert_eq!(judged(&[&ssid, &element(48, &other), &rsnx]), Err(refusal), "{offset}");
    }
}

/// Each thing in which an association can differ from what was decided, as a twin of the network would bring about.
#[test]
fn an_association_that_differs_is_left() {
    let pin = good().judge(Policy::Wpa3Personal).unwrap();
    let same = Association {
        ssid: Ssid::of(b"ward 4").unwrap(),
        akm: 8,
        pairwise: 4,
        group: 4,
        group_management: Some(6),
        h2e: true,
    };
    assert!(pin.admits(&same));
    let changes: [fn(&mut Association); 8] = [
        |other| other.ssid = Ssid::of(b"ward 5").unwrap(),
        |other| other.akm = 2,
        |other| other.akm = 40,
        |other| other.pairwise = 2,
        |other| other.group = 2,
        |other| other.group_management = None,
        |other| other.group_management = Some(11),
        |other| other.h2e = false,
    ];
    for change in changes {
        let mut other = same;
        change(&mut other);
        assert!(!pin.admits(&other), "{other:?}");
    }
}
