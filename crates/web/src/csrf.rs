//! Who may post a form: only pages of ours.
//!
//! Two proofs are asked for. The token in the form is an HMAC under the browser's own secret (its
//! session, or before that its visit), which other sites can neither read nor set through our host;
//! it is masked anew on every page, so that compressing pages leaks nothing of it (BREACH). And the
//! browser's own word where the request comes from (`Sec-Fetch-Site`, `Origin`) must not name
//! another site.

use aws_lc_rs::{constant_time, hmac};
use http::{HeaderMap, header};

const LENGTH: usize = 16;

/// The token for a page, masked with fresh random bytes.
pub fn token(secret: &str, mask: [u8; LENGTH]) -> String {
    let mut bytes = mask.to_vec();
    bytes.extend(
        mask.iter()
            .zip(plain(secret))
            .map(|(mask, byte)| mask ^ byte),
    );
    hex::encode(bytes)
}

/// Whether this is a token of this secret.
pub fn is_good(secret: &str, token: &str) -> bool {
    let mut bytes = [0; 2 * LENGTH];
    if hex::decode_to_slice(token, &mut bytes).is_err() {
        return false;
    }
    let (mask, masked) = bytes.split_at(LENGTH);
    let shown: Vec<u8> = mask
        .iter()
        .zip(masked)
        .map(|(mask, byte)| mask ^ byte)
        .collect();
    constant_time::verify_slices_are_equal(&shown, &plain(secret)).is_ok()
}

fn plain(secret: &str) -> [u8; LENGTH] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, b"pixwave form");
    let mut plain = [0; LENGTH];
    plain.copy_from_slice(&tag.as_ref()[..LENGTH]);
    plain
}

/// Whether the request comes from one of our pages, as far as the browser tells: `own` is where
/// browsers reach us, when that is known.
pub fn comes_from_us(headers: &HeaderMap, own: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    match text("sec-fetch-site") {
        None | Some("same-origin" | "none") => {}
        Some(_) => return false,
    }
    let Some(origin) = text(header::ORIGIN.as_str()) else {
        return true;
    };
    let host = text(header::HOST.as_str()).unwrap_or("");
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    own == Some(origin) || (!host.is_empty() && authority == Some(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_secret_and_looks_different_each_time() {
        let (one, two) = (token("pws_a", [1; 16]), token("pws_a", [2; 16]));
        assert_ne!(one, two);
        assert!(is_good("pws_a", &one) && is_good("pws_a", &two));
        assert!(!is_good("pws_b", &one));
        for bad in ["", "00", &"0".repeat(64), &"z".repeat(64)] {
            assert!(!is_good("pws_a", bad), "{bad}");
        }
    }

    #[test]
    fn another_site_is_told_by_what_the_browser_says() {
        let with = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            comes_from_us(&headers, Some("https://pix.example.com"))
        };
        assert!(with(&[]), "old browsers say nothing; the token decides");
        assert!(with(&[
            ("origin", "https://pix.example.com"),
            ("host", "10.0.0.1:8080")
        ]));
        assert!(with(&[
            ("origin", "http://127.0.0.1:8080"),
            ("host", "127.0.0.1:8080")
        ]));
        assert!(with(&[("sec-fetch-site", "same-origin")]));
        assert!(!with(&[("sec-fetch-site", "cross-site")]));
        assert!(!with(&[("sec-fetch-site", "same-site")]));
        assert!(!with(&[
            ("origin", "https://evil.example"),
            ("host", "pix.example.com")
        ]));
        assert!(!with(&[("origin", "null"), ("host", "pix.example.com")]));
        assert!(!with(&[("origin", "http://"), ("host", "")]));
    }
}
