//! A field of a form: label, hint, what was typed, and what is wrong with it, tied together for
//! screen readers.

use askama::Template;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Text,
    Email,
    Password,
    Money,
    Lines,
    /// A day and a time of day, in Brasília.
    Moment,
}

#[derive(Clone, Debug, Template)]
#[template(path = "parts/field.html")]
pub struct Field {
    /// Its name in the form, which is its id too.
    pub name: &'static str,
    pub label: &'static str,
    pub input: Input,
    pub value: String,
    pub hint: Option<&'static str>,
    pub error: Option<String>,
    /// What browsers may fill in; `off` for what must be typed.
    pub autocomplete: &'static str,
    pub longest: u32,
    pub is_required: bool,
    /// Looked at while it is typed, where scripts run: the name of the check.
    pub check: Option<&'static str>,
    /// The first thing on the page to type into.
    pub is_first: bool,
}

impl Field {
    pub fn new(name: &'static str, label: &'static str, input: Input) -> Field {
        Field {
            name,
            label,
            input,
            value: String::new(),
            hint: None,
            error: None,
            autocomplete: "off",
            longest: 200,
            is_required: true,
            check: None,
            is_first: false,
        }
    }

    pub fn value(self, value: impl Into<String>) -> Field {
        let value = value.into();
        Field { value, ..self }
    }

    pub fn hint(self, hint: &'static str) -> Field {
        let hint = Some(hint);
        Field { hint, ..self }
    }

    pub fn error(self, error: Option<impl Into<String>>) -> Field {
        let error = error.map(Into::into);
        Field { error, ..self }
    }

    pub fn autocomplete(self, autocomplete: &'static str) -> Field {
        Field {
            autocomplete,
            ..self
        }
    }

    pub fn longest(self, longest: u32) -> Field {
        Field { longest, ..self }
    }

    pub fn optional(self) -> Field {
        Field {
            is_required: false,
            ..self
        }
    }

    pub fn check(self, check: &'static str) -> Field {
        let check = Some(check);
        Field { check, ..self }
    }

    pub fn first(self) -> Field {
        Field {
            is_first: true,
            ..self
        }
    }

    /// The ids that describe it.
    fn described_by(&self) -> String {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let told =
            (self.error.is_some() || self.check.is_some()).then(|| format!("{}-error", self.name));
        let ids: Vec<String> = hint.into_iter().chain(told).collect();
        ids.join(" ")
    }

    fn kind(&self) -> &'static str {
        match self.input {
            Input::Email => "email",
            Input::Password => "password",
            Input::Moment => "datetime-local",
            Input::Text | Input::Money | Input::Lines => "text",
        }
    }

    fn keyboard(&self) -> &'static str {
        match self.input {
            Input::Money => "decimal",
            Input::Email => "email",
            Input::Text | Input::Password | Input::Lines | Input::Moment => "text",
        }
    }

    fn is_lines(&self) -> bool {
        self.input == Input::Lines
    }

    fn is_moment(&self) -> bool {
        self.input == Input::Moment
    }

    fn is_money(&self) -> bool {
        self.input == Input::Money
    }
}

impl askama::filters::HtmlSafe for Field {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_stands_beside_its_field_and_the_input_is_kept() {
        let field = Field::new("amount", "Valor", Input::Money)
            .value("\"><script>")
            .hint("Em reais")
            .error(Some("é preciso"));
        let text = field.render().unwrap();
        assert!(text.contains("aria-invalid=\"true\""), "{text}");
        assert!(text.contains("aria-describedby=\"amount-hint amount-error\""));
        assert!(text.contains("id=\"amount-error\"") && text.contains("é preciso"));
        assert!(!text.contains("<script>"), "{text}");
        let fine = Field::new("name", "Nome", Input::Text).render().unwrap();
        assert!(!fine.contains("aria-invalid") && !fine.contains("describedby"));
    }
}
