//! A receipt as a picture: an SVG that is laid out here, with fonts of this program, as a PNG.
//!
//! Names come from anywhere: what the fonts cannot draw is left out, and what is too long for its place
//! is cut with an ellipsis, by the width that it is really drawn with. Drawing takes some hundredths of
//! a second of a processor, so it belongs away from the threads that serve requests.

use std::sync::{Arc, LazyLock};

use askama::Template;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};
use unicode_normalization::UnicodeNormalization;

/// Pixels from side to side; the height follows from what is told.
pub const WIDTH: u32 = 1_080;

/// Families, as the files name them.
const PLAIN: &str = "Inter";
const BOLD: &str = "Inter SemiBold";
const INK: &str = "#0f1f1d";
const SOFT: &str = "#4c605c";
const PALE: &str = "#d5f3ec";
const WHITE: &str = "#ffffff";
const DOUBT: &str = "#7a4b00";
/// The card's text from side to side.
const LEFT: u32 = 104;
const RIGHT: u32 = 976;
const MIDDLE: u32 = WIDTH / 2;

/// What a receipt tells, in words.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// What it is: the kind of paper.
    pub heading: String,
    /// What was done, how it stands, how much, when.
    pub what: String,
    pub amount: String,
    pub when: String,
    /// Who paid and who was paid.
    pub parties: [Party; 2],
    /// Label and value on one line.
    pub facts: Vec<(String, String)>,
    /// Label and id; an id has a line of its own.
    pub ids: Vec<(String, String)>,
    pub foot: String,
    /// Said in its own color: that no real money moved.
    pub note: Option<String>,
}

#[derive(Clone, Debug, Default)]
pub struct Party {
    pub label: String,
    pub name: String,
    /// Masked.
    pub document: Option<String>,
}

#[derive(Clone, Copy, Debug)]
enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn as_str(self) -> &'static str {
        match self {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        }
    }
}

struct Text {
    x: u32,
    y: u32,
    size: u32,
    family: &'static str,
    fill: &'static str,
    anchor: Anchor,
    /// How wide it may be.
    room: u32,
    words: String,
}

#[derive(Template)]
#[template(path = "parts/receipt.svg")]
struct Drawing {
    width: u32,
    height: u32,
    /// The height of the card, and where it is perforated.
    card: u32,
    tear: u32,
    rules: Vec<u32>,
    note: u32,
    has_note: bool,
    texts: Vec<Text>,
}

/// The receipt as a PNG of [`WIDTH`] pixels.
///
/// # Errors
/// What the renderer says: a defect of ours.
pub fn draw(receipt: &Receipt) -> Result<Vec<u8>, String> {
    let mut drawing = laid_out(receipt);
    let tree = fitted(&mut drawing)?;
    let mut pixels = Pixmap::new(drawing.width, drawing.height).ok_or("a picture of no size")?;
    resvg::render(&tree, Transform::identity(), &mut pixels.as_mut());
    pixels.encode_png().map_err(|error| error.to_string())
}

fn options() -> Options<'static> {
    static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
        let mut fonts = fontdb::Database::new();
        for file in [
            &include_bytes!("../../assets/fonts/Inter-latin-400.ttf")[..],
            include_bytes!("../../assets/fonts/Inter-latin-600.ttf"),
            include_bytes!("../../assets/fonts/Inter-latin-ext-400.ttf"),
        ] {
            fonts.load_font_data(file.to_vec());
        }
        Arc::new(fonts)
    });
    Options {
        font_family: PLAIN.to_owned(),
        fontdb: Arc::clone(&FONTS),
        ..Options::default()
    }
}

/// The drawing as it will be rendered, once every text is cut to its room.
fn fitted(drawing: &mut Drawing) -> Result<Tree, String> {
    /// Cutting by the share that is too much mostly fits at once; the last cut fits any letters.
    const ROUNDS: usize = 4;
    let options = options();
    for round in 1.. {
        let svg = drawing.render().map_err(|error| error.to_string())?;
        let tree = Tree::from_str(&svg, &options).map_err(|error| error.to_string())?;
        let mut fits = true;
        for (index, text) in drawing.texts.iter_mut().enumerate() {
            let node = tree.node_by_id(&format!("t{index}"));
            let width = node.map_or(0.0, |node| node.abs_bounding_box().width());
            if width > text.room as f32 {
                fits = false;
                let letters = text.words.chars().count();
                let share = text.room as f32 / width;
                let keep = match round {
                    ROUNDS.. => (text.room / text.size) as usize,
                    _ => (letters as f32 * share) as usize,
                };
                text.words = cut(&text.words, keep.min(letters).saturating_sub(2));
            }
        }
        if fits || round > ROUNDS {
            return Ok(tree);
        }
    }
    unreachable!("the rounds end")
}

