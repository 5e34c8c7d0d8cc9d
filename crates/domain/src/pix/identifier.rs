//! What the scheme's identifiers have in common: one error, checked in one order.

/// Why a text is not an identifier of the scheme. Checked in this order: length, format, date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentifierError {
    #[error("it has {found} characters instead of {shortest} to {longest}")]
    Length {
        shortest: usize,
        longest: usize,
        found: usize,
    },
    #[error("it has a character its pattern does not allow")]
    Format,
    #[error("the date or time inside does not exist")]
    ImpossibleDate,
}

impl IdentifierError {
    /// The stable upper-case name of this error.
    pub fn code(self) -> &'static str {
        match self {
            Self::Length { .. } => "LENGTH",
            Self::Format => "FORMAT",
            Self::ImpossibleDate => "IMPOSSIBLE_DATE",
        }
    }
}

/// Checks the length, in characters.
pub(super) fn check_length(
    text: &str,
    shortest: usize,
    longest: usize,
) -> Result<(), IdentifierError> {
    let found = text.chars().count();
    if (shortest..=longest).contains(&found) {
        return Ok(());
    }
    Err(IdentifierError::Length {
        shortest,
        longest,
        found,
    })
}

/// `^[a-zA-Z0-9]{shortest,longest}$`
pub(super) fn check_alphanumeric(
    text: &str,
    shortest: usize,
    longest: usize,
) -> Result<(), IdentifierError> {
    check_length(text, shortest, longest)?;
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Ok(())
    } else {
        Err(IdentifierError::Format)
    }
}

/// What every identifier offers once it is parsed: its text.
macro_rules! identifier_text {
    ($identifier:ident) => {
        impl $identifier {
            /// The identifier exactly as the scheme writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $identifier {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}
pub(super) use identifier_text;
