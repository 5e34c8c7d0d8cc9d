//! The walls of the house, as tests.
//!
//! What the compiler cannot say about the workspace is said here: who may know whom (`layers`), what
//! only one place may do (`places`), that the lints hold everywhere (`lints`), what no file may
//! contain (`files`), and which outside crates and licences may come in (`deny`). `lexer` and
//! `workspace` are what they read with. A wall that stands in the way of a good change is moved
//! here, in the same commit, with its reason.

mod deny;
mod files;
mod layers;
mod lexer;
mod lints;
mod places;
mod workspace;
