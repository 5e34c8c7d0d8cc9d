//! The client certificate that Efí's mutual TLS asks for.
//!
//! The panel hands out a PKCS#12 file with an empty password, older ones encrypted with RC2 and
//! 3DES; many people convert it to PEM. Both are turned into PEM here, since that is what the TLS
//! library reads. [`certificate_facts`] says what is inside, for checks before the first payment.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::time::Moment;
use p12_keystore::Pkcs12Archive;
use reqwest::Identity;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use crate::config::ConfigError;

const SETTING: &str = "certificate";
const PEM_LINE: usize = 64;

/// Where the certificate and its private key come from. `Debug` shows neither.
#[derive(Clone)]
pub enum CertificateSource {
    /// Certificate chain and private key (PKCS#8, PKCS#1 or SEC1) in one text, in any order.
    Pem(SecretString),
    /// A PKCS#12 file. Efí's have an empty password, which is not the same as none.
    Pkcs12 {
        bytes: Vec<u8>,
        password: SecretString,
    },
}

impl CertificateSource {
    /// Tells the two apart by their first bytes.
    pub fn from_file(bytes: Vec<u8>, password: SecretString) -> CertificateSource {
        match String::from_utf8(bytes) {
            Ok(text) if text.contains("-----BEGIN ") => CertificateSource::Pem(text.into()),
            Ok(text) => CertificateSource::Pkcs12 {
                bytes: text.into_bytes(),
                password,
            },
            Err(not_text) => CertificateSource::Pkcs12 {
                bytes: not_text.into_bytes(),
                password,
            },
        }
    }

    /// Leaf, chain and key as PEM.
    fn to_pem(&self) -> Result<Zeroizing<String>, ConfigError> {
        match self {
            CertificateSource::Pem(text) => Ok(Zeroizing::new(text.expose_secret().to_owned())),
            CertificateSource::Pkcs12 { bytes, password } => {
                pkcs12_to_pem(bytes, password.expose_secret())
            }
        }
    }

    pub(crate) fn identity(&self) -> Result<Identity, ConfigError> {
        let pem = self.to_pem()?;
        Identity::from_pem(pem.as_bytes())
            .map_err(|_| ConfigError::new(SETTING, "holds no certificate with its private key"))
    }
}

impl fmt::Debug for CertificateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CertificateSource::Pem(_) => "Pem(…)",
            CertificateSource::Pkcs12 { .. } => "Pkcs12(…)",
        })
    }
}

fn pkcs12_to_pem(bytes: &[u8], password: &str) -> Result<Zeroizing<String>, ConfigError> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, password)
        .map_err(|error| ConfigError::new(SETTING, format!("not a readable P12: {error}")))?;
    let key = archive
        .keys
        .first()
        .ok_or_else(|| ConfigError::new(SETTING, "the P12 holds no private key"))?;
    // The leaf is the certificate that carries the key's id; without ids it stands first.
    let is_leaf = |id: &Option<Vec<u8>>| match (id, &key.local_key_id) {
        (Some(id), Some(key_id)) => id.as_slice() == key_id.as_ref(),
        (None, _) | (_, None) => false,
    };
    let mut certificates: Vec<_> = archive.certs.iter().collect();
    certificates.sort_by_key(|bag| !is_leaf(&bag.local_key_id));
    if certificates.is_empty() {
        return Err(ConfigError::new(SETTING, "the P12 holds no certificate"));
    }
    let mut pem = Zeroizing::new(String::new());
    for bag in certificates {
        push_pem(&mut pem, "CERTIFICATE", bag.cert.as_der());
    }
    push_pem(&mut pem, "PRIVATE KEY", key.key.as_der());
    Ok(pem)
}

fn push_pem(out: &mut Zeroizing<String>, label: &str, der: &[u8]) {
    let encoded = Zeroizing::new(STANDARD.encode(der));
    out.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(PEM_LINE));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out.push_str(&format!("-----END {label}-----\n"));
}

/// Which of Efí's environments issued a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    Production,
    Homologation,
    /// Not one of Efí's issuers.
    Other,
}

/// What a certificate says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    pub subject: String,
    pub issuer: String,
    pub valid_from: Moment,
    pub expires_at: Moment,
    pub environment: Environment,
}

/// Reads the leaf certificate; also fails when its private key is missing or another one.
pub fn certificate_facts(source: &CertificateSource) -> Result<CertificateFacts, ConfigError> {
    source.identity()?;
    let pem = source.to_pem()?;
    check_pair(&pem)?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|_| ConfigError::new(SETTING, "holds no certificate"))?;
    let (_, leaf) = X509Certificate::from_der(&der)
        .map_err(|_| ConfigError::new(SETTING, "the certificate cannot be read"))?;
    let issuer = leaf.issuer().to_string();
    let moment = |seconds: i64| Moment::from_micros(seconds.saturating_mul(1_000_000));
    Ok(CertificateFacts {
        subject: leaf.subject().to_string(),
        environment: environment(&issuer),
        issuer,
        valid_from: moment(leaf.validity().not_before.timestamp()),
        expires_at: moment(leaf.validity().not_after.timestamp()),
    })
}

/// That the TLS library can use the certificate with this key.
fn check_pair(pem: &str) -> Result<(), ConfigError> {
    let unreadable = || ConfigError::new(SETTING, "the certificate cannot be read");
    let chain = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unreadable())?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| unreadable())?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    rustls::sign::CertifiedKey::from_der(chain, key, &provider)
        .map(|_| ())
        .map_err(|error| ConfigError::new(SETTING, format!("cannot be used with its key: {error}")))
}

/// The check that Efí's PHP SDK makes before it connects.
fn environment(issuer: &str) -> Environment {
    if issuer.contains("apis-h.efipay.com.br") {
        Environment::Homologation
    } else if issuer.contains("apis.efipay.com.br") {
        Environment::Production
    } else {
        Environment::Other
    }
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
