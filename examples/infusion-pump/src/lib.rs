//! infusion pump
