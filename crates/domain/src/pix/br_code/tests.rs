//! Tests of the codec: the worked examples, every refusal and remark, the order of the checks,
//! and properties over random valid and damaged codes.

use proptest::prelude::*;

use super::crc::crc16;
use super::*;

const EVP: &str = "123e4567-e12b-12d1-a456-426655440000";
const OTHER_EVP: &str = "7d9f0335-8dcc-4054-9bf9-0dbd61d36906";

const OFFICIAL_STATIC: &str = "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D";
const STATIC_WITH_AMOUNT: &str = "00020126400014br.gov.bcb.pix0118fulano@exemplo.com520400005303986540525.005802BR5913FULANO DE TAL6009SAO PAULO62140510PEDIDO482163048572";
const BESIDE_OTHERS: &str = "00020104141234567890123426580014BR.GOV.BCB.PIX0136123e4567-e12b-12d1-a456-42665544000027300012BR.COM.OUTRO011001234567895204000053039865406123.455802BR5917NOME DO RECEBEDOR6008BRASILIA61087007490062190515RP12345678-201980390012BR.COM.OUTRO01190123.ABCD.3456.WXYZ6304AD38";
const OFFICIAL_DYNAMIC: &str = "00020101021226700014br.gov.bcb.pix2548pix.example.com/8b3da2f39a4140d1a91abd93113bd4415204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***630464E4";
const DYNAMIC_WITH_AMOUNT: &str = "00020101021226820014br.gov.bcb.pix2560pix.stone.com.br/pix/v2/234e3f9d-7cb3-4b29-9d46-974796d0bb29520400005303986540527.005802BR5925PERFECT PAY TECNOLOGIA SE6014RIO DE JANEIRO622905255ddb94f8bd33c3bfd1ad38e3b6304AE32";
const DYNAMIC_WITH_RECURRENCE: &str = "00020101021226760014br.gov.bcb.pix2554pix.example.com/qr/v2/8b3da2f39a4140d1a91abd93113bd4415204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558pix.example.com/qr/v2/rec/94ed2badcbc04c15b0bb7fa35319489063047741";

/// Puts the right checksum behind `body`.
fn sealed(body: &str) -> String {
    let open = format!("{body}6304");
    format!("{open}{:04X}", crc16(open.as_bytes()))
}

fn field(tag: &str, value: &str) -> String {
    format!("{tag}{:02}{value}", value.chars().count())
}

/// A valid static code whose fields can be replaced, dropped or added before it is sealed.
fn body() -> Vec<(&'static str, String)> {
    vec![
        ("00", "01".to_owned()),
        ("26", field("00", PIX_GUI) + &field("01", EVP)),
        ("52", "0000".to_owned()),
        ("53", "986".to_owned()),
        ("58", "BR".to_owned()),
        ("59", "FULANO DE TAL".to_owned()),
        ("60", "BRASILIA".to_owned()),
        ("62", field("05", "***")),
    ]
}

