//! The tour's table: one row a step, wrapped to its columns, printed when the step has ended.

use std::io::Write;

/// The columns' widths: step, what was done, what was seen.
const WIDTHS: [usize; 3] = [5, 36, 62];

/// How one step ended.
pub struct Row {
    pub step: &'static str,
    pub done: String,
    pub seen: Result<String, String>,
}

/// Rows so far; remembers whether one was broken.
pub struct Report<W> {
    out: W,
    broken: usize,
    rows: usize,
}

impl<W: Write> Report<W> {
    pub fn new(out: W) -> Report<W> {
        Report {
            out,
            broken: 0,
            rows: 0,
        }
    }

    pub fn say(&mut self, line: &str) -> std::io::Result<()> {
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    pub fn head(&mut self) -> std::io::Result<()> {
        self.lines(["step", "what was done", "what was seen"], "verdict")?;
        let rule = WIDTHS.map(|width| "-".repeat(width));
        self.lines([&rule[0], &rule[1], &rule[2]], "-------")
    }

    pub fn row(&mut self, row: &Row) -> std::io::Result<()> {
        self.rows += 1;
        let (seen, verdict) = match &row.seen {
            Ok(seen) => (seen, "ok"),
            Err(why) => {
                self.broken += 1;
                (why, "BROKEN")
            }
        };
        self.lines([row.step, &row.done, seen], verdict)
    }

    /// True when every row was ok, and there were rows.
    pub fn holds(&self) -> bool {
        self.broken == 0 && self.rows > 0
    }

    pub fn sum(&mut self) -> std::io::Result<()> {
        let (rows, broken) = (self.rows, self.broken);
        let line = if self.holds() {
            format!("{rows} of {rows} steps kept every promise.")
        } else {
            format!("{broken} of {rows} steps are BROKEN.")
        };
        self.say(&line)
    }

    fn lines(&mut self, cells: [&str; 3], verdict: &str) -> std::io::Result<()> {
        let wrapped: Vec<Vec<String>> = cells
            .iter()
            .zip(WIDTHS)
            .map(|(cell, width)| wrap(cell, width))
            .collect();
        let height = wrapped.iter().map(Vec::len).max().unwrap_or(0);
        for line in 0..height {
            let mut text = String::new();
            for (column, width) in wrapped.iter().zip(WIDTHS) {
                let cell = column.get(line).map_or("", String::as_str);
                text.push_str(&format!("{cell:<width$}  "));
            }
            if line == 0 {
                text.push_str(verdict);
            }
            writeln!(self.out, "{}", text.trim_end())?;
        }
        self.out.flush()
    }
}

/// Breaks a text at spaces; a line break in it stays one. What has no space is cut at the width.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let mut word = word.to_owned();
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push(std::mem::take(&mut line));
            }
            while word.chars().count() > width {
                let rest: String = word.chars().skip(width).collect();
                lines.push(word.chars().take(width).collect());
                word = rest;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&word);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_spaces_and_long_words_are_cut() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
        assert_eq!(wrap("a\nb", 9), ["a", "b"]);
        for text in ["über größe straße", "x y  z", ""] {
            assert!(wrap(text, 5).iter().all(|line| line.chars().count() <= 5));
        }
    }

    #[test]
    fn one_broken_row_breaks_the_whole() {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out);
        assert!(!report.holds(), "nothing shown is nothing proven");
        let row = |seen| Row {
            step: "a",
            done: "something".into(),
            seen,
        };
        report.row(&row(Ok("fine".into()))).unwrap();
        assert!(report.holds());
        report.row(&row(Err("not fine".into()))).unwrap();
        assert!(!report.holds());
        report.sum().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("ok\n") && text.contains("BROKEN\n"), "{text}");
        assert!(text.contains("1 of 2 steps are BROKEN."), "{text}");
    }
}
