//! Small charts, drawn on the server as the outline of an SVG.

/// Width and height of the drawing.
pub const WIDE: u32 = 120;
pub const HIGH: u32 = 28;
/// Kept free above and below, so that the stroke is not cut.
const EDGE: u32 = 2;

/// A line through values of which the last stands at the right edge; a gap where there is none.
/// `most` is the value at the top. Room for `kept` values.
pub fn line(values: &[Option<u64>], most: u64, kept: usize) -> String {
    let span = u64::from(HIGH - 2 * EDGE);
    let steps = u64::try_from(kept.max(2) - 1).unwrap_or(1);
    let mut path = String::new();
    let mut is_drawing = false;
    for (index, value) in values.iter().rev().enumerate().rev() {
        let Some(value) = value else {
            is_drawing = false;
            continue;
        };
        let back = u64::try_from(index).unwrap_or(0);
        let x = u64::from(WIDE) - (u64::from(WIDE) * back / steps).min(u64::from(WIDE));
        let y = u64::from(HIGH - EDGE) - (*value).min(most) * span / most.max(1);
        path.push_str(if is_drawing { "L" } else { "M" });
        path.push_str(&format!("{x} {y}"));
        is_drawing = true;
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_stands_at_the_right_and_gaps_stay_gaps() {
        let values = [Some(0), None, Some(100), Some(50)];
        assert_eq!(line(&values, 100, 4), "M0 26M80 2L120 14");
        assert_eq!(line(&[], 100, 4), "");
        assert_eq!(line(&[Some(500)], 100, 4), "M120 2", "never above the top");
    }
}
