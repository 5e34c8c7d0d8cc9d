//! The vendor's worked examples, and what must not pass.

use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const SEED: [u8; 32] = [
    0x9d, 0xc5, 0x55, 0x18, 0xc9, 0x4a, 0x4d, 0xa0, 0x15, 0x9c, 0xd7, 0x1c, 0x4b, 0xa0, 0xf5, 0x53,
    0x18, 0x49, 0xf7, 0xf4, 0x71, 0x45, 0xdc, 0x08, 0x9d, 0x97, 0x2e, 0x37, 0x64, 0x6d, 0x34, 0xd8,
];
/// The same seed as PKCS#8 (RFC 8410).
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIJ3FVRjJSk2gFZzXHEug9VMYSff0cUXcCJ2XLjdkbTTY\n\
    -----END PRIVATE KEY-----\n";

#[test]
fn payouts_are_signed_over_their_exact_bytes() {
    let tight = r#"{"external_reference":"wd-0001"}"#;
    let spaced = r#"{"external_reference": "wd-0001"}"#;
    for key in [
        SigningKey::Seed(SEED),
        SigningKey::Pkcs8Pem(PEM.to_owned().into()),
    ] {
        let signer = Signer::new(&key).unwrap();
        assert_eq!(
            signer.sign(tight.as_bytes()),
            "CvoqXP7w5FeV1MM7h1e7/zrx2rKqSwPNf3Gin7YKtnV4WbBsyR/Li9p8FbIpI6ZAntNsVQI05tH9VaBT56AlBQ=="
        );
        assert_eq!(
            signer.sign(spaced.as_bytes()),
            "H8WlqaZ2tF6NTe425SkG363kQGOV7X2EJo7PQfSsYsAB7Sn/yhZNFy0hjp3M3WBChmpJ71inDyL8OLsCZSY4CQ=="
        );
    }
}

#[test]
fn other_keys_are_refused_without_showing_them() {
    for text in [
        "",
        "secret",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ] {
        let error = Signer::new(&SigningKey::Pkcs8Pem(text.to_owned().into()))
            .err()
            .unwrap();
        assert_eq!(error.setting, "signing_key");
        assert!(!error.to_string().contains("secret"));
    }
    assert_eq!(format!("{:?}", SigningKey::Seed(SEED)), "SigningKey(…)");
}

#[test]
fn the_documented_notifications_verify() {
    let table = [
        (
            "1318000001",
            "bb56a2f1-6aae-46ac-982e-9dcd3581d08e",
            "ts=1742505638683,v1=88dc3e9e25486bfe7b34a66776aa8c9fd4702ce2fd8bb66616db33049e6a6b1b",
        ),
        (
            "ORD01JQ4S4KY8HWQ6NA5PXB65B3D3",
            "2066ca19-c6f1-498a-be75-1923005edd06",
            "ts=1742505638683,v1=5673aeed76bb394779a0cbec8920c8e33d3acb7a4e7234e51360fbb32c8eb88c",
        ),
    ];
    for (id, request_id, header) in table {
        let stamp = Stamp::parse(header).unwrap();
        assert!(stamp.verifies(SECRET, id, Some(request_id)));
        assert!(!stamp.verifies(SECRET, id, None));
        assert!(!stamp.verifies(SECRET, id, Some("another")));
        assert!(!stamp.verifies(b"another", id, Some(request_id)));
        assert!(!stamp.verifies(b"", id, Some(request_id)));
        assert!(!stamp.verifies(SECRET, "1", Some(request_id)));
        assert_eq!(stamp.millis(), Some(1_742_505_638_683));
    }
}

fn signed(manifest: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
    hex::encode(hmac::sign(&key, manifest.as_bytes()))
}

#[test]
fn a_lower_cased_id_and_a_missing_request_id_are_understood() {
    let header = format!("ts=1742505638,v1={}", signed("id:ord01abc;ts:1742505638;"));
    let stamp = Stamp::parse(&header).unwrap();
    assert!(stamp.verifies(SECRET, "ORD01ABC", None));
    assert!(stamp.verifies(SECRET, "ORD01ABC", Some("")));
    assert!(!stamp.verifies(SECRET, "ORD01ABC", Some("r")));
    assert_eq!(stamp.millis(), Some(1_742_505_638_000), "seconds");
}

#[test]
fn headers_that_are_no_stamp() {
    for header in [
        "",
        "ts=1",
        "v1=00",
        "ts=,v1=00",
        "ts=x,v1=00",
        "ts=1,v1=zz",
        "ts=1;v1=00",
        "ts=-1,v1=00",
    ] {
        assert!(Stamp::parse(header).is_none(), "{header}");
    }
    assert!(Stamp::parse(" v1=00 , ts=1 ").is_some(), "order and spaces");
}
