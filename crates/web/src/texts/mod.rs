//! Every text of the pages, in Portuguese and in English.
//!
//! A text is a field, so a key that does not exist does not compile, a key without one of its
//! languages neither, and one that nothing reads is reported by the compiler. `{}` in a text is
//! filled in by [`fill`], in order.

macro_rules! catalogue {
    ($name:ident { $($key:ident: $pt:literal | $en:literal;)* }) => {
        #[derive(Debug)]
        pub struct $name {
            $(pub $key: &'static str,)*
        }

        impl $name {
            pub const PT: $name = $name { $($key: $pt,)* };
            pub const EN: $name = $name { $($key: $en,)* };
            #[cfg(test)]
            pub const ALL: &[(&str, &str, &str)] = &[$((stringify!($key), $pt, $en),)*];
        }
    };
}

mod account;
mod common;
mod console;
mod float;
mod history;
mod money;
mod operations;
mod panel;
mod start;

pub use account::*;
pub use common::*;
pub use console::*;
pub use float::*;
pub use history::*;
pub use money::*;
pub use operations::*;
pub use panel::*;
pub use start::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// As it is spoken in Brazil.
    Portuguese,
    English,
}

impl Language {
    /// As the cookie holds it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Language::Portuguese => "pt",
            Language::English => "en",
        }
    }

    /// As HTML names it.
    pub const fn tag(self) -> &'static str {
        match self {
            Language::Portuguese => "pt-BR",
            Language::English => "en",
        }
    }

    pub fn parse(text: &str) -> Option<Language> {
        match text {
            "pt" => Some(Language::Portuguese),
            "en" => Some(Language::English),
            _ => None,
        }
    }

    pub const fn other(self) -> Language {
        match self {
            Language::Portuguese => Language::English,
            Language::English => Language::Portuguese,
        }
    }

    /// The best of an `Accept-Language` header; Portuguese where nobody says otherwise.
    pub fn negotiate(accepted: &str) -> Language {
        let mut best = (Language::Portuguese, 0.0);
        for range in accepted.split(',') {
            let (tag, weight) = range.split_once(";q=").unwrap_or((range, "1"));
            let weight: f32 = weight.trim().parse().unwrap_or(0.0);
            let primary = tag.trim().split('-').next().unwrap_or("");
            let language = match primary.to_ascii_lowercase().as_str() {
                "pt" => Language::Portuguese,
                "en" => Language::English,
                _ => continue,
            };
            if weight > best.1 {
                best = (language, weight);
            }
        }
        best.0
    }

    pub fn texts(self) -> &'static Texts {
        match self {
            Language::Portuguese => &PT,
            Language::English => &EN,
        }
    }
}

macro_rules! texts {
    ($($area:ident: $type:ident;)*) => {
        /// All texts of one language.
        #[derive(Debug)]
        pub struct Texts { $(pub $area: $type,)* }

        pub static PT: Texts = Texts { $($area: $type::PT,)* };
        pub static EN: Texts = Texts { $($area: $type::EN,)* };

        #[cfg(test)]
        const AREAS: &[(&str, &[(&str, &str, &str)])] = &[$((stringify!($area), $type::ALL),)*];
    };
}

texts! {
    common: Common;
    notices: Notices;
    errors: Errors;
    stops: Stops;
    landing: Landing;
    sign_in: SignIn;
    sign_up: SignUp;
    home: Home;
    activity: Activity;
    stages: Stages;
    failures: Failures;
    receive: Receive;
    pay: Pay;
    transfer: Transfer;
    refund: Refund;
    detail: Detail;
    history: History;
    statement: Statement;
    account: Account;
    console: Console;
    float_moves: FloatMoves;
    panel: Panel;
    steering: Steering;
    hooks: Hooks;
    comparing: Comparing;
}

/// The text with each `{}` replaced by the next value.
pub fn fill(text: &str, values: &[&str]) -> String {
    let mut values = values.iter();
    let mut pieces = text.split("{}");
    let mut filled = pieces.next().unwrap_or("").to_owned();
    for piece in pieces {
        filled.push_str(values.next().unwrap_or(&""));
        filled.push_str(piece);
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_something_with_the_same_gaps() {
        let mut count = 0;
        for (area, texts) in AREAS {
            for (key, pt, en) in *texts {
                count += 1;
                assert!(
                    !pt.trim().is_empty() && !en.trim().is_empty(),
                    "{area}.{key}"
                );
                let gaps = |text: &str| text.matches("{}").count();
                assert_eq!(gaps(pt), gaps(en), "{area}.{key}");
                assert!(!pt.contains("  ") && !en.contains("  "), "{area}.{key}");
            }
        }
        assert!(count > 100, "{count} texts");
    }

    #[test]
    fn the_best_language_of_the_browser_is_taken() {
        for (header, language) in [
            ("", Language::Portuguese),
            ("pt-BR,pt;q=0.9,en;q=0.8", Language::Portuguese),
            ("en-US,en;q=0.9", Language::English),
            ("de-DE,de;q=0.9,en;q=0.5,pt;q=0.4", Language::English),
            ("de, fr", Language::Portuguese),
            ("en;q=0.1, pt;q=0.2", Language::Portuguese),
            ("en;q=x", Language::Portuguese),
        ] {
            assert_eq!(Language::negotiate(header), language, "{header}");
        }
    }

    #[test]
    fn gaps_are_filled_in_order() {
        assert_eq!(fill("a {} b {}", &["1", "{}"]), "a 1 b {}");
        assert_eq!(fill("{}", &[]), "");
    }
}
