//! The codes of errors and findings, and what each means. They are frozen: documents and scripts refer to them.

mod erase;
mod link;
mod registry;

/// A code of an error or a finding, with what `medsec explain` says about it.
#[derive(PartialEq, Eq, Debug)]
pub struct Code {
    /// The code as it is printed.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// What led to it.
    pub cause: &'static str,
    /// What it means for whoever relies on the log.
    pub risk: &'static str,
    /// What to do.
    pub fix: &'static str,
}

/// About inputs and outputs.
impl Code {
    /// No trust anchor.
    pub const NO_TRUST_ANCHOR: Self = Self {
        id: "E0101",
        title: "no trust anchor",
        cause: "The command was given a log but no --device-key, or an erase certificate but no --trust.",
        risk: "Nothing was checked. What was forged from end to end would look the same.",
        fix: "Pass --device-key with the public key that was read out when the device was \
              provisioned, or --trust with who certifies devices, never one that came with what is judged.",
    };
    /// Cannot read a file.
    pub const READ: Self = Self {
        id: "E0102",
        title: "cannot read a file",
        cause: "The system refused to read it: no such file, no permission, a fault of the \
                medium.",
        risk: "Nothing was checked.",
        fix: "Check the path and the permissions, and run the command again.",
    };
    /// File too large.
    pub const TOO_LARGE: Self = Self {
        id: "E0103",
        title: "file too large",
        cause: "The file is larger than any file of its kind.",
        risk: "Nothing was checked.",
        fix: "Pass the log region alone, as it was read from the device, and key files as they \
              were made.",
    };
    /// Malformed device key.
    pub const DEVICE_KEY: Self = Self {
        id: "E0104",
        title: "malformed device key",
        cause: "A device key file is one line: `medsec-device-key-1`, a space, 64 hexadecimal \
                digits in lower case. The digits must be an Ed25519 public key.",
        risk: "Nothing was checked.",
        fix: "Fetch the device's public key again from the provisioning record.",
    };
    /// Malformed authority key.
    pub const AUTHORITY_KEY: Self = Self {
        id: "E0105",
        title: "malformed authority key",
        cause: "A log authority's key file is one line: `medsec-authority-secret-1`, a space, 64 \
                hexadecimal digits in lower case.",
        risk: "Nothing was checked; the records stay sealed.",
        fix: "Fetch the secret again from where it is kept. Without it, leave --authority-key \
              out: the stored bytes can still be verified.",
    };
    /// Malformed checkpoint.
    pub const CHECKPOINT_FILE: Self = Self {
        id: "E0106",
        title: "malformed checkpoint",
        cause: "A checkpoint file is one line, as `medsec log checkpoint` writes it.",
        risk: "Nothing was checked: without the anchor, a cut at the end of the log could pass.",
        fix: "Use the file as it was written; do not retype it.",
    };
    /// Cannot write the result.
    pub const WRITE: Self = Self {
        id: "E0107",
        title: "cannot write the result",
        cause: "The system refused to write: no space, no permission, no such directory.",
        risk: "There is no result, or only a part of it. A file named by -o is only ever \
               replaced whole.",
        fix: "Make space or choose another place, and run the command again.",
    };
    /// Output would replace an input.
    pub const OVER_INPUT: Self = Self {
        id: "E0108",
        title: "output would replace an input",
        cause: "The path given by -o is the log or one of the key files.",
        risk: "Evidence or a key would have been lost. Nothing was written.",
        fix: "Choose another path for -o.",
    };
    /// Secret readable by others.
    pub const WIDE_KEY_FILE: Self = Self {
        id: "E0109",
        title: "secret readable by others",
        cause: "The file with the log authority's secret, or with the key of an export's \
                pseudonyms, can be read by its group or by everybody.",
        risk: "Whoever reads the authority's secret can open the records of every device of this \
               authority, and can make records that only the device's signature tells from true \
               ones. Whoever reads the key of pseudonyms can tell for whom they stand.",
        fix: "chmod 600 the file; if others had access to the machine, treat the secret as \
              known.",
    };
    /// Malformed layout.
    pub const LAYOUT_FILE: Self = Self {
        id: "E0110",
        title: "malformed layout",
        cause: "A layout file begins with the line medsec-layout-1 and has the lines suite, model, \
                page, unit, cell and log, in this order, with decimal figures. Cell and log are \
                whole pages and do not overlap.",
        risk: "Nothing was checked.",
        fix: "Correct the line that the message names, by the device's flash map.",
    };
    /// Malformed catalogue.
    pub const CATALOGUE_FILE: Self = Self {
        id: "E0111",
        title: "malformed catalogue",
        cause: "A catalogue file begins with the line medsec-catalogue-1 and has one event a line, \
                by ascending id.",
        risk: "Nothing was checked. A wrong catalogue would show records under wrong names.",
        fix: "Have the maker's program write the file again, or leave --catalogue out: events are \
              then shown by their numbers.",
    };
    /// Malformed pseudonym key.
    pub const PSEUDONYM_KEY: Self = Self {
        id: "E0112",
        title: "malformed pseudonym key",
        cause: "A pseudonym key file is one line: `medsec-pseudonym-key-1`, a space, 64 hexadecimal \
                digits in lower case.",
        risk: "No pseudonym was told.",
        fix: "Pass the file that --pseudonym-key of the export wrote.",
    };
    /// Key would replace a file.
    pub const OVER_FILE: Self = Self {
        id: "E0113",
        title: "key would replace a file",
        cause: "The path given by --pseudonym-key exists.",
        risk: "It may be the key of another export, and the only one. Nothing was written.",
        fix: "Choose a path that does not exist.",
    };
    /// No randomness.
    pub const NO_RANDOMNESS: Self = Self {
        id: "E0114",
        title: "no randomness",
        cause: "The system gave no random bytes for the key of the pseudonyms.",
        risk: "Nothing was written: pseudonyms of a key that can be guessed are none.",
        fix: "Run the command again; if it stays so, the machine is not fit for it.",
    };
}

