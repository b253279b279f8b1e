//@ error: E0080 "storage root"
//! No secret is the storage root.
use medsec_core::flash::Region;
use medsec_core::sanitize::{Item, KeyName, Keys, Kind, Plan};

const ROOT: Keys = Keys::of(&[KeyName::StorageRoot]);
pub const PLAN: Plan<2> = Plan::new(
    Region::new(0, 0x4000),
    Region::new(0x4000, 0x1000),
    Region::new(0x5000, 0x1000),
    [
        Item::new(Kind::Secrets, Region::new(0x6000, 0x1000), Keys::of(&[KeyName::Pepper])),
        Item::new(Kind::Log, Region::new(0x7000, 0x2000), Keys::NONE),
    ],
);
