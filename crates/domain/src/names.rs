//! Enums that are stored and shown by name.

/// Gives an enum its names: `ALL`, `as_str` and `parse`. Written beside the enum, so that a variant
/// without a name does not compile.
macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),* $(,)? }) => {
        impl $type {
            pub const ALL: &'static [$type] = &[$($type::$variant),*];
            pub const fn as_str(self) -> &'static str {
                match self { $($type::$variant => $name),* }
            }
            pub fn parse(text: &str) -> Option<$type> {
                match text { $($name => Some($type::$variant),)* _ => None }
            }
        }
    };
}