/// About what a log shows.
impl Code {
    /// Records are missing.
    pub const GAP: Self = Self {
        id: "E0201",
        title: "records are missing",
        cause: "Pages that later records refer to are not there, although no policy allowed to \
                overwrite them.",
        risk: "What happened in this range is unknown, and somebody removed it, or the flash has \
               failed.",
        fix: "Treat as tampering: keep the flash image, compare with earlier exports and \
              checkpoints.",
    };
    /// The end was cut off.
    pub const TRUNCATED: Self = Self {
        id: "E0202",
        title: "the end was cut off",
        cause: "A checkpoint proves records that the log no longer holds.",
        risk: "The newest actions were hidden.",
        fix: "Treat as tampering: keep the flash image; the checkpoint tells how many records \
              are missing.",
    };
    /// Stored bytes were changed.
    pub const MODIFIED: Self = Self {
        id: "E0203",
        title: "stored bytes were changed",
        cause: "A record, a page header or a checkpoint fails its authentication where no power \
                cut explains it.",
        risk: "The content of this range is not what the device wrote. Ranges that are verified \
               stay reliable.",
        fix: "Treat as tampering: keep the flash image. If the flash part is worn or damaged, \
              replace it and record the incident.",
    };
    /// Pages are out of place.
    pub const REORDERED: Self = Self {
        id: "E0204",
        title: "pages are out of place",
        cause: "A page carries a number that does not belong where it was found.",
        risk: "Somebody moved or copied pages, to hide or repeat what happened.",
        fix: "Treat as tampering: keep the flash image. Check that the image was read in order.",
    };
    /// An older state of the device.
    pub const ROLLED_BACK: Self = Self {
        id: "E0205",
        title: "an older state of the device",
        cause: "The newest session of the log is newer than the device's stored state knows of.",
        risk: "The state was set back to an older copy, or the log's newest session was made up.",
        fix: "Treat as tampering: keep the flash image; find out who could write to the flash.",
    };
    /// Torn by a power cut.
    pub const TORN_TAIL: Self = Self {
        id: "E0206",
        title: "torn, as by a power cut",
        cause: "The last record of a session does not open: the power went while it was being \
                written, or somebody changed it since.",
        risk: "At most that one record is lost; it had not been acknowledged. Somebody with \
               access to the flash could make one record look like this.",
        fix: "Nothing to repair. Compare with what the device acknowledged, if that one record \
              matters.",
    };
    /// Overwritten by policy.
    pub const OVERWRITTEN_BY_POLICY: Self = Self {
        id: "E0207",
        title: "overwritten by policy",
        cause: "The log was full and overwrites its oldest records.",
        risk: "What happened in this range is no longer told by the device.",
        fix: "Export more often, or give the log more flash.",
    };
    /// Not anchored.
    pub const UNANCHORED: Self = Self {
        id: "E0208",
        title: "not anchored",
        cause: "No checkpoint covers the range and no authority key was given; or it lies behind \
                a place where the log was changed.",
        risk: "It may be genuine, cut or made up.",
        fix: "If no authority key was given, pass it; or have the device sign a checkpoint and \
              fetch the log again. --strict refuses such ranges.",
    };
    /// Vouched for by the log key alone.
    pub const MAC_ONLY: Self = Self {
        id: "E0209",
        title: "vouched for by the log key alone",
        cause: "The range lies behind the last checkpoint that the device signed.",
        risk: "A holder of the log key, such as the log authority, could have made these \
               records.",
        fix: "Ask the device for a checkpoint and fetch the log again; --strict refuses such \
              ranges.",
    };
    /// Not a log.
    pub const NOT_A_LOG: Self = Self {
        id: "E0210",
        title: "not a log",
        cause: "The file does not begin as an export and no --layout was given, it is not as long \
                as it or the layout says, or no page has the form of a log page.",
        risk: "Nothing was checked. If the file is a device's flash, its log was wiped or \
               overwritten.",
        fix: "Pass an export as it was fetched, or a raw flash image with --layout. If it is, \
              treat as tampering.",
    };
    /// Log of another device.
    pub const OTHER_DEVICE: Self = Self {
        id: "E0211",
        title: "log of another device",
        cause: "The log names another device than the key; or it names none, and none of its \
                checkpoints is signed by the key.",
        risk: "Nothing is known about this log.",
        fix: "Compare the device's serial number with the provisioning record, and fetch the \
              right key. For a raw image, compare the model in the layout.",
    };
    /// Anchor not signed by this device.
    pub const FOREIGN_ANCHOR: Self = Self {
        id: "E0212",
        title: "anchor not signed by this device",
        cause: "The signature of the checkpoint does not fit the device key, or it names another \
                device.",
        risk: "A forged anchor could have made a cut log pass. Nothing was concluded from it.",
        fix: "Use a checkpoint of this device; ask where this one came from.",
    };
    /// Authority key does not open the log.
    pub const FOREIGN_AUTHORITY: Self = Self {
        id: "E0213",
        title: "authority key does not open the log",
        cause: "The log was sealed to another log authority.",
        risk: "The records stay sealed.",
        fix: "Find the authority that the device was given, or leave --authority-key out to \
              verify the stored bytes.",
    };
    /// No signed checkpoint.
    pub const NO_CHECKPOINT: Self = Self {
        id: "E0214",
        title: "no signed checkpoint",
        cause: "The device has not signed a checkpoint in what the log still holds.",
        risk: "There is nothing to keep as an anchor, and nothing that a stranger can verify.",
        fix: "Have the device sign one (an export does), and fetch the log again.",
    };
    /// Records not opened.
    pub const SEALED: Self = Self {
        id: "E0215",
        title: "records not opened",
        cause: "No --authority-key was given, so the stored bytes were checked against the \
                signed checkpoints and nothing was decrypted.",
        risk: "The verdicts hold; what the records say is not shown.",
        fix: "The log authority can run the same command with --authority-key.",
    };
    /// Records outside every range.
    pub const UNPLACED: Self = Self {
        id: "E0216",
        title: "records outside every range",
        cause: "Records were opened that lie in no range, or in more than one.",
        risk: "They are not shown, since nothing is known about them.",
        fix: "Keep the flash image and report this, with the version of this tool.",
    };
    /// Nothing was verified.
    pub const NOTHING_VERIFIED: Self = Self {
        id: "E0217",
        title: "nothing was verified",
        cause: "No range of the log could be verified.",
        risk: "Nothing is known about what happened on the device.",
        fix: "Check that the file is the device's log. If nothing was signed yet, pass \
              --authority-key; otherwise treat as tampering.",
    };
    /// Nothing vouches for what may have followed.
    pub const OPEN_END: Self = Self {
        id: "E0218",
        title: "nothing vouches for what may have followed",
        cause: "Every log ends somewhere, and no log can prove by itself that it did not go on.",
        risk: "Records behind the newest checkpoint could have been cut off without a trace.",
        fix: "Keep checkpoints outside the device and pass the newest as --anchor. --strict needs \
              one, and a log whose newest record is signed.",
    };
    /// Anchor not in the log.
    pub const ANCHOR_GONE: Self = Self {
        id: "E0219",
        title: "anchor not in the log",
        cause: "The page that held the anchor was overwritten by policy since it was kept.",
        risk: "That the log goes on from the anchor is vouched for by later signatures alone.",
        fix: "Keep a newer checkpoint as the anchor.",
    };
    /// Records that do not fit the catalogue.
    pub const MISFIT: Self = Self {
        id: "E0220",
        title: "records that do not fit the catalogue",
        cause: "The catalogue declares the event with other fields, codes, category or class than \
                the record has.",
        risk: "The records are authentic. Their fields are shown without names, since the names \
               might be wrong.",
        fix: "Pass the catalogue of the firmware that wrote the log.",
    };
    /// Stored state not tied to the device.
    pub const STATE_UNTIED: Self = Self {
        id: "E0221",
        title: "stored state not tied to the device",
        cause: "The device's stored state names its newest session. Its proof belongs to a chain of \
                secrets that no checkpoint of the device vouches for.",
        risk: "Whether newer sessions were removed cannot be told from it.",
        fix: "Have the device sign a checkpoint in its present session and fetch the log again.",
    };
}

