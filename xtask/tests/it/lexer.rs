//! Just enough of Rust's grammar to tell code, string literals and comments apart.
//!
//! The walls look for words. A word in a comment is prose, in a literal it is data, elsewhere it is
//! code; `split` hands back the three so that a wall can say which it means.

/// A string literal (normal, raw, byte or C) and the line on which it starts, counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Literal {
    pub line: usize,
    pub text: String,
}

/// A source file taken apart.
pub struct Source {
    /// The file with comments and the insides of literals blanked; lines stay where they were.
    pub code: String,
    pub literals: Vec<Literal>,
}

/// Takes a source file apart. Never fails: an unfinished literal runs to the end of the file.
pub fn split(text: &str) -> Source {
    let mut lexer = Lexer {
        rest: text,
        line: 1,
        source: Source {
            code: String::new(),
            literals: Vec::new(),
        },
    };
    while lexer.step() {}
    lexer.source
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    source: Source,
}

impl Lexer<'_> {
    /// Consumes one comment, literal, word or character; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else {
            return false;
        };
        if self.rest.starts_with("//") {
            let length = self.rest.find('\n').unwrap_or(self.rest.len());
            self.blank(length);
        } else if self.rest.starts_with("/*") {
            let length = block_comment_length(self.rest);
            self.blank(length);
        } else if let Some(prefix) = literal_prefix(self.rest) {
            self.literal(prefix);
        } else if first == '\'' {
            let length = character_length(self.rest).unwrap_or(1);
            self.blank(length);
        } else if first.is_alphanumeric() || first == '_' {
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let length = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
            self.keep(length);
        } else {
            self.keep(first.len_utf8());
        }
        true
    }

    fn take(&mut self, length: usize) -> String {
        let (head, tail) = self.rest.split_at(length);
        self.line += head.matches('\n').count();
        self.rest = tail;
        head.to_owned()
    }

    fn keep(&mut self, length: usize) {
        let head = self.take(length);
        self.source.code.push_str(&head);
    }

    fn blank(&mut self, length: usize) {
        let head = self.take(length);
        let blanks = head.chars().map(|c| if c == '\n' { '\n' } else { ' ' });
        self.source.code.extend(blanks);
    }

    fn literal(&mut self, prefix: Prefix) {
        let line = self.line;
        self.keep(prefix.length);
        let end = match prefix.hashes {
            None => escaped_end(self.rest),
            Some(hashes) => self
                .rest
                .find(&format!("\"{}", "#".repeat(hashes)))
                .unwrap_or(self.rest.len()),
        };
        let text = self.rest[..end].to_owned();
        self.blank(end);
        self.source.literals.push(Literal { line, text });
        self.keep(self.rest.len().min(1 + prefix.hashes.unwrap_or(0)));
    }
}

/// How a string literal opens: the length of the opening with its quote, and for a raw literal the
/// number of hashes that also close it.
struct Prefix {
    length: usize,
    hashes: Option<usize>,
}

fn literal_prefix(rest: &str) -> Option<Prefix> {
    let marker = ["br", "cr", "r", "b", "c", ""].into_iter().find(|marker| {
        let tail = rest.strip_prefix(marker);
        tail.is_some_and(|tail| {
            tail.starts_with('"') || (marker.ends_with('r') && tail.starts_with('#'))
        })
    })?;
    let tail = &rest[marker.len()..];
    let hashes = tail.len() - tail.trim_start_matches('#').len();
    if !tail[hashes..].starts_with('"') {
        return None;
    }
    let raw = marker.ends_with('r');
    Some(Prefix {
        length: marker.len() + hashes + 1,
        hashes: raw.then_some(hashes),
    })
}

fn escaped_end(rest: &str) -> usize {
    let mut escaped = false;
    for (index, character) in rest.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index,
            _ => {}
        }
    }
    rest.len()
}

fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0;
    let mut index = 0;
    while index < rest.len() {
        let tail = &rest[index..];
        if tail.starts_with("/*") {
            depth += 1;
            index += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// The length of a character literal; `None` for a lifetime.
fn character_length(rest: &str) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        characters.next()?;
        return characters
            .find(|(_, c)| *c == '\'')
            .map(|(index, _)| index + 1);
    }
    let (index, second) = characters.next()?;
    (second == '\'').then_some(index + 1)
}

#[cfg(test)]
mod tests {
    use super::{Literal, split};

    fn literals(text: &str) -> Vec<(usize, String)> {
        split(text)
            .literals
            .into_iter()
            .map(|Literal { line, text }| (line, text))
            .collect()
    }

    #[test]
    fn literals_of_every_form_are_found_with_their_line() {
        let text = "a(\"one\");\nb(r\"two\\\");\nc(r#\"th\"ree\"#);\nd(b\"four\\\"x\"); e(br##\"five\"#\"##);";
        let expected = [
            (1, "one"),
            (2, "two\\"),
            (3, "th\"ree"),
            (4, "four\\\"x"),
            (4, "five\"#"),
        ];
        assert_eq!(
            literals(text),
            expected.map(|(line, text)| (line, text.to_owned()))
        );
    }

    #[test]
    fn a_literal_over_lines_keeps_its_line_and_the_ones_after_it_theirs() {
        assert_eq!(
            literals("\"a\nb\"\n\"c\""),
            [(1, "a\nb".to_owned()), (3, "c".to_owned())]
        );
    }

    #[test]
    fn comments_hold_neither_code_nor_literals() {
        let source = split("a // \"x\" env\n/* \"y\" /* nested */ env */ b");
        assert_eq!(source.literals, []);
        assert_eq!(
            source.code.split_whitespace().collect::<Vec<_>>(),
            ["a", "b"]
        );
    }

    #[test]
    fn characters_and_lifetimes_do_not_open_literals() {
        let source = split("f::<'a>('\"', '\\'', b'\"', '\\u{22}', \"x\") r#type");
        assert_eq!(
            source.literals,
            [Literal {
                line: 1,
                text: "x".to_owned()
            }]
        );
        assert!(source.code.contains("r#type"));
    }

    #[test]
    fn an_unfinished_literal_ends_with_the_file() {
        assert_eq!(literals("\"abc"), [(1, "abc".to_owned())]);
        assert_eq!(literals("r#\"abc\""), [(1, "abc\"".to_owned())]);
    }
}
