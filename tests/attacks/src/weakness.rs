//! The weaknesses, by name. This build has none of them: each is a patch in `weakened/`, for a copy of the sources.

/// Names of the patches, in the order of their bits.
pub(crate) const NAMES: [&str; 0] = [];

/// Whether this build can be weakened.
pub(crate) fn is_here() -> Result<(), String> {
    Err("this build has no weaknesses; cargo xtask attacks --weakened makes one".to_owned())
}

/// Switches one weakness on, by its place in [`NAMES`], or all off.
pub(crate) const fn set(weakness: Option<usize>) {
    let _ = weakness;
}