/// About the command line.
impl Code {
    /// Unknown code.
    pub const UNKNOWN_CODE: Self = Self {
        id: "E0301",
        title: "unknown code",
        cause: "`medsec explain` was given a code that no error or finding has.",
        risk: "None.",
        fix: "Type the code as it was printed, such as E0101.",
    };
    /// Unknown schema.
    pub const UNKNOWN_SCHEMA: Self = Self {
        id: "E0302",
        title: "unknown schema",
        cause: "`medsec schema` was given a name that no output has.",
        risk: "None.",
        fix: "Take a name from the list in the message.",
    };
    /// Wrong command line.
    pub const USAGE: Self = Self {
        id: "E0303",
        title: "wrong command line",
        cause: "An option or argument is missing, unknown or contradicts another.",
        risk: "Nothing was done.",
        fix: "See `medsec --help`, or --help after the verb.",
    };
}

/// About the tool itself.
impl Code {
    /// A bug of this tool.
    pub const BUG: Self = Self {
        id: "E0900",
        title: "a bug of this tool",
        cause: "Something happened that should be impossible.",
        risk: "There is no result. Nothing may be concluded about the log.",
        fix: "Report the text, with the version of the tool; it holds no secret.",
    };
}

impl Code {
    /// All of them, in the order of their numbers.
    pub const ALL: &[&Self] = &[
        &Self::NO_TRUST_ANCHOR,
        &Self::READ,
        &Self::TOO_LARGE,
        &Self::DEVICE_KEY,
        &Self::AUTHORITY_KEY,
        &Self::CHECKPOINT_FILE,
        &Self::WRITE,
        &Self::OVER_INPUT,
        &Self::WIDE_KEY_FILE,
        &Self::LAYOUT_FILE,
        &Self::CATALOGUE_FILE,
        &Self::PSEUDONYM_KEY,
        &Self::OVER_FILE,
        &Self::NO_RANDOMNESS,
        &Self::IDENTITY_FILE,
        &Self::PASSPHRASE,
        &Self::WEAK_PASSPHRASE,
        &Self::LIST_FULL,
        &Self::UNKNOWN_SERIAL,
        &Self::NOT_THE_DRAFT,
        &Self::GAP,
        &Self::TRUNCATED,
        &Self::MODIFIED,
        &Self::REORDERED,
        &Self::ROLLED_BACK,
        &Self::TORN_TAIL,
        &Self::OVERWRITTEN_BY_POLICY,
        &Self::UNANCHORED,
        &Self::MAC_ONLY,
        &Self::NOT_A_LOG,
        &Self::OTHER_DEVICE,
        &Self::FOREIGN_ANCHOR,
        &Self::FOREIGN_AUTHORITY,
        &Self::NO_CHECKPOINT,
        &Self::SEALED,
        &Self::UNPLACED,
        &Self::NOTHING_VERIFIED,
        &Self::OPEN_END,
        &Self::ANCHOR_GONE,
        &Self::MISFIT,
        &Self::STATE_UNTIED,
        &Self::UNKNOWN_CODE,
        &Self::UNKNOWN_SCHEMA,
        &Self::USAGE,
        &Self::NO_CONNECTION,
        &Self::LINK_LOST,
        &Self::UNPROVEN,
        &Self::NOT_WELCOME,
        &Self::REQUEST_REFUSED,
        &Self::ODD_ANSWER,
        &Self::SEALED_FILE,
        &Self::RECIPIENTS,
        &Self::RESUMED,
        &Self::REGISTRY_UNAVAILABLE,
        &Self::NOT_A_REGISTRY,
        &Self::REGISTRY_CHANGED,
        &Self::REGISTRY_EXISTS,
        &Self::UNKNOWN_UNIT,
        &Self::NOT_IN_THIS_STATE,
        &Self::COLLISION,
        &Self::FOREIGN_ERASE,
        &Self::OTHER_REQUEST,
        &Self::LOG_LOST,
        &Self::BUG,
    ];

