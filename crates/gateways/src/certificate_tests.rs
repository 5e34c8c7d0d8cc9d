//! Certificates in the forms that people have.

use super::*;

const LEGACY: &[u8] = include_bytes!("../tests/fixtures/legacy.p12");
const MODERN: &[u8] = include_bytes!("../tests/fixtures/modern.p12");
const PKCS8: &[u8] = include_bytes!("../tests/fixtures/pkcs8.pem");
const PKCS1: &[u8] = include_bytes!("../tests/fixtures/pkcs1.pem");

fn source(bytes: &[u8]) -> CertificateSource {
    CertificateSource::from_file(bytes.to_vec(), String::new().into())
}

#[test]
fn every_form_holds_the_same_identity() {
    let facts: Vec<_> = [LEGACY, MODERN, PKCS8, PKCS1]
        .into_iter()
        .map(|bytes| certificate_facts(&source(bytes)).unwrap())
        .collect();
    for other in &facts[1..] {
        assert_eq!(*other, facts[0]);
    }
    assert_eq!(facts[0].environment, Environment::Homologation);
    assert!(facts[0].subject.contains("throw-away test account"));
    assert!(facts[0].valid_from < facts[0].expires_at);
}

#[test]
fn the_two_kinds_of_file_are_told_apart() {
    assert!(matches!(source(PKCS8), CertificateSource::Pem(_)));
    assert!(matches!(source(LEGACY), CertificateSource::Pkcs12 { .. }));
}

#[test]
fn what_cannot_be_used_is_refused_with_a_reason() {
    let wrong_password = CertificateSource::from_file(MODERN.to_vec(), "x".to_owned().into());
    let pem = String::from_utf8(PKCS8.to_vec()).unwrap();
    let (certificate, key) = pem.split_at(pem.find("-----BEGIN PRIVATE KEY").unwrap());
    let stranger = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let mismatched = format!("{certificate}{stranger}");
    for (broken, says) in [
        (wrong_password, "not a readable P12"),
        (source(b""), "not a readable P12"),
        (source(&LEGACY[..100]), "not a readable P12"),
        (source(certificate.as_bytes()), "no certificate with its"),
        (source(key.as_bytes()), "no certificate with its"),
        (source(mismatched.as_bytes()), "cannot be used with its key"),
    ] {
        let error = certificate_facts(&broken).unwrap_err();
        assert!(error.message.contains(says), "{error}");
    }
}

#[test]
fn issuers_name_the_environment() {
    for (issuer, expected) in [
        ("CN=apis-h.efipay.com.br, O=Efi", Environment::Homologation),
        ("CN=apis.efipay.com.br", Environment::Production),
        ("CN=someone else", Environment::Other),
    ] {
        assert_eq!(environment(issuer), expected);
    }
}

#[test]
fn nothing_secret_is_printed() {
    for bytes in [LEGACY, PKCS8] {
        let shown = format!("{:?}", source(bytes));
        assert!(shown == "Pem(…)" || shown == "Pkcs12(…)", "{shown}");
    }
}
