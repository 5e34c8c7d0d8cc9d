//! The fields of an object, taken one by one; every mistake is collected, and told at once.
//!
//! An endpoint takes each field it knows with a reader of [`super::read`]. [`Fields::finish`] then
//! refuses whatever is left over, and builds the result only if nothing was wrong. `null` is the
//! same as absent.

use serde_json::{Map, Value};

use super::read::{Read, Reason};
use crate::error::{FieldError, Problem};

pub struct Fields {
    /// `payer.` inside the object `payer`.
    prefix: String,
    map: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    pub fn new(map: Map<String, Value>) -> Fields {
        Fields {
            prefix: String::new(),
            map,
            errors: Vec::new(),
        }
    }

    /// Whether the field is there and not `null`.
    pub fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| !value.is_null())
    }

    /// Takes the field if it is there as `null`, where that is not the same as absent.
    pub fn take_null(&mut self, name: &str) -> bool {
        let is_null = self.map.get(name).is_some_and(Value::is_null);
        if is_null {
            self.map.remove(name);
        }
        is_null
    }

    pub fn optional<T>(&mut self, name: &str, reader: impl FnOnce(&Value) -> Read<T>) -> Option<T> {
        let value = self.map.remove(name).filter(|value| !value.is_null())?;
        match reader(&value) {
            Ok(read) => Some(read),
            Err(Reason { code, message }) => {
                self.refuse(name, code, message);
                None
            }
        }
    }

    pub fn required<T>(&mut self, name: &str, reader: impl FnOnce(&Value) -> Read<T>) -> Option<T> {
        if !self.has(name) {
            self.map.remove(name);
            self.refuse(name, "required", "is required");
            return None;
        }
        self.optional(name, reader)
    }

    /// An object inside this one, its fields taken by `reader`.
    pub fn object<T>(
        &mut self,
        name: &str,
        reader: impl FnOnce(&mut Fields) -> Option<T>,
    ) -> Option<T> {
        let value = self.map.remove(name).filter(|value| !value.is_null())?;
        let Value::Object(map) = value else {
            self.refuse(name, "wrong_type", "must be an object");
            return None;
        };
        let mut inner = Fields {
            prefix: format!("{}{name}.", self.prefix),
            map,
            errors: Vec::new(),
        };
        let read = reader(&mut inner);
        inner.refuse_leftovers();
        self.errors.append(&mut inner.errors);
        read
    }

    pub fn refuse(&mut self, name: &str, code: &'static str, message: impl Into<String>) {
        let field = format!("{}{name}", self.prefix);
        self.errors.push(FieldError::new(field, code, message));
    }

    /// Builds the result if every field was right and none is left over.
    ///
    /// `build` gets `None` from a field only where its mistake was recorded.
    pub fn finish<T>(mut self, build: impl FnOnce() -> Option<T>) -> Result<T, Problem> {
        self.refuse_leftovers();
        if !self.errors.is_empty() {
            return Err(Problem::fields(self.errors));
        }
        build().ok_or_else(|| Problem::internal("a field was missing without a recorded mistake"))
    }

    fn refuse_leftovers(&mut self) {
        /// An object full of nonsense is not told name by name.
        const MOST_TOLD: usize = 20;
        const LONGEST_TOLD: usize = 64;
        let unknown: Vec<String> = self.map.keys().take(MOST_TOLD).cloned().collect();
        for name in unknown {
            let shown: String = name.chars().take(LONGEST_TOLD).collect();
            self.refuse(&shown, "unknown_field", "is not a field of this request");
        }
        self.map.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        match value {
            Value::Object(map) => Fields::new(map),
            _ => panic!("an object"),
        }
    }

    fn told(problem: &Problem) -> Vec<(&str, &str)> {
        problem
            .errors
            .iter()
            .map(|error| (error.field.as_str(), error.code))
            .collect()
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let mut body = fields(json!({"a": 1, "b": "x", "payer": {"c": 1, "z": 0}, "y": 1}));
        let a = body.optional("a", |v| read::text(v, 1..=5));
        let b = body.required("b", |v| read::text(v, 1..=5));
        let missing = body.required("m", |v| read::text(v, 1..=5));
        body.object("payer", |payer| {
            payer.optional("c", |v| read::text(v, 1..=5))
        });
        let refused = body
            .finish(|| Some((a?, b?, missing?)))
            .expect_err("four mistakes");
        assert_eq!(
            told(&refused),
            [
                ("a", "wrong_type"),
                ("m", "required"),
                ("payer.c", "wrong_type"),
                ("payer.z", "unknown_field"),
                ("y", "unknown_field"),
            ]
        );
    }

    #[test]
    fn null_is_absent() {
        let mut body = fields(json!({"a": null, "b": null}));
        assert_eq!(body.optional("a", |v| read::text(v, 1..=5)), None);
        assert_eq!(body.required("b", |v| read::text(v, 1..=5)), None);
        let refused = body.finish(|| Some(())).expect_err("b is required");
        assert_eq!(told(&refused), [("b", "required")]);
    }

    #[test]
    fn a_flood_of_unknown_fields_is_cut() {
        let map = (0..1_000)
            .map(|n| (format!("{n:0>200}"), json!(1)))
            .collect();
        let refused = Fields::new(map).finish(|| Some(())).expect_err("unknown");
        assert_eq!(refused.errors.len(), 20);
        assert!(refused.errors.iter().all(|error| error.field.len() == 64));
    }
}
