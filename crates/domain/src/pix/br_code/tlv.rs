//! Splits text into fields of tag, length and value. Lengths count characters.

use super::error::{BrCodeErrorKind, TagPath};

/// One field.
#[derive(Clone, Copy)]
pub(super) struct Field<'code> {
    pub(super) tag: u8,
    pub(super) value: &'code str,
    /// Where its tag and its value start, in characters from the start of the text as given.
    pub(super) offset: usize,
    pub(super) value_offset: usize,
}

/// Where and why splitting stopped.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) kind: BrCodeErrorKind,
    /// The tag at fault, when it could be read.
    pub(super) tag: Option<u8>,
    pub(super) offset: usize,
}

impl Fault {
    /// The fault's place in the whole code, if it happened inside the template `outer`.
    pub(super) fn part_within(self, outer: u8) -> TagPath {
        TagPath {
            outer,
            inner: self.tag,
        }
    }
}

/// The fields up to the first fault, and that fault.
///
/// The fields before a fault are kept: they tell whose template it is. A repeated tag counts as
/// a fault only when the splitting itself succeeded, and is reported at the repetition.
pub(super) fn split(text: &str, offset: usize) -> (Vec<Field<'_>>, Option<Fault>) {
    let mut fields = Vec::new();
    let (mut rest, mut offset) = (text, offset);
    while !rest.is_empty() {
        match first_field(rest, offset) {
            Ok((field, remaining)) => {
                offset = field.value_offset + field.value.chars().count();
                rest = remaining;
                fields.push(field);
            }
            Err(fault) => return (fields, Some(fault)),
        }
    }
    let repetition = first_repetition(&fields);
    (fields, repetition)
}

pub(super) fn find<'code>(fields: &[Field<'code>], tag: u8) -> Option<Field<'code>> {
    fields.iter().find(|field| field.tag == tag).copied()
}

fn first_field(text: &str, offset: usize) -> Result<(Field<'_>, &str), Fault> {
    let fault = |kind, tag| Fault { kind, tag, offset };
    let (tag, rest) = two_digits(text).ok_or(fault(BrCodeErrorKind::TlvBadTag, None))?;
    let (length, rest) = two_digits(rest)
        .filter(|(length, _)| *length > 0)
        .ok_or(fault(BrCodeErrorKind::TlvBadLength, Some(tag)))?;
    let end = match rest.char_indices().nth(usize::from(length)) {
        Some((end, _)) => end,
        None if rest.chars().count() == usize::from(length) => rest.len(),
        None => return Err(fault(BrCodeErrorKind::TlvTruncated, Some(tag))),
    };
    let (value, rest) = rest.split_at(end);
    let field = Field {
        tag,
        value,
        offset,
        value_offset: offset + 4,
    };
    Ok((field, rest))
}

fn two_digits(text: &str) -> Option<(u8, &str)> {
    match text.as_bytes() {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9', ..] => {
            Some(((tens - b'0') * 10 + (ones - b'0'), &text[2..]))
        }
        _ => None,
    }
}

fn first_repetition(fields: &[Field<'_>]) -> Option<Fault> {
    let mut seen = [false; 100];
    fields
        .iter()
        .find(|field| std::mem::replace(&mut seen[usize::from(field.tag)], true))
        .map(|field| Fault {
            kind: BrCodeErrorKind::TlvDuplicateTag,
            tag: Some(field.tag),
            offset: field.offset,
        })
}
