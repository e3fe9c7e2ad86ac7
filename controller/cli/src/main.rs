//! The kubeopt program.
fn main() {}
