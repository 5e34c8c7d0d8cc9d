//! A QR symbol (ISO/IEC 18004) as a drawing inside a page.
//!
//! Error correction level M, a quiet zone of four modules; runs of dark modules are one stroke each,
//! so that the drawing stays small.

use fast_qr::ECL;
use fast_qr::qr::QRBuilder;

const QUIET_ZONE: usize = 4;

/// What the template draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawing {
    /// Modules per side, quiet zone included.
    pub size: usize,
    /// The dark modules, as the data of an SVG path.
    pub path: String,
}

/// The symbol of this text; `None` when it fits no symbol.
pub fn draw(text: &str) -> Option<Drawing> {
    let symbol = QRBuilder::new(text).ecl(ECL::M).build().ok()?;
    let mut path = String::new();
    for y in 0..symbol.size {
        let mut x = 0;
        while x < symbol.size {
            let run = (x..symbol.size)
                .take_while(|x| symbol[y][*x].value())
                .count();
            if run > 0 {
                let (left, top) = (x + QUIET_ZONE, y + QUIET_ZONE);
                path.push_str(&format!("M{left} {top}h{run}v1h-{run}z"));
            }
            x += run.max(1);
        }
    }
    Some(Drawing {
        size: symbol.size + 2 * QUIET_ZONE,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_cover_exactly_the_dark_modules() {
        let drawing = draw("00020126580014br.gov.bcb.pix").unwrap();
        let symbol = QRBuilder::new("00020126580014br.gov.bcb.pix")
            .ecl(ECL::M)
            .build()
            .unwrap();
        let mut dark = std::collections::BTreeSet::new();
        for run in drawing.path.split('M').skip(1) {
            let numbers: Vec<usize> = run
                .split(|letter: char| !letter.is_ascii_digit())
                .filter_map(|number| number.parse().ok())
                .collect();
            let (x, y, length) = (numbers[0], numbers[1], numbers[2]);
            dark.extend((x..x + length).map(|x| (x, y)));
        }
        for y in 0..symbol.size {
            for x in 0..symbol.size {
                let drawn = dark.contains(&(x + QUIET_ZONE, y + QUIET_ZONE));
                assert_eq!(drawn, symbol[y][x].value(), "{x} {y}");
            }
        }
        assert_eq!(drawing.size, symbol.size + 8);
        assert_eq!(draw(&"é".repeat(3_000)), None);
    }
}
