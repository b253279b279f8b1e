//! Codes about the registry of units.

use super::Code;

/// About the registry of units.
impl Code {
    /// Registry not available.
    pub const REGISTRY_UNAVAILABLE: Self = Self {
        id: "E0501",
        title: "registry not available",
        cause: "The system refuses a file of it, the disk is full, or another program has been \
                writing to it for twenty seconds.",
        risk: "Nothing was changed.",
        fix: "Check the folder and the disk, and run the command again. A registry lies on a disk \
              of its computer, never on a network share.",
    };
    /// Not a registry.
    pub const NOT_A_REGISTRY: Self = Self {
        id: "E0502",
        title: "not a registry",
        cause: "There is no registry in the folder, it is of another version, or a file beside \
                the database is malformed.",
        risk: "Nothing was changed.",
        fix: "Check the path. What was lost is in the last backup: `medsec registry restore`.",
    };
    /// Registry was changed.
    pub const REGISTRY_CHANGED: Self = Self {
        id: "E0503",
        title: "registry was changed",
        cause: "Tables, rows, events or files are not what the registry wrote, or it is an older \
                copy than a signed statement proves.",
        risk: "Units may be missing, made up, or have keys and certificates of others.",
        fix: "Treat as tampering: keep the folder, and restore the last backup that verifies with \
              the newest statement as --anchor.",
    };
    /// Something is there.
    pub const REGISTRY_EXISTS: Self = Self {
        id: "E0504",
        title: "folder is not empty",
        cause: "A registry, a backup or a key would be made where something lies.",
        risk: "It may be the only registry there is. Nothing was written.",
        fix: "Choose a folder that does not exist. A folder that ends in .part is of a run that \
              was broken off, and may be removed.",
    };
    /// No such unit.
    pub const UNKNOWN_UNIT: Self = Self {
        id: "E0505",
        title: "no such unit",
        cause: "The registry has no unit with this serial number or transaction.",
        risk: "Nothing was changed.",
        fix: "Take the number from the housing, or from `medsec device list`.",
    };
    /// Not in this state.
    pub const NOT_IN_THIS_STATE: Self = Self {
        id: "E0506",
        title: "not in this state of the unit",
        cause: "A unit is pending, active, revoked, decommissioned in this order, or void instead \
                of active; the step is another one's, or its certificate or receipt is another.",
        risk: "Nothing was changed.",
        fix: "See the unit with `medsec device list`. A unit is revoked before it is \
              decommissioned.",
    };
    /// What is one unit's alone.
    pub const COLLISION: Self = Self {
        id: "E0507",
        title: "what is one unit's alone came twice",
        cause: "A key, chip, serial number, device id, number of a certificate or claim code is in \
                the registry with another unit.",
        risk: "Nothing was changed. A key that comes twice means that a random source repeats \
               itself, and that keys of other units may be known.",
        fix: "Stop the batch. If it is a key, find out which boards share it before one leaves; \
              otherwise find the other unit with `medsec device list`.",
    };
}
