//! The PIX scheme's own data: keys, identifiers and the BR Code.
