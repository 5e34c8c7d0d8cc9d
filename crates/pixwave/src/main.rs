//! The program: configuration, wiring, roles and administration commands.

fn main() {}
