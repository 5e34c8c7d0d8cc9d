//! A QR code of a BR Code as a PNG, in base64.

use base64::{Engine, engine::general_purpose::STANDARD};

const PIXELS_PER_MODULE: usize = 4;
/// Modules of white around the code (ISO/IEC 18004 asks for four).
const QUIET: usize = 4;

/// The PNG in base64, without a `data:` prefix.
pub fn png_base64(text: &str) -> Option<String> {
    let code = fast_qr::QRBuilder::new(text).build().ok()?;
    let side = (code.size + 2 * QUIET) * PIXELS_PER_MODULE;
    let dark = |x: usize, y: usize| {
        let module = |at: usize| {
            (at / PIXELS_PER_MODULE)
                .checked_sub(QUIET)
                .filter(|&m| m < code.size)
        };
        matches!((module(x), module(y)), (Some(x), Some(y)) if code[y][x].value())
    };
    let pixels: Vec<u8> = (0..side * side)
        .map(|at| if dark(at % side, at / side) { 0 } else { 255 })
        .collect();
    let mut bytes = Vec::new();
    let width = u32::try_from(side).ok()?;
    let mut encoder = png::Encoder::new(&mut bytes, width, width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .ok()?
        .write_image_data(&pixels)
        .ok()?;
    Some(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_a_square_png_with_both_colors() {
        let bytes = STANDARD.decode(png_base64("000201").unwrap()).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!(info.width, info.height);
        assert!(pixels.contains(&0) && pixels.contains(&255));
    }
}
