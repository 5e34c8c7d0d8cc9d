//! Which base addresses are accepted. What happens on the wire is tested over real sockets.

use super::*;

#[test]
fn base_addresses() {
    let table = [
        ("https://api.mercadopago.com", false, true),
        ("https://api.mercadopago.com/", false, true),
        ("http://127.0.0.1:8080", false, true),
        ("http://sandbox:9090", false, true),
        ("http://api.mercadopago.com", false, false),
        ("http://pix.api.efipay.com.br", true, false),
        ("https://localhost:1", true, true),
        ("ftp://x", false, false),
        ("https://x/?a=b", false, false),
        ("x", false, false),
    ];
    for (text, needs_tls, fits) in table {
        let checked = checked_base_url(text, needs_tls);
        assert_eq!(checked.is_ok(), fits, "{text}");
        if let Ok(url) = checked {
            assert!(!url.ends_with('/'));
        }
    }
}

#[test]
fn a_token_is_printed_as_sensitive() {
    let value = bearer(&"very-secret".to_owned().into()).unwrap();
    assert!(!format!("{value:?}").contains("very-secret"));
    assert!(bearer(&"with\nnewline".to_owned().into()).is_none());
}

#[test]
fn the_tls_error_is_found_inside_io_errors() {
    let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
    let wrapped = std::io::Error::new(std::io::ErrorKind::InvalidData, alert);
    let found = tls_error(&wrapped).unwrap();
    assert!(refuses_our_certificate(found));
    let twice = std::io::Error::other(std::io::Error::other(rustls::Error::AlertReceived(
        AlertDescription::HandshakeFailure,
    )));
    assert!(!refuses_our_certificate(tls_error(&twice).unwrap()));
    let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    assert!(tls_error(&reset).is_none());
}
