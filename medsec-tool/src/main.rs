//! medsec-tool
fn main() {}