    /// The code that is printed as `id`, in either case.
    #[must_use]
    pub fn find(id: &str) -> Option<&'static Self> {
        Self::ALL.iter().copied().find(|code| code.id.eq_ignore_ascii_case(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code that this file declares is in the list, has its own number, in ascending order, and a text of its own.
    #[test]
    fn every_code_has_an_explanation_of_its_own() {
        let declared = [
            include_str!("code.rs"),
            include_str!("code/link.rs"),
            include_str!("code/registry.rs"),
            include_str!("code/erase.rs"),
        ];
        let declared = declared.map(|file| file.matches("\n    pub const ").count());
        let declared = declared.iter().sum::<usize>() - 1;
        assert_eq!(declared, Code::ALL.len());
        assert!(Code::ALL.is_sorted_by(|before, after| before.id < after.id));
        let mut titles: Vec<_> = Code::ALL.iter().map(|code| code.title).collect();
        titles.sort_unstable();
        assert!(titles.is_sorted_by(|before, after| before < after));
        for code in Code::ALL {
            assert!(code.id.len() == 5 && code.id.starts_with('E'), "{}", code.id);
            for part in [code.cause, code.risk, code.fix] {
                assert!(part.ends_with('.') && !part.contains("  "), "{}: {part}", code.id);
            }
        }
    }
}