/// `body` with some fields set to a value, or dropped where the value is empty.
fn with(changes: &[(&'static str, &str)]) -> String {
    let mut fields = body();
    for (tag, value) in changes {
        fields.retain(|(existing, _)| existing != tag);
        if !value.is_empty() {
            fields.push((tag, (*value).to_owned()));
        }
    }
    fields.sort_by_key(|(tag, _)| *tag);
    sealed(
        &fields
            .iter()
            .map(|(tag, value)| field(tag, value))
            .collect::<String>(),
    )
}

fn codes(decoded: &Decoded) -> Vec<&'static str> {
    decoded.lints.iter().map(|lint| lint.code()).collect()
}

fn decoded(text: &str) -> Decoded {
    BrCode::decode(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// `CODE part@offset`
fn refusal(text: &str) -> String {
    let error = BrCode::decode(text).map(|_| ()).expect_err(text);
    let part = error
        .part
        .map_or_else(|| "-".to_owned(), |part| part.to_string());
    format!("{} {part}@{}", error.code(), error.offset)
}

/// `CODE part`, having checked that the offset points at that part's tag, or at the end of the
/// text if the part is missing.
fn placed_refusal(text: &str) -> String {
    use BrCodeErrorKind::{CrcMissing, MissingMandatoryTag, NoPixTemplate, TlvBadTag};
    let error = BrCode::decode(text).map(|_| ()).expect_err(text);
    let pointed_at: String = text.chars().skip(error.offset).take(2).collect();
    match (error.kind, error.part) {
        (CrcMissing | MissingMandatoryTag | NoPixTemplate, _) => {
            assert_eq!(pointed_at, "", "{text}")
        }
        (TlvBadTag, _) | (_, None) => {}
        (_, Some(part)) => {
            let tag = format!("{:02}", part.inner.unwrap_or(part.outer));
            assert_eq!(pointed_at, tag, "{text}");
        }
    }
    let part = error
        .part
        .map_or_else(|| "-".to_owned(), |part| part.to_string());
    format!("{} {part}", error.code())
}

#[test]
fn reads_the_official_static_code() {
    let code = decoded(OFFICIAL_STATIC);
    assert_eq!(code.key(), Some(EVP));
    assert_eq!(
        (code.amount_centavos(), code.txid(), code.url()),
        (None, None, None)
    );
    assert_eq!(
        (code.merchant_name.as_str(), code.merchant_city.as_str()),
        ("Fulano de Tal", "BRASILIA")
    );
    assert_eq!(code.point_of_initiation, PointOfInitiation::Reusable);
    assert_eq!(codes(&code), [""; 0]);
    assert_eq!(code.as_static().unwrap().pix_key().unwrap().as_str(), EVP);
}

#[test]
fn reads_amount_and_txid_of_a_static_code() {
    let code = decoded(STATIC_WITH_AMOUNT);
    assert_eq!(code.key(), Some("fulano@exemplo.com"));
    assert_eq!(code.amount_centavos(), Some(2500));
    assert_eq!(code.txid(), Some("PEDIDO4821"));
    assert_eq!(codes(&code), [""; 0]);
}

#[test]
fn finds_pix_beside_other_arrangements() {
    let code = decoded(BESIDE_OTHERS);
    assert_eq!(code.key(), Some(EVP));
    assert_eq!(code.amount_centavos(), Some(12_345));
    assert_eq!(code.txid(), Some("RP12345678-2019"));
    assert_eq!(code.merchant_name, "NOME DO RECEBEDOR");
    assert_eq!(code.recurrence_url, None);
    assert_eq!(
        codes(&code),
        ["GUI_UPPERCASE", "TXID_INVALID_CHARSET_OR_LENGTH"]
    );
}

#[test]
fn reads_dynamic_codes_and_ignores_their_amount() {
    let code = decoded(OFFICIAL_DYNAMIC);
    assert_eq!(
        code.url(),
        Some("pix.example.com/8b3da2f39a4140d1a91abd93113bd441")
    );
    assert_eq!(code.key(), None);
    assert_eq!(code.point_of_initiation, PointOfInitiation::SingleUse);
    assert_eq!(codes(&code), [""; 0]);

    let code = decoded(DYNAMIC_WITH_AMOUNT);
    assert_eq!(
        code.url(),
        Some("pix.stone.com.br/pix/v2/234e3f9d-7cb3-4b29-9d46-974796d0bb29")
    );
    assert_eq!((code.amount_centavos(), code.txid()), (None, None));
    assert_eq!(
        codes(&code),
        ["AMOUNT_IGNORED_IN_DYNAMIC", "TXID_IGNORED_IN_DYNAMIC"]
    );
}

#[test]
fn reads_composite_codes() {
    let recurrence = "pix.example.com/qr/v2/rec/94ed2badcbc04c15b0bb7fa353194890";
    let code = decoded(DYNAMIC_WITH_RECURRENCE);
    assert_eq!(
        code.url(),
        Some("pix.example.com/qr/v2/8b3da2f39a4140d1a91abd93113bd441")
    );
    assert_eq!(code.recurrence_url.as_deref(), Some(recurrence));
    assert_eq!(codes(&code), [""; 0]);

    let template = field("00", PIX_GUI) + &field("25", recurrence);
    let alone = decoded(&with(&[("26", &field("00", PIX_GUI)), ("80", &template)]));
    assert!(matches!(alone.payment, Payment::RecurrenceOnly));
    assert_eq!(alone.recurrence_url.as_deref(), Some(recurrence));
    let beside_a_key = decoded(&with(&[("99", &template)]));
    assert_eq!(beside_a_key.key(), Some(EVP));
    assert_eq!(beside_a_key.recurrence_url.as_deref(), Some(recurrence));
}

#[test]
fn refuses_the_invalid_worked_examples() {
    let tampered = "00020126580014br.gov.bcb.pix01367d9f0335-8dcc-4054-9bf9-0dbd61d3690652040000530398654049.005802BR5913FULANO DE TAL6008BRASILIA62070503***6304C003";
    let cut_key = "00020126580014br.gov.bcb.pix01407d9f0335-8dcc-4054-9bf9-0dbd61d369065204000053039865802BR5906FULANO6008BRASILIA62070503***630495F6";
    let two_amounts = "00020126580014br.gov.bcb.pix01367d9f0335-8dcc-4054-9bf9-0dbd61d3690652040000530398654041.0054049.005802BR5906FULANO6008BRASILIA62070503***630449F2";
    let key_and_url = "00020126670014br.gov.bcb.pix0118fulano@example.com2523pix.example.com/qr/v2/15204000053039865802BR5913FULANO DE TAL6008BRASILIA62070503***63044057";
    let comma = "00020126580014br.gov.bcb.pix01367d9f0335-8dcc-4054-9bf9-0dbd61d36906520400005303986540510,005802BR5913FULANO DE TAL6008BRASILIA62070503***63040365";
    let other = "00020101021226840015br.com.sejavero2561apidev.banrisul.com.br/pix/qrcode/1pjcsYDycZeZ03rGqxHIYpsr0WM5204752153039865802BR5912Lojista Ltda6012Porto Alegre61089400000062070503***63046393";
    let cases = [
        (tampered, "CRC_MISMATCH 63"),
        (cut_key, "TLV_TRUNCATED 26-01"),
        (two_amounts, "TLV_DUPLICATE_TAG 54"),
        (key_and_url, "KEY_AND_URL 26-25"),
        (comma, "BAD_AMOUNT 54"),
        (other, "NO_PIX_TEMPLATE -"),
    ];
    for (text, expected) in cases {
        assert_eq!(placed_refusal(text), expected, "{text}");
    }
    let error = BrCode::decode(cut_key).unwrap_err();
    assert_eq!(
        error.to_string(),
        "26-01: the value is shorter than its length says (character 28)"
    );
}

#[test]
fn every_refusal_names_its_part() {
    let gui = field("00", PIX_GUI);
    let two_guis = field("00", "br.com.outro") + &gui + &field("01", EVP);
    let account = gui.clone() + &field("01", EVP);
    let recurrence = gui.clone() + &field("25", "pix.example.com/rec/1");
    let cases = [
        ("", "EMPTY -@0"),
        (" \n", "EMPTY -@0"),
        ("hello", "TLV_BAD_TAG -@0"),
        ("0", "TLV_BAD_TAG -@0"),
        ("00", "TLV_BAD_LENGTH 00@0"),
        ("00+1x", "TLV_BAD_LENGTH 00@0"),
        ("000x", "TLV_BAD_LENGTH 00@0"),
        ("000201é4", "TLV_BAD_TAG -@6"),
        ("  0002015900", "TLV_BAD_LENGTH 59@8"),
        ("000201590é", "TLV_BAD_LENGTH 59@6"),
        ("0002015903éé", "TLV_TRUNCATED 59@6"),
        ("000201590100001", "TLV_TRUNCATED 00@11"),
        ("0002010002015901", "TLV_TRUNCATED 59@12"),
        ("00020100020159", "TLV_BAD_LENGTH 59@12"),
        ("000201000201", "TLV_DUPLICATE_TAG 00@6"),
        ("000202", "BAD_PAYLOAD_FORMAT_INDICATOR 00@0"),
        ("010211000201", "BAD_PAYLOAD_FORMAT_INDICATOR 00@0"),
        ("000201", "CRC_MISSING 63@6"),
        ("00020163041D3D5802BR", "CRC_NOT_LAST 63@6"),
        ("00020163041D3D", "CRC_MISMATCH 63@6"),
        ("00020163051D3D0", "CRC_MISMATCH 63@6"),
        ("0002016301é", "CRC_MISMATCH 63@6"),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text), expected, "{text:?}");
    }
    let cases = [
        (with(&[("26", "")]), "NO_PIX_TEMPLATE -"),
        (with(&[("26", "xx")]), "NO_PIX_TEMPLATE -"),
        (with(&[("51", &account)]), "DUPLICATE_PIX_TEMPLATE 51"),
        (with(&[("26", &two_guis)]), "TLV_DUPLICATE_TAG 26-00"),
        (with(&[("26", &format!("{gui}x"))]), "TLV_BAD_TAG 26"),
        (with(&[("26", &format!("{gui}01"))]), "TLV_BAD_LENGTH 26-01"),
        (
            with(&[("80", &recurrence), ("81", &recurrence)]),
            "DUPLICATE_PIX_TEMPLATE 81",
        ),
        (
            with(&[("80", &format!("{gui}2599x"))]),
            "TLV_TRUNCATED 80-25",
        ),
        (with(&[("26", &gui)]), "NO_KEY_NO_URL 26"),
        (with(&[("26", &gui), ("80", &gui)]), "NO_KEY_NO_URL 26"),
        (with(&[("52", "")]), "MISSING_MANDATORY_TAG 52"),
        (with(&[("53", "")]), "MISSING_MANDATORY_TAG 53"),
        (with(&[("58", "")]), "MISSING_MANDATORY_TAG 58"),
        (with(&[("59", "")]), "MISSING_MANDATORY_TAG 59"),
        (with(&[("60", "")]), "MISSING_MANDATORY_TAG 60"),
        (with(&[("53", "840")]), "CURRENCY_NOT_BRL 53"),
        (with(&[("58", "br")]), "COUNTRY_NOT_BR 58"),
        (with(&[("54", "-1.00")]), "BAD_AMOUNT 54"),
    ];
    for (text, expected) in cases {
        assert_eq!(placed_refusal(&text), expected, "{text:?}");
    }
}

#[test]
fn the_first_check_that_fails_wins() {
    // Each code breaks its own rule and all that come after it.
    let gui = field("00", PIX_GUI);
    let both = gui.clone() + &field("01", "a@b") + &field("25", "c");
    let all_wrong = [("53", "840"), ("54", "x"), ("58", "US"), ("59", "")];
    let mut changes = vec![("26", both.as_str())];
    changes.extend(all_wrong);
    let key_and_url = with(&changes);
    assert_eq!(refusal(&key_and_url), "KEY_AND_URL 26-25@35");
    let broken_crc = key_and_url[..key_and_url.len() - 4].to_owned() + "0000";
    assert_eq!(
        BrCode::decode(&broken_crc).unwrap_err().code(),
        "CRC_MISMATCH"
    );
    let no_start = broken_crc.replacen("000201", "000202", 1);
    assert_eq!(refusal(&no_start), "BAD_PAYLOAD_FORMAT_INDICATOR 00@0");
    assert_eq!(
        BrCode::decode(&(no_start + "5")).unwrap_err().code(),
        "TLV_BAD_TAG"
    );
    assert_eq!(
        BrCode::decode(&with(&all_wrong)).unwrap_err().code(),
        "MISSING_MANDATORY_TAG"
    );
    assert_eq!(
        BrCode::decode(&with(&all_wrong[..3])).unwrap_err().code(),
        "CURRENCY_NOT_BRL"
    );
    assert_eq!(
        BrCode::decode(&with(&all_wrong[1..3])).unwrap_err().code(),
        "COUNTRY_NOT_BR"
    );
    assert_eq!(
        BrCode::decode(&with(&all_wrong[1..2])).unwrap_err().code(),
        "BAD_AMOUNT"
    );
}

#[test]
fn damage_in_templates_of_others_does_not_count() {
    let broken = field("00", "br.com.outro") + "9";
    for tag in ["27", "51", "80", "99"] {
        assert_eq!(decoded(&with(&[(tag, &broken)])).key(), Some(EVP), "{tag}");
    }
    // The template of the txid is nobody's: damaged, it just gives no txid.
    let code = decoded(&with(&[("62", &format!("{}9", field("05", "PEDIDO1")))]));
    assert_eq!((code.txid(), codes(&code)), (None, vec!["TXID_MISSING"]));
}

#[test]
fn reads_amounts_leniently_but_never_wrongly() {
    let cases = [
        ("25.00", Some(2500), vec![]),
        ("0.01", Some(1), vec![]),
        ("9999999999.99", Some(999_999_999_999), vec![]),
        ("10", Some(1000), vec!["AMOUNT_NOT_TWO_DECIMALS"]),
        ("10.5", Some(1050), vec!["AMOUNT_NOT_TWO_DECIMALS"]),
        ("0.00", None, vec!["AMOUNT_ZERO"]),
        ("0", None, vec!["AMOUNT_NOT_TWO_DECIMALS", "AMOUNT_ZERO"]),
    ];
    for (text, expected, lints) in cases {
        let code = decoded(&with(&[("54", text)]));
        assert_eq!(code.amount_centavos(), expected, "{text}");
        assert_eq!(codes(&code), lints, "{text}");
    }
    for text in [
        "10,00",
        "+1.00",
        "-1.00",
        "1.000",
        "1.",
        ".50",
        ".",
        "1e2",
        "1.0e",
        " 1.00",
        "1 000.00",
        "1.000,00",
        "1.0.0",
        "١٠.00",
        "10000000000.00",
        "NaN",
        "0x10",
    ] {
        let error = BrCode::decode(&with(&[("54", text)])).unwrap_err();
        assert_eq!(error.code(), "BAD_AMOUNT", "{text}");
    }
}

#[test]
fn remarks_on_every_oddity() {
    let gui = field("00", PIX_GUI);
    let with_info = gui.clone() + &field("01", "a@b") + &field("02", "pão");
    let cases = [
        (
            with(&[("59", &"N".repeat(26))]),
            vec!["NAME_LONGER_THAN_25"],
        ),
        (
            with(&[("60", &"C".repeat(16))]),
            vec!["CITY_LONGER_THAN_15"],
        ),
        (with(&[("59", "JOÃO")]), vec!["NON_ASCII_NAME"]),
        (with(&[("60", "SÃO PAULO")]), vec!["NON_ASCII_CITY"]),
        (with(&[("26", &with_info)]), vec!["NON_ASCII_INFO"]),
        (with(&[("62", "")]), vec!["TXID_MISSING"]),
        (
            with(&[("62", &field("05", &"x".repeat(26)))]),
            vec!["TXID_INVALID_CHARSET_OR_LENGTH"],
        ),
        (
            format!("\t{OFFICIAL_STATIC}\n"),
            vec!["SURROUNDING_WHITESPACE"],
        ),
        (
            OFFICIAL_STATIC.replace("1D3D", "1d3D"),
            vec!["CRC_LOWERCASE"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(codes(&decoded(&text)), expected, "{text}");
    }
}

/// The sample of EMVCo's own specification with Chinese text: counts characters, sums bytes.
#[test]
fn lengths_count_characters_and_the_checksum_bytes() {
    let emvco = "00020101021229300012D156000000000510A93FO3230Q31280012D15600000001030812345678520441115802CN5914BEST TRANSPORT6007BEIJING64200002ZH0104最佳运输0202北京540523.7253031565502016233030412340603***0708A60086670902ME91320016A0112233449988770708123456786304A13A";
    assert_eq!(BrCode::decode(emvco).unwrap_err().code(), "NO_PIX_TEMPLATE");
    let accented = decoded(&with(&[("59", "JOÃO DA CONCEIÇÃO")]));
    assert_eq!(accented.merchant_name, "JOÃO DA CONCEIÇÃO");
}

#[test]
fn debug_shows_no_personal_data() {
    let text = format!("{:?}", decoded(STATIC_WITH_AMOUNT));
    assert!(
        !text.contains("fulano") && !text.contains("FULANO") && !text.contains("PEDIDO"),
        "{text}"
    );
}

fn static_code(key: &str) -> StaticCode<'_> {
    StaticCode {
        key,
        info: None,
        amount_centavos: None,
        txid: None,
        merchant_name: "Fulano de Tal",
        merchant_city: "Brasília",
    }
}

fn dynamic_code(url: &str) -> DynamicCode<'_> {
    DynamicCode {
        url,
        recurrence_url: None,
        is_single_use: true,
        merchant_name: "Fulano de Tal",
        merchant_city: "Brasília",
    }
}

/// The encoder writes names in upper case; the official samples do not.
fn with_upper_case_name(example: &str) -> String {
    sealed(&example[..example.len() - 8].replace("Fulano de Tal", "FULANO DE TAL"))
}

#[test]
fn writes_the_worked_examples() {
    let written = encode_static(&StaticCode {
        amount_centavos: Some(2500),
        txid: Some("PEDIDO4821"),
        merchant_city: " são \u{a0} paulo ",
        ..static_code("fulano@exemplo.com")
    });
    assert_eq!(written.as_deref(), Ok(STATIC_WITH_AMOUNT));
    let before_tampering = encode_static(&StaticCode {
        amount_centavos: Some(100),
        ..static_code(OTHER_EVP)
    });
    assert_eq!(
        before_tampering.as_deref(),
        Ok(
            "00020126580014br.gov.bcb.pix01367d9f0335-8dcc-4054-9bf9-0dbd61d3690652040000530398654041.005802BR5913FULANO DE TAL6008BRASILIA62070503***6304C003"
        )
    );
    assert_eq!(
        encode_static(&static_code(EVP)),
        Ok(with_upper_case_name(OFFICIAL_STATIC))
    );
    let dynamic = dynamic_code("pix.example.com/8b3da2f39a4140d1a91abd93113bd441");
    assert_eq!(
        encode_dynamic(&dynamic),
        Ok(with_upper_case_name(OFFICIAL_DYNAMIC))
    );
    let composite = DynamicCode {
        recurrence_url: Some("pix.example.com/qr/v2/rec/94ed2badcbc04c15b0bb7fa353194890"),
        ..dynamic_code("pix.example.com/qr/v2/8b3da2f39a4140d1a91abd93113bd441")
    };
    assert_eq!(
        encode_dynamic(&composite),
        Ok(with_upper_case_name(DYNAMIC_WITH_RECURRENCE))
    );
}

#[test]
fn the_encoder_refuses_what_does_not_fit() {
    let (long, fits) = ("k".repeat(78), "k".repeat(77));
    let base = static_code("a@b");
    let cases = [
        (static_code(&long), "KEY_TOO_LONG"),
        (static_code(""), "KEY"),
        (static_code("joão@b"), "KEY"),
        (
            StaticCode {
                info: Some("i"),
                ..static_code(&fits)
            },
            "TEMPLATE_26_OVER_99",
        ),
        (
            StaticCode {
                info: Some(&"i".repeat(71)),
                ..base
            },
            "TEMPLATE_26_OVER_99",
        ),
        (
            StaticCode {
                info: Some(&"i".repeat(200)),
                ..base
            },
            "TEMPLATE_26_OVER_99",
        ),
        (
            StaticCode {
                txid: Some(""),
                ..base
            },
            "TXID",
        ),
        (
            StaticCode {
                txid: Some("***"),
                ..base
            },
            "TXID",
        ),
        (
            StaticCode {
                txid: Some("a-b"),
                ..base
            },
            "TXID",
        ),
        (
            StaticCode {
                txid: Some(&long[..26]),
                ..base
            },
            "TXID",
        ),
        (
            StaticCode {
                amount_centavos: Some(0),
                ..base
            },
            "AMOUNT",
        ),
        (
            StaticCode {
                amount_centavos: Some(1_000_000_000_000),
                ..base
            },
            "AMOUNT_OVER_13_CHARS",
        ),
        (
            StaticCode {
                amount_centavos: Some(u64::MAX),
                ..base
            },
            "AMOUNT_OVER_13_CHARS",
        ),
        (
            StaticCode {
                merchant_name: " \u{301}北京 ",
                ..base
            },
            "NAME",
        ),
        (
            StaticCode {
                merchant_city: "",
                ..base
            },
            "CITY",
        ),
    ];
    for (code, expected) in cases {
        assert_eq!(
            encode_static(&code).map_err(EncodeError::code),
            Err(expected)
        );
    }
    let full = StaticCode {
        info: Some(&long[..70]),
        ..base
    };
    assert_eq!(
        decoded(&encode_static(&full).unwrap())
            .as_static()
            .unwrap()
            .info
            .as_deref(),
        Some(&long[..70])
    );
    assert_eq!(
        decoded(&encode_static(&static_code(&fits)).unwrap()).key(),
        Some(fits.as_str())
    );
    let cases = [
        ("https://pix.example.com/1", "URL_HAS_SCHEME"),
        (long.as_str(), "URL_TOO_LONG"),
        ("", "URL"),
        ("pix.example.com/a b", "URL"),
    ];
    for (url, expected) in cases {
        let recurrence = DynamicCode {
            recurrence_url: Some(url),
            ..dynamic_code("pix.example.com")
        };
        for code in [dynamic_code(url), recurrence] {
            assert_eq!(
                encode_dynamic(&code).map_err(EncodeError::code),
                Err(expected),
                "{url}"
            );
        }
    }
}

#[test]
fn names_are_folded_before_they_are_cut() {
    let cases = [
        ("João  da\tConceição", "JOAO DA CONCEICAO"),
        ("Jo\u{303}ao", "JOAO"),
        ("ÁÉÍÓÚÁÉÍÓÚÁÉÍÓÚÁÉÍÓÚÁÉÍÓÚÁ", "AEIOUAEIOUAEIOUAEIOUAEIOU"),
        ("ABCDEFGHIJKLMNOPQRSTUVWX Y Z", "ABCDEFGHIJKLMNOPQRSTUVWX"),
        ("Loja 北京 Ltda", "LOJA LTDA"),
        ("Loja\u{a0}Azul\u{7}", "LOJA AZUL"),
    ];
    for (name, expected) in cases {
        let written = encode_static(&StaticCode {
            merchant_name: name,
            ..static_code("a@b")
        })
        .unwrap();
        assert_eq!(decoded(&written).merchant_name, expected, "{name}");
    }
}

fn valid_code() -> impl Strategy<Value = String> {
    let fixed = (
        "[a-z0-9]{1,20}@[a-z0-9]{1,20}",
        proptest::option::of("[ -~áéçÃ]{1,30}"),
        proptest::option::of(1..=999_999_999_999u64),
        proptest::option::of("[a-zA-Z0-9]{1,25}"),
        "[A-Za-záéçÃ]{1,5}[ -~áéçÃ]{0,30}",
    );
    let fixed = fixed.prop_map(|(key, info, amount_centavos, txid, name)| {
        encode_static(&StaticCode {
            key: &key,
            info: info.as_deref(),
            amount_centavos,
            txid: txid.as_deref(),
            merchant_name: &name,
            merchant_city: &name,
        })
    });
    let pointing = (
        "[!-9;-~]{1,77}",
        proptest::option::of("[!-9;-~]{1,77}"),
        any::<bool>(),
    );
    let pointing = pointing.prop_map(|(url, recurrence_url, is_single_use)| {
        encode_dynamic(&DynamicCode {
            recurrence_url: recurrence_url.as_deref(),
            is_single_use,
            ..dynamic_code(&url)
        })
    });
    prop_oneof![fixed, pointing].prop_map(|code| code.expect("the parts fit"))
}

proptest! {
    #[test]
    fn static_codes_round_trip(
        key in "[!-~]{1,43}",
        info in proptest::option::of("[!-~]{1,30}"),
        amount_centavos in proptest::option::of(1..=999_999_999_999u64),
        txid in proptest::option::of("[a-zA-Z0-9]{1,25}"),
        merchant_name in "[!-~]([ -~]{0,23}[!-~])?",
        merchant_city in "[!-~]([ -~]{0,13}[!-~])?",
    ) {
        let text = encode_static(&StaticCode {
            key: &key,
            info: info.as_deref(),
            amount_centavos,
            txid: txid.as_deref(),
            merchant_name: &merchant_name,
            merchant_city: &merchant_city,
        }).unwrap();
        let code = decoded(&text);
        let single_spaced = |text: &str| {
            text.to_uppercase().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        prop_assert_eq!(code.merchant_name, single_spaced(&merchant_name));
        prop_assert_eq!(code.merchant_city, single_spaced(&merchant_city));
        prop_assert_eq!(code.payment, Payment::Static(StaticPayment {
            key, info, amount_centavos, txid, cash_facilitator: None,
        }));
        prop_assert_eq!(code.lints, vec![]);
    }

    #[test]
    fn dynamic_codes_round_trip(
        url in "[!-9;-~]{1,77}",
        recurrence_url in proptest::option::of("[!-9;-~]{1,77}"),
        is_single_use: bool,
    ) {
        let text = encode_dynamic(&DynamicCode {
            recurrence_url: recurrence_url.as_deref(),
            is_single_use,
            ..dynamic_code(&url)
        }).unwrap();
        let code = decoded(&text);
        prop_assert_eq!(code.payment, Payment::Dynamic { url });
        prop_assert_eq!(code.recurrence_url, recurrence_url);
        prop_assert_eq!(code.point_of_initiation == PointOfInitiation::SingleUse, is_single_use);
        prop_assert_eq!(code.lints, vec![]);
    }

    /// A checksum of 16 bits notices every change within 16 bits, so within one ASCII character.
    #[test]
    fn one_changed_character_is_always_noticed(
        code in valid_code(),
        position in any::<prop::sample::Index>(),
        replacement in prop_oneof![4 => "[0-9]", 1 => "[ -~]"],
    ) {
        let at = position.index(code.len());
        prop_assume!(code[at..=at] != replacement);
        let changed = format!("{}{replacement}{}", &code[..at], &code[at + 1..]);
        let is_same_checksum = at >= code.len() - 4 && code[at..=at].eq_ignore_ascii_case(&replacement);
        prop_assert_eq!(BrCode::decode(&changed).is_ok(), is_same_checksum, "{}", changed);
    }

    #[test]
    fn every_truncation_is_noticed(code in valid_code()) {
        for end in 0..code.len() {
            prop_assert!(BrCode::decode(&code[..end]).is_err(), "{}", &code[..end]);
        }
    }

    #[test]
    fn never_panics(text in any::<String>(), shaped in "(00020[12])?([0-9]{2}0[0-9]\\PC{0,9}){0,9}(6304)?") {
        let _ = BrCode::decode(&text);
        let _ = BrCode::decode(&shaped);
        // A right checksum lets the text through to the later checks.
        let _ = BrCode::decode(&sealed(&format!("000201{shaped}")));
        let _ = encode_static(&StaticCode {
            info: Some(&text),
            merchant_name: &shaped,
            merchant_city: &text,
            ..static_code(&text)
        });
        let _ = encode_dynamic(&dynamic_code(&text));
    }
}
