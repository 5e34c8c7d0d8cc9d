//! The files that pages are made of, embedded in the program.
//!
//! Each is served under an address that holds a hash of its content, so browsers may keep it for
//! ever; text is compressed once, at the first use.

use std::io::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderValue, header};

use crate::Web;
use crate::stop::Stop;

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
}

macro_rules! assets {
    ($($name:literal: $kind:literal;)*) => {
        const ASSETS: &[Asset] = &[$(Asset {
            name: $name,
            kind: $kind,
            content: include_bytes!(concat!("../assets/", $name)),
        },)*];
    };
}

assets! {
    "app.css": "text/css; charset=utf-8";
    "app.js": "text/javascript; charset=utf-8";
    "icons.svg": "image/svg+xml";
    "icon.svg": "image/svg+xml";
    "manifest.webmanifest": "application/manifest+json";
}

struct Ready {
    asset: &'static Asset,
    address: String,
    packed: Bytes,
}

static READY: LazyLock<Vec<Ready>> = LazyLock::new(|| ASSETS.iter().map(ready).collect());

fn ready(asset: &'static Asset) -> Ready {
    let hash = hex::encode(&digest(&SHA256, asset.content).as_ref()[..6]);
    let (stem, ending) = asset.name.split_once('.').unwrap_or((asset.name, ""));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let packed = encoder
        .write_all(asset.content)
        .and_then(|()| encoder.finish());
    Ready {
        asset,
        address: format!("/assets/{stem}-{hash}.{ending}"),
        packed: packed.expect("memory takes whatever is written").into(),
    }
}

/// The address of an asset.
///
/// # Panics
/// When there is no such asset: names stand in our own code.
pub fn address(name: &str) -> &'static str {
    let found = READY.iter().find(|ready| ready.asset.name == name);
    &found.expect("the asset is embedded").address
}

pub fn routes() -> Router<Web> {
    Router::new()
        .route("/assets/{name}", get(serve))
        .route("/favicon.ico", get(favicon))
}

async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Stop> {
    let address = format!("/assets/{name}");
    let found = READY.iter().find(|ready| ready.address == address);
    Ok(answer(found.ok_or(Stop::NotFound)?, &headers))
}

/// What browsers ask for without being told to.
async fn favicon(headers: HeaderMap) -> Result<Response, Stop> {
    let found = READY.iter().find(|ready| ready.asset.name == "icon.svg");
    Ok(answer(found.ok_or(Stop::NotFound)?, &headers))
}

fn answer(ready: &'static Ready, headers: &HeaderMap) -> Response {
    let kind = (header::CONTENT_TYPE, ready.asset.kind);
    let keep = (header::CACHE_CONTROL, "public, max-age=31536000, immutable");
    let accepted = headers.get(header::ACCEPT_ENCODING);
    let takes_gzip = accepted
        .and_then(|value| value.to_str().ok())
        .is_some_and(|list| list.contains("gzip"));
    let mut response = match takes_gzip {
        true => {
            let packed = (header::CONTENT_ENCODING, "gzip");
            ([kind, keep, packed], ready.packed.clone()).into_response()
        }
        false => ([kind, keep], Bytes::from_static(ready.asset.content)).into_response(),
    };
    let vary = HeaderValue::from_static("Accept-Encoding");
    response.headers_mut().insert(header::VARY, vary);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_the_content_apart() {
        let address = address("app.css");
        assert!(address.starts_with("/assets/app-") && address.ends_with(".css"));
        assert_eq!(address.len(), "/assets/app-.css".len() + 12);
        let addresses: std::collections::BTreeSet<_> =
            READY.iter().map(|ready| &ready.address).collect();
        assert_eq!(addresses.len(), ASSETS.len());
    }

    #[test]
    fn what_the_manifest_and_the_styles_name_is_of_this_program() {
        for asset in ASSETS {
            let text = std::str::from_utf8(asset.content).unwrap_or_default();
            let own = text.replace("http://www.w3.org/2000/svg", "");
            for outside in ["http://", "https://", "url(//"] {
                assert!(!own.contains(outside), "{}: {outside}", asset.name);
            }
        }
    }
}