/// So many letters and an ellipsis.
fn cut(words: &str, letters: usize) -> String {
    let kept: String = words.chars().take(letters).collect();
    format!("{}…", kept.trim_end_matches(['…', ' ']))
}

/// What the fonts can draw: accents are joined to their letters, other scripts and pictures are left
/// out. A name of which nothing remains is a dash.
fn drawable(text: &str) -> String {
    let can = |letter: &char| {
        matches!(letter,
            ' '..='~' | '\u{a0}'..='\u{24f}' | '\u{1e00}'..='\u{1e9f}' | '\u{1ef2}'..='\u{1eff}'
            | '–' | '—' | '‘' | '’' | '“' | '”' | '•' | '…' | '€' | '\u{2212}')
    };
    let text: String = text.nfc().filter(can).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.is_empty() {
        true => "—".to_owned(),
        false => text,
    }
}

/// Texts are put on from top to bottom.
struct Pen {
    texts: Vec<Text>,
    rules: Vec<u32>,
    y: u32,
}

impl Pen {
    fn put(
        &mut self,
        words: &str,
        at: (u32, Anchor, u32),
        look: (u32, &'static str, &'static str),
    ) {
        let (x, anchor, room) = at;
        let (size, family, fill) = look;
        self.texts.push(Text {
            x,
            y: self.y,
            size,
            family,
            fill,
            anchor,
            room,
            words: drawable(words),
        });
    }

    fn heading(&mut self, receipt: &Receipt) {
        let wide = (MIDDLE, Anchor::Middle, 952);
        self.y = 101;
        self.put("PixWave", (152, Anchor::Start, 340), (42, BOLD, WHITE));
        self.put(
            &receipt.heading,
            (1_016, Anchor::End, 480),
            (30, PLAIN, PALE),
        );
        self.y = 354;
        self.put(&receipt.what, wide, (36, PLAIN, PALE));
        self.y = 450;
        self.put(&receipt.amount, wide, (92, BOLD, WHITE));
        self.y = 510;
        self.put(&receipt.when, wide, (30, PLAIN, PALE));
    }

    fn party(&mut self, party: &Party) {
        let wide = (LEFT, Anchor::Start, RIGHT - LEFT);
        self.put(&party.label, wide, (28, PLAIN, SOFT));
        self.y += 52;
        self.put(&party.name, wide, (40, BOLD, INK));
        if let Some(document) = &party.document {
            self.y += 46;
            self.put(document, wide, (30, PLAIN, SOFT));
        }
    }

    fn fact(&mut self, (label, value): &(String, String)) {
        self.put(label, (LEFT, Anchor::Start, 280), (28, PLAIN, SOFT));
        self.put(value, (RIGHT, Anchor::End, 570), (30, PLAIN, INK));
        self.y += 58;
    }

    fn id(&mut self, (label, value): &(String, String)) {
        let wide = (LEFT, Anchor::Start, RIGHT - LEFT);
        self.put(label, wide, (28, PLAIN, SOFT));
        self.y += 44;
        self.put(value, wide, (30, PLAIN, INK));
        self.y += 62;
    }
}

