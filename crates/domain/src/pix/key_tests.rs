//! Tests of the Pix key reader: worked examples, every error, and an oracle written as a
//! transcription of the directory's patterns.

use proptest::prelude::*;

use super::*;

/// `CPF 52998224725`, or the code of the error and of its hint.
fn outcome(result: Result<PixKey, PixKeyError>) -> String {
    match result {
        Ok(key) => format!("{} {}", key.kind().as_str().to_uppercase(), key.as_str()),
        Err(error) => match error.hint() {
            Some(hint) => format!("{} {}", error.code(), hint.code()),
            None => error.code().to_owned(),
        },
    }
}

#[test]
fn recognizes_the_worked_examples() {
    let cases = [
        ("529.982.247-25", "CPF 52998224725"),
        ("12345678901", "BAD_CHECK_DIGITS"),
        ("11987654321", "BAD_CHECK_DIGITS PHONE_WITHOUT_PLUS55"),
        ("00.000.000/0001-91", "CNPJ 00000000000191"),
        ("12.ABC.345/01DE-35", "CNPJ 12ABC34501DE35"),
        ("12ABC34501DE3A", "CHECK_DIGITS_NOT_NUMERIC"),
        ("+55 (11) 98765-4321", "PHONE +5511987654321"),
        ("5511987654321", "UNRECOGNISED"),
        (
            "Fulano.Silva+pix@Example.COM",
            "EMAIL fulano.silva+pix@example.com",
        ),
        ("fulano&cia@example.com", "BAD_EMAIL"),
        (
            "123e4567-e89b-12d3-a456-426655440000",
            "EVP 123e4567-e89b-12d3-a456-426655440000",
        ),
        ("7d9f03358dcc40549bf90dbd61d36906", "EVP_WITHOUT_HYPHENS"),
    ];
    for (text, expected) in cases {
        assert_eq!(outcome(PixKey::recognize(text)), expected, "{text}");
    }
}

#[test]
fn recognizes_the_edges_of_every_kind() {
    let long_local = "a".repeat(65);
    let cases = [
        ("", "EMPTY"),
        (" \t\n", "EMPTY"),
        ("+", "BAD_PHONE"),
        ("+5", "BAD_PHONE"),
        ("+55", "PHONE +55"),
        ("+05", "BAD_PHONE"),
        ("+123456789012345", "PHONE +123456789012345"),
        ("+1234567890123456", "BAD_PHONE"),
        ("+55.11.98765.4321", "BAD_PHONE"),
        ("++5511987654321", "BAD_PHONE"),
        ("+٥٥", "BAD_PHONE"),
        ("@", "BAD_EMAIL"),
        ("a@", "BAD_EMAIL"),
        ("@b", "BAD_EMAIL"),
        ("a@b", "EMAIL a@b"),
        ("A@B.", "BAD_EMAIL"),
        ("a@.b", "BAD_EMAIL"),
        ("a@b..c", "BAD_EMAIL"),
        ("a@-b.c", "BAD_EMAIL"),
        ("a@b-.c", "BAD_EMAIL"),
        ("a@b-c.d", "EMAIL a@b-c.d"),
        ("a@b@c", "BAD_EMAIL"),
        ("a b@c", "BAD_EMAIL"),
        ("a%b@c", "BAD_EMAIL"),
        ("+a@b", "EMAIL +a@b"),
        (".!#$'*+/=?^_`{|}~-@b", "EMAIL .!#$'*+/=?^_`{|}~-@b"),
        ("\u{212a}elvin@example.com", "BAD_EMAIL"),
        ("joão@example.com", "BAD_EMAIL"),
        ("  fulano@exemplo.com\r\n", "EMAIL fulano@exemplo.com"),
        (
            "123E4567-E89B-12D3-A456-426655440000",
            "EVP 123e4567-e89b-12d3-a456-426655440000",
        ),
        ("123e4567-e89b-12d3-a456-42665544000g", "UNRECOGNISED"),
        ("123e4567e-89b-12d3-a456-426655440000", "UNRECOGNISED"),
        ("7D9F03358DCC40549BF90DBD61D36906", "EVP_WITHOUT_HYPHENS"),
        ("52998224725", "CPF 52998224725"),
        ("529 982 247 25", "CPF 52998224725"),
        ("529.982.247/25", "UNRECOGNISED"),
        ("11111111111", "BAD_CHECK_DIGITS"),
        ("00000000000000", "BAD_CHECK_DIGITS"),
        ("12abc34501de35", "CNPJ 12ABC34501DE35"),
        ("00 000 000 0001 91", "UNRECOGNISED"),
        ("fulano", "UNRECOGNISED"),
        ("çççççç", "UNRECOGNISED"),
    ];
    for (text, expected) in cases {
        assert_eq!(outcome(PixKey::recognize(text)), expected, "{text:?}");
    }
    let longest = format!("{long_local}@example.com");
    assert_eq!(longest.len(), LONGEST_KEY);
    assert_eq!(
        outcome(PixKey::recognize(&longest)),
        format!("EMAIL {longest}")
    );
    assert_eq!(
        outcome(PixKey::recognize(&format!("{longest}m"))),
        "TOO_LONG"
    );
    assert_eq!(
        outcome(PixKey::recognize(&format!("&{longest}"))),
        "TOO_LONG"
    );
    let longest_label = format!("a@{}", "b".repeat(63));
    assert_eq!(
        outcome(PixKey::recognize(&longest_label)),
        format!("EMAIL {longest_label}")
    );
    assert_eq!(
        outcome(PixKey::recognize(&format!("{longest_label}b"))),
        "BAD_EMAIL"
    );
}

