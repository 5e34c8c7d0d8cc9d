//! The QR symbol of a charge (ISO/IEC 18004), as SVG and PNG.
//!
//! Error correction level M, a quiet zone of four modules; what is drawn is the gateway's code
//! verbatim.

use app::commands::Caller;
use domain::ids::TransactionId;
use fast_qr::ECL;
use fast_qr::qr::{QRBuilder, QRCode};

use super::create_charge::br_code;
use crate::Api;
use crate::error::{Code, Problem};

const QUIET_ZONE: usize = 4;
/// Pixels per module of the PNG.
const SCALE: usize = 8;

/// The symbol of a charge that has a code.
pub(super) async fn symbol(
    api: &Api,
    caller: &Caller,
    id: TransactionId,
) -> Result<QRCode, Problem> {
    let view = api.app.transaction(caller, id).await?;
    let text = br_code(&view)
        .ok_or_else(|| Problem::new(Code::NotFound, "The transaction has no QR code (yet)."))?;
    encode(text)
}

fn encode(text: &str) -> Result<QRCode, Problem> {
    QRBuilder::new(text)
        .ecl(ECL::M)
        .build()
        .map_err(|error| Problem::internal(&format!("a code does not fit a QR symbol: {error}")))
}

/// Whether the module at this place of the picture (quiet zone included) is dark.
fn is_dark(symbol: &QRCode, x: usize, y: usize) -> bool {
    let inside = QUIET_ZONE..QUIET_ZONE + symbol.size;
    inside.contains(&x) && inside.contains(&y) && symbol[y - QUIET_ZONE][x - QUIET_ZONE].value()
}

pub(super) fn svg(symbol: &QRCode) -> String {
    let size = symbol.size + 2 * QUIET_ZONE;
    let mut path = String::new();
    for y in 0..size {
        for x in (0..size).filter(|x| is_dark(symbol, *x, y)) {
            path.push_str(&format!("M{x} {y}h1v1h-1z"));
        }
    }
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}H0z"/><path d="{path}"/></svg>"##
    )
}

pub(super) fn png(symbol: &QRCode) -> Result<Vec<u8>, Problem> {
    let modules = symbol.size + 2 * QUIET_ZONE;
    let side = modules * SCALE;
    // One bit per pixel, rows padded to bytes: one byte is one module, 1 is white.
    let pixels: Vec<u8> = (0..side)
        .flat_map(|y| (0..modules).map(move |x| (x, y / SCALE)))
        .map(|(x, y)| if is_dark(symbol, x, y) { 0x00 } else { 0xff })
        .collect();
    let mut file = Vec::new();
    let width = u32::try_from(side).expect("a symbol has at most 177 modules");
    let mut encoder = png::Encoder::new(&mut file, width, width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels));
    match written {
        Ok(()) => Ok(file),
        Err(error) => Err(Problem::internal(&format!("PNG: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D";

    #[test]
    fn both_pictures_show_the_same_modules() {
        let symbol = encode(TEXT).unwrap();
        let picture = svg(&symbol);
        let file = png(&symbol).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(file))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let modules = symbol.size + 2 * QUIET_ZONE;
        assert_eq!(info.width as usize, modules * SCALE);
        let mut dark = 0;
        for y in 0..modules {
            for x in 0..modules {
                let is_black = pixels[y * SCALE * info.line_size + x] == 0;
                assert_eq!(is_black, is_dark(&symbol, x, y), "{x} {y}");
                assert_eq!(is_black, picture.contains(&format!("M{x} {y}h1v1h-1z")));
                dark += usize::from(is_black);
            }
        }
        assert!(dark > modules * modules / 5);
    }

    #[test]
    fn the_finder_pattern_stands_inside_the_quiet_zone() {
        let symbol = encode(TEXT).unwrap();
        for n in 0..QUIET_ZONE {
            assert!(!is_dark(&symbol, n, n));
        }
        for x in QUIET_ZONE..QUIET_ZONE + 7 {
            assert!(is_dark(&symbol, x, QUIET_ZONE));
        }
    }

    #[test]
    fn a_code_too_long_for_a_symbol_is_our_failure() {
        assert_eq!(
            encode(&"é".repeat(3_000)).err().unwrap().code,
            Code::InternalError
        );
    }
}
