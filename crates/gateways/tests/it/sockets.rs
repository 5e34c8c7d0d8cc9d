//! Bare TCP servers: what was really written, and how often.