#[test]
fn a_named_kind_is_never_converted() {
    use PixKeyKind::{Cnpj, Cpf, Email, Evp, Phone};
    let cases = [
        (Cpf, " 529.982.247-25 ", "CPF 52998224725"),
        (Cpf, "11987654321", "BAD_CHECK_DIGITS PHONE_WITHOUT_PLUS55"),
        (Cpf, "00000000000191", "UNRECOGNISED"),
        (Cpf, "", "EMPTY"),
        (Cnpj, "52998224725", "UNRECOGNISED"),
        (Cnpj, "12ABC34501DE3A", "CHECK_DIGITS_NOT_NUMERIC"),
        (Phone, "11987654321", "BAD_PHONE PHONE_WITHOUT_PLUS55"),
        (Phone, "(11) 98765-4321", "BAD_PHONE PHONE_WITHOUT_PLUS55"),
        (Phone, "5511987654321", "BAD_PHONE"),
        (Phone, "+5511987654321", "PHONE +5511987654321"),
        (Email, "fulano", "BAD_EMAIL"),
        (
            Evp,
            "7d9f03358dcc40549bf90dbd61d36906",
            "EVP_WITHOUT_HYPHENS",
        ),
        (Evp, "52998224725", "UNRECOGNISED"),
    ];
    for (kind, text, expected) in cases {
        assert_eq!(
            outcome(PixKey::parse_as(kind, text)),
            expected,
            "{kind} {text:?}"
        );
    }
    assert_eq!(
        PixKey::parse_as(Evp, "x").unwrap_err().to_string(),
        "this does not have the shape of a Pix key of the kind evp"
    );
}

#[test]
fn lints_phones_that_are_not_brazilian_mobiles() {
    let odd = Some(PixKeyLint::NotABrMobile);
    let cases = [
        ("+5511987654321", None),
        ("+551187654321", odd),
        ("+5511887654321", odd),
        ("+5510987654321", odd),
        ("+551198765432", odd),
        ("+351912345678", odd),
        ("52998224725", None),
        ("a@b", None),
    ];
    for (text, expected) in cases {
        assert_eq!(PixKey::recognize(text).unwrap().lint(), expected, "{text}");
    }
    assert_eq!(PixKeyLint::NotABrMobile.code(), "NOT_A_BR_MOBILE");
}

#[test]
fn masks_and_never_debugs_in_clear() {
    let cases = [
        (
            "52998224725",
            "***.982.247-**",
            "PixKey(Cpf(***.982.247-**))",
        ),
        (
            "12ABC34501DE35",
            "12.ABC.345/01DE-35",
            "PixKey(Cnpj(**.***.***/01DE-35))",
        ),
        ("+5511987654321", "***4321", "PixKey(phone, ***4321)"),
        ("+551234", "***", "PixKey(phone, ***)"),
        ("+55", "***", "PixKey(phone, ***)"),
        (
            "fulano@example.com",
            "f***@example.com",
            "PixKey(email, f***@example.com)",
        ),
        (
            "123e4567-e89b-12d3-a456-426655440000",
            "123e4567-****-****-****-************",
            "PixKey(evp, 123e4567-****-****-****-************)",
        ),
    ];
    for (text, masked, debug) in cases {
        let key = PixKey::recognize(text).unwrap();
        assert_eq!(key.masked(), masked, "{text}");
        assert_eq!(format!("{key:?}"), debug, "{text}");
    }
}

#[test]
fn knows_its_tax_id_and_its_names() {
    let key = PixKey::recognize("12.abc.345/01de-35").unwrap();
    assert_eq!(key.tax_id(), TaxId::parse("12ABC34501DE35").ok());
    assert_eq!(PixKey::recognize("a@b").unwrap().tax_id(), None);
    for kind in PixKeyKind::ALL {
        assert_eq!(PixKeyKind::from_name(kind.as_str()), Some(kind));
    }
    assert_eq!(PixKeyKind::from_name("CPF"), None);
}

proptest! {
    #[test]
    fn what_matches_the_published_patterns_is_read(
        email in "[a-z0-9.!#$'*+/=?^_`{|}~-]{1,20}@[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?){0,3}",
        phone in "\\+[1-9][0-9]{1,14}",
        evp in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    ) {
        for (kind, text) in [(PixKeyKind::Email, email), (PixKeyKind::Phone, phone), (PixKeyKind::Evp, evp)] {
            let key = PixKey::recognize(&text).unwrap();
            prop_assert_eq!(key.kind(), kind);
            prop_assert_eq!(key.as_str(), text.as_str());
            prop_assert_eq!(PixKey::recognize(&text.to_uppercase()), Ok(key.clone()));
            prop_assert_eq!(PixKey::parse_as(kind, &text), Ok(key));
        }
    }

    #[test]
    fn normalizing_twice_changes_nothing(text in "[0-9a-fA-F+@.() /-]{0,40}") {
        if let Ok(key) = PixKey::recognize(&text) {
            prop_assert_eq!(PixKey::recognize(key.as_str()), Ok(key.clone()));
            prop_assert_eq!(PixKey::parse_as(key.kind(), &text), Ok(key));
        }
    }

    #[test]
    fn never_panics(text in any::<String>()) {
        let _ = PixKey::recognize(&text).map(|key| (key.masked(), key.lint()));
        for kind in PixKeyKind::ALL {
            let _ = PixKey::parse_as(kind, &text).map(|key| key.masked());
        }
    }
}
