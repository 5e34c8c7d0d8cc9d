//! The two signatures: Ed25519 on what we send, HMAC-SHA256 on what we are told.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use secrecy::ExposeSecret;

use crate::config::{ConfigError, SigningKey};

const SETTING: &str = "signing_key";

/// Signs payout bodies.
pub(super) struct Signer(Ed25519KeyPair);

impl Signer {
    pub(super) fn new(key: &SigningKey) -> Result<Signer, ConfigError> {
        let pair = match key {
            SigningKey::Seed(seed) => Ed25519KeyPair::from_seed_unchecked(seed),
            SigningKey::Pkcs8Pem(pem) => {
                let der = PrivatePkcs8KeyDer::from_pem_slice(pem.expose_secret().as_bytes())
                    .map_err(|_| ConfigError::new(SETTING, "is not a PKCS#8 PEM"))?;
                Ed25519KeyPair::from_pkcs8(der.secret_pkcs8_der())
            }
        };
        pair.map(Signer)
            .map_err(|_| ConfigError::new(SETTING, "is not an Ed25519 key"))
    }

    /// The value of `X-signature`: base64 over the exact bytes. Equal bytes give equal signatures.
    pub(super) fn sign(&self, body: &[u8]) -> String {
        STANDARD.encode(self.0.sign(body))
    }
}

/// A notification's `x-signature` header: `ts=<digits>,v1=<hex>`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp<'a> {
    /// As written: it is part of what is signed.
    pub ts: &'a str,
    mac: Vec<u8>,
}

impl Stamp<'_> {
    pub(super) fn parse(header: &str) -> Option<Stamp<'_>> {
        let part = |name: &str| {
            header.split(',').find_map(|part| {
                let (key, value) = part.split_once('=')?;
                (key.trim() == name).then_some(value.trim())
            })
        };
        let ts = part("ts")?;
        let digits = !ts.is_empty() && ts.bytes().all(|byte| byte.is_ascii_digit());
        let mac = hex::decode(part("v1")?).ok()?;
        digits.then_some(Stamp { ts, mac })
    }

    /// When it was signed, in milliseconds. Documented in both units; real ones are milliseconds.
    pub(super) fn millis(&self) -> Option<i64> {
        const FIRST_THAT_MUST_BE_MILLIS: i64 = 1_000_000_000_000;
        let ts: i64 = self.ts.parse().ok()?;
        if ts >= FIRST_THAT_MUST_BE_MILLIS {
            Some(ts)
        } else {
            ts.checked_mul(1000)
        }
    }

    /// Whether the secret made it for this resource and request, in constant time.
    pub(super) fn verifies(&self, secret: &[u8], data_id: &str, request_id: Option<&str>) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let holds = |id: &str| {
            let manifest = manifest(id, request_id, self.ts);
            hmac::verify(&key, manifest.as_bytes(), &self.mac).is_ok()
        };
        // The documentation lowers letters in the id, most of the vendor's SDKs do not.
        !secret.is_empty() && (holds(data_id) || holds(&data_id.to_ascii_lowercase()))
    }
}

/// A part whose value is missing is left out; the last semicolon stays.
fn manifest(data_id: &str, request_id: Option<&str>, ts: &str) -> String {
    let mut text = String::new();
    if !data_id.is_empty() {
        text.push_str(&format!("id:{data_id};"));
    }
    if let Some(request_id) = request_id.filter(|id| !id.is_empty()) {
        text.push_str(&format!("request-id:{request_id};"));
    }
    text.push_str(&format!("ts:{ts};"));
    text
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
