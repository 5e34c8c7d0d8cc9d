//! The throw-away certificate authority of the fake Efí and everything it signs.
//!
//! Made once per data directory (or per process without one): a CA, the server's certificate,
//! and the client certificate that the Efí panel would hand out, as PEM and as PKCS#12 with an
//! empty password. The same client identity is shown to webhook receivers.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result};
use p12_keystore::{
    Certificate as P12Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain,
};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::WebPkiClientVerifier,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde::{Deserialize, Serialize};

/// The issuer that Efí's PHP SDK looks for in a homologation certificate.
const ISSUER: &str = "apis-h.efipay.com.br";

/// What the server's certificate always names.
const HOSTS: [&str; 4] = [
    "localhost",
    "127.0.0.1",
    "pix-h.api.efipay.com.br",
    "pix.api.efipay.com.br",
];

/// Everything signed, as PEM text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Certificates {
    /// The names that the server's certificate was asked for beside its own; files of earlier
    /// versions have none.
    #[serde(default)]
    pub hosts: Vec<String>,
    pub ca_pem: String,
    pub server_pem: String,
    pub server_key_pem: String,
    pub client_pem: String,
    pub client_key_pem: String,
    pub client_p12: Vec<u8>,
}

impl Certificates {
    /// Reads them from the data directory or makes them, and keeps them there. Those that do not
    /// name the host by which clients come are made anew.
    pub fn load_or_make(data_dir: Option<&Path>, host: &str) -> Result<Self> {
        let Some(file) = data_dir.map(|dir| dir.join("certificates.json")) else {
            return Self::make(host);
        };
        if let Ok(text) = std::fs::read(&file) {
            let kept: Self = serde_json::from_slice(&text)
                .with_context(|| format!("{} cannot be read", file.display()))?;
            if kept.names(host) {
                return Ok(kept);
            }
        }
        let made = Self::make(host)?;
        let draft = file.with_extension("draft");
        std::fs::write(&draft, serde_json::to_vec(&made)?)?;
        std::fs::rename(&draft, &file)?;
        Ok(made)
    }

    fn names(&self, host: &str) -> bool {
        HOSTS.contains(&host) || self.hosts.iter().any(|known| known == host)
    }

    fn make(host: &str) -> Result<Self> {
        let mut ca = blank(ISSUER, &[])?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate()?;
        let ca_certificate = ca.self_signed(&ca_key)?;
        let issuer = Issuer::new(ca, ca_key);

        let mut hosts = HOSTS.to_vec();
        if !hosts.contains(&host) {
            hosts.push(host);
        }
        let mut server = blank("localhost", &hosts)?;
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let server_key = KeyPair::generate()?;
        let server_certificate = server.signed_by(&server_key, &issuer)?;

        let mut client = blank("sandbox-account", &[])?;
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client_key = KeyPair::generate()?;
        let client_certificate = client.signed_by(&client_key, &issuer)?;
        let chain = [client_certificate.der(), ca_certificate.der()];

        Ok(Self {
            hosts: vec![host.to_owned()],
            ca_pem: ca_certificate.pem(),
            server_pem: server_certificate.pem(),
            server_key_pem: server_key.serialize_pem(),
            client_p12: pkcs12(&client_key.serialize_der(), &chain)?,
            client_pem: client_certificate.pem(),
            client_key_pem: client_key.serialize_pem(),
        })
    }

    /// TLS 1.2 or later. Without `require_client` a caller without a certificate gets through to
    /// an HTTP answer, as from an edge that refuses there.
    pub fn server_config(&self, require_client: bool) -> Result<Arc<ServerConfig>> {
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.ca_pem.as_bytes())?)?;
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = if require_client {
            verifier
        } else {
            verifier.allow_unauthenticated()
        };
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier.build()?)
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(self.server_pem.as_bytes())?],
                PrivateKeyDer::from_pem_slice(self.server_key_pem.as_bytes())?,
            )?;
        Ok(Arc::new(config))
    }
}

fn blank(common_name: &str, hosts: &[&str]) -> Result<CertificateParams> {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut params = CertificateParams::new(hosts)?;
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2044, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    Ok(params)
}

fn pkcs12(key: &[u8], chain: &[&CertificateDer<'_>]) -> Result<Vec<u8>> {
    let certificates = chain
        .iter()
        .map(|der| P12Certificate::from_der(der))
        .collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKey::from_der(key)?;
    let mut store = KeyStore::new();
    let entry = PrivateKeyChain::new("sandbox".as_bytes(), key, certificates);
    store.add_entry("sandbox", KeyStoreEntry::PrivateKeyChain(entry));
    // An empty password protects nothing, so that many rounds would only slow every start.
    Ok(store
        .writer("")
        .encryption_iterations(2048)
        .mac_iterations(2048)
        .write()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use p12_keystore::Pkcs12ImportPolicy;

    #[test]
    fn certificates_are_kept_until_another_host_is_wanted() {
        let folder = std::env::temp_dir().join(format!("pixwave-ca-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let load = |host| Certificates::load_or_make(Some(&folder), host).unwrap();
        let first = load("127.0.0.1");
        assert_eq!(load("localhost").ca_pem, first.ca_pem);
        let named = load("sandbox");
        assert_ne!(named.ca_pem, first.ca_pem);
        assert_eq!(load("sandbox").ca_pem, named.ca_pem);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_p12_opens_with_an_empty_password_and_holds_the_client_identity() {
        let made = Certificates::make("sandbox").unwrap();
        let store =
            KeyStore::from_pkcs12(&made.client_p12, "", Pkcs12ImportPolicy::Relaxed).unwrap();
        let (_, chain) = store.private_key_chain().unwrap();
        let der = CertificateDer::from_pem_slice(made.client_pem.as_bytes()).unwrap();
        assert_eq!(chain.certs()[0].as_der(), der.as_ref());
        assert!(chain.certs()[0].issuer().contains(ISSUER));
        assert!(KeyStore::from_pkcs12(&made.client_p12, "x", Pkcs12ImportPolicy::Relaxed).is_err());
    }
}
