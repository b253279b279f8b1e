//! Codes about identities, links and what devices export.

use super::Code;

/// About identities.
impl Code {
    /// Malformed file of an identity.
    pub const IDENTITY_FILE: Self = Self {
        id: "E0115",
        title: "malformed file of an identity",
        cause: "A file with the secrets of a holder or an authority, its book, or what the \
                owner's tools trust, was changed or is another file.",
        risk: "Nothing was done.",
        fix: "Use the file as this tool wrote it. A certificate that was lost is issued \
                again, and the old one revoked.",
    };
    /// Passphrase does not open a key.
    pub const PASSPHRASE: Self = Self {
        id: "E0116",
        title: "passphrase does not open a key",
        cause: "The passphrase is another one, or the file of the key was changed.",
        risk: "Nothing was done.",
        fix: "Type the passphrase of this authority. Without it the key is lost, and what it \
                issued stays good until it expires.",
    };
    /// Passphrase too short.
    pub const WEAK_PASSPHRASE: Self = Self {
        id: "E0117",
        title: "passphrase too short",
        cause: "A passphrase that stands alone has at least 15 characters.",
        risk: "Nothing was done. Who copies the file could guess a shorter one.",
        fix: "Choose a longer one: five words that nobody has put together before.",
    };
    /// List of revoked numbers is full.
    pub const LIST_FULL: Self = Self {
        id: "E0118",
        title: "list of revoked numbers is full",
        cause: "Devices keep at most 32 revoked serial numbers of an authority.",
        risk: "Nothing was revoked.",
        fix: "Begin a new authority: `medsec ca rotate` ends the certificates of persons, service and \
                stations before it, and takes nothing off the list.",
    };
    /// No such serial number.
    pub const UNKNOWN_SERIAL: Self = Self {
        id: "E0119",
        title: "no such serial number",
        cause: "This authority has not issued a certificate with the number.",
        risk: "Nothing was revoked.",
        fix: "Take the number from the certificate that is to be revoked; `medsec ca show` \
                tells how many there are.",
    };
    /// Draft of a permit not for this authority.
    pub const NOT_THE_DRAFT: Self = Self {
        id: "E0120",
        title: "draft of a permit not for this authority",
        cause: "The first signer named another key beside his own, or the draft was changed \
                since he signed it.",
        risk: "Nothing was signed.",
        fix: "Have the first sign again, with --beside and the key that `medsec ca show` tells \
                of the second. If he did so, treat as tampering.",
    };
}

/// About links to devices, and what they export.
impl Code {
    /// No connection to the device.
    pub const NO_CONNECTION: Self = Self {
        id: "E0401",
        title: "no connection to the device",
        cause: "The address cannot be reached, or the serial line not opened.",
        risk: "Nothing was done.",
        fix: "Check the address, the cable and that the device is on, and run the command \
                again.",
    };
    /// Link lost.
    pub const LINK_LOST: Self = Self {
        id: "E0402",
        title: "link lost",
        cause: "The device did not answer in five seconds, or the connection ended. A device \
                that does not let a first message in says nothing.",
        risk: "Nothing is lost: what the device records is on it, and a fetch goes on where \
                it stopped.",
        fix: "Run the command again. If it stays so, check that --trust is of the device's \
                owner.",
    };
    /// Device not proven.
    pub const UNPROVEN: Self = Self {
        id: "E0403",
        title: "device not proven",
        cause: "What answers could not show a certificate of an issuer in --trust, or not the \
                key in it, or it is another device than --device.",
        risk: "It may be an impostor. Nothing was told to it but who asks, and only if it \
                proved a certificate.",
        fix: "Check that --trust and --device are of this device. If they are, treat as an \
                attack.",
    };
    /// Certificate not taken by the device.
    pub const NOT_WELCOME: Self = Self {
        id: "E0404",
        title: "certificate not taken by the device",
        cause: "The device knows the issuer of the certificate in --as, and refuses it: \
                revoked, expired, of an older epoch, or for another kind of peer.",
        risk: "Nothing was done; the refusal is in the device's log.",
        fix: "Have the owner's authority issue a certificate again, if the holder is still \
                to have one.",
    };
    /// Request refused by the device.
    pub const REQUEST_REFUSED: Self = Self {
        id: "E0405",
        title: "request refused by the device",
        cause: "The holder may not have what was asked for, the device does not know the \
                request, or it is not ready.",
        risk: "Nothing was done.",
        fix: "If the device was not ready, run the command again. Who may ask for what is in \
                the documentation of formats, section 15.",
    };
    /// Malformed answer.
    pub const ODD_ANSWER: Self = Self {
        id: "E0406",
        title: "malformed answer",
        cause: "The device has proved who it is, and answered what this version of the tool \
                does not understand.",
        risk: "Nothing may be concluded from it.",
        fix: "Use a version of the tool as new as the device's firmware.",
    };
    /// Sealed file does not open.
    pub const SEALED_FILE: Self = Self {
        id: "E0407",
        title: "sealed file does not open",
        cause: "It was cut off or changed, is from a sender that --trust does not vouch for, \
                or is not for the holder in --as.",
        risk: "Nothing was given out.",
        fix: "Have the device export again. If it happens again on another medium, treat as \
                tampering.",
    };
    /// No recipients.
    pub const RECIPIENTS: Self = Self {
        id: "E0408",
        title: "no recipients",
        cause: "A certificate in --to is not a recipient's, does not hold, or is there twice; or \
                there are more than eight.",
        risk: "Nothing was written.",
        fix: "Pass certificates of recipients that the owner's authority has issued.",
    };
    /// A fetch went on.
    pub const RESUMED: Self = Self {
        id: "E0409",
        title: "a fetch went on",
        cause: "Less than an hour before, a fetch to the same file broke off, and this run went on \
                behind what had come.",
        risk: "What the device recorded since that fetch began is not in the log.",
        fix: "Nothing, or run the command again for the log as it is now.",
    };
}