fn laid_out(receipt: &Receipt) -> Drawing {
    /// Where the card begins.
    const CARD: u32 = 560;
    let mut pen = Pen {
        texts: Vec::new(),
        rules: Vec::new(),
        y: 0,
    };
    pen.heading(receipt);
    pen.y = CARD + 76;
    pen.party(&receipt.parties[0]);
    pen.y += 40;
    pen.rules.push(pen.y);
    pen.y += 58;
    pen.party(&receipt.parties[1]);
    pen.y += 56;
    let tear = pen.y;
    pen.y += 76;
    for fact in &receipt.facts {
        pen.fact(fact);
    }
    if !receipt.facts.is_empty() {
        pen.rules.push(pen.y - 22);
        pen.y += 36;
    }
    for id in &receipt.ids {
        pen.id(id);
    }
    let card = pen.y - 28 - CARD;
    let middle = (MIDDLE, Anchor::Middle, 920);
    pen.y += 16;
    let note = pen.y;
    if let Some(words) = &receipt.note {
        pen.y += 46;
        pen.put(words, middle, (28, BOLD, DOUBT));
        pen.y += 42;
    }
    pen.y += 44;
    pen.put(&receipt.foot, middle, (26, PLAIN, SOFT));
    Drawing {
        width: WIDTH,
        height: pen.y + 52,
        card,
        tear,
        rules: pen.rules,
        note,
        has_note: receipt.note.is_some(),
        texts: pen.texts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt(name: &str, amount: &str) -> Receipt {
        let party = |label: &str, name: &str| Party {
            label: label.into(),
            name: name.into(),
            document: Some("***.982.247-**".into()),
        };
        Receipt {
            heading: "Comprovante Pix".into(),
            what: "Pix enviado".into(),
            amount: amount.into(),
            when: "26 nov 2026, 16:10:05".into(),
            parties: [party("De", "Ana Souza"), party("Para", name)],
            facts: vec![("Provedor".into(), "Efí".into())],
            ids: vec![(
                "ID Pix (E2E)".into(),
                "E1234567820261126120012345678901".into(),
            )],
            foot: "Horário de Brasília".into(),
            note: None,
        }
    }

    fn pixels(png: &[u8]) -> Pixmap {
        assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
        Pixmap::decode_png(png).unwrap()
    }

    #[test]
    fn a_receipt_is_a_picture_of_its_facts() {
        let ten = pixels(&draw(&receipt("Bia Lima", "R$ 10,50")).unwrap());
        assert_eq!((ten.width(), ten.height()), (WIDTH, 1_374));
        let colors: std::collections::BTreeSet<[u8; 4]> = ten
            .pixels()
            .iter()
            .map(|it| [it.red(), it.green(), it.blue(), it.alpha()])
            .collect();
        assert!(colors.len() > 100, "{} colors", colors.len());
        let same = pixels(&draw(&receipt("Bia Lima", "R$ 10,50")).unwrap());
        assert!(ten.data() == same.data());
        for (name, amount) in [("Bia Lima", "R$ 10,51"), ("Bia Lina", "R$ 10,50")] {
            let other = pixels(&draw(&receipt(name, amount)).unwrap());
            assert!(ten.data() != other.data(), "{name} {amount}");
        }
        let mut noted = receipt("Bia Lima", "R$ 10,50");
        noted.note = Some("Demonstração".into());
        let noted = pixels(&draw(&noted).unwrap());
        assert!(noted.height() > ten.height());
    }

    #[test]
    fn both_weights_are_there() {
        for family in [PLAIN, BOLD] {
            let families = [fontdb::Family::Name(family)];
            let query = fontdb::Query {
                families: &families,
                ..fontdb::Query::default()
            };
            assert!(options().fontdb.query(&query).is_some(), "{family}");
        }
    }

    #[test]
    fn names_from_anywhere_are_drawn_or_left_out() {
        let plain = draw(&receipt("Bia", "R$ 1,00")).unwrap();
        for (name, is_new) in [
            ("<b>&\"'</b>", true),
            ("]]><image href=\"x\"/>", true),
            ("Bia 🎉", false),
            ("Bi\u{1}a", false),
            ("\u{202e}Bia", false),
            ("Jose\u{301} Şahin Łukasz Čapek", true),
            ("山田太郎", true),
            ("", true),
        ] {
            let picture = draw(&receipt(name, "R$ 1,00")).unwrap();
            assert_eq!(picture != plain, is_new, "{name}");
        }
        assert_eq!(drawable("山田太郎"), "—");
        assert_eq!(drawable("Jose\u{301}"), "José");
    }

    #[test]
    fn what_is_too_long_is_cut_with_an_ellipsis() {
        for name in [
            "W".repeat(400),
            "i".repeat(2_000),
            "Maria das Dores ".repeat(30),
        ] {
            let mut drawing = laid_out(&receipt(&name, "R$ 1,00"));
            let tree = fitted(&mut drawing).unwrap();
            let cut = drawing
                .texts
                .iter()
                .position(|text| text.words.ends_with('…'));
            let cut = cut.expect("the name is cut");
            let width = |index: usize| {
                let node = tree.node_by_id(&format!("t{index}")).expect("it is drawn");
                node.abs_bounding_box().width()
            };
            let room = drawing.texts[cut].room as f32;
            assert!(
                (room * 0.8..=room).contains(&width(cut)),
                "{name}: {}",
                width(cut)
            );
            for (index, text) in drawing.texts.iter().enumerate() {
                assert!(width(index) <= text.room as f32, "{}", text.words);
            }
        }
    }
}
