//! examples/one-event
fn main() {}
