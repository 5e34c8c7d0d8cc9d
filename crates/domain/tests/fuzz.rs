//! A bounded fuzz run of the parsers that read text from strangers: BR Codes, keys, tax ids.
//!
//! The seed is fixed, so a failure repeats. Beside "no panic" every accepted text has to agree
//! with an independent view of it: BR Codes with a second, cruder reader written here, keys and
//! tax ids with their own normal form.

use domain::pix::br_code::{
    BrCode, Decoded, DynamicCode, EncodeError, Payment, PointOfInitiation, StaticCode,
    encode_dynamic, encode_static,
};
use domain::pix::key::{PixKey, PixKeyKind};
use domain::tax_id::TaxId;

const CODES: usize = 200_000;
const KEYS: usize = 200_000;

/// xorshift64*: all the randomness this run needs, and the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).expect("31 bits") % bound.max(1)
    }

    fn pick<'items, T>(&mut self, items: &'items [T]) -> &'items T {
        &items[self.below(items.len())]
    }
}

const PIECES: &[&str] = &[
    "0",
    "1",
    "9",
    "00",
    "01",
    "02",
    "05",
    "25",
    "26",
    "51",
    "54",
    "59",
    "62",
    "63",
    "80",
    "99",
    "0014br.gov.bcb.pix",
    "0014BR.GOV.BCB.PIX",
    "6304",
    "5303986",
    "5802BR",
    "540510.00",
    "***",
    "+55",
    "@",
    ".",
    "-",
    "/",
    "(",
    " ",
    "a",
    "Z",
    "é",
    "京",
    "\u{301}",
    "\u{0}",
    "\u{212a}",
    "٣",
    "🦀",
    "\u{a0}",
    "\n",
    "11987654321",
    "52998224725",
    "12ABC34501DE35",
];

/// One edit: replace, delete, insert, repeat or cut, by characters.
fn mutate(random: &mut Random, text: &mut Vec<char>) {
    let at = random.below(text.len() + 1);
    match random.below(6) {
        0 if at < text.len() => text[at] = random.pick(PIECES).chars().next().unwrap_or('0'),
        1 if at < text.len() => drop(text.remove(at)),
        2 => drop(
            text.splice(at..at, random.pick(PIECES).chars())
                .collect::<Vec<_>>(),
        ),
        3 => {
            let end = (at + random.below(20)).min(text.len());
            let repeated = text[at..end].to_vec();
            drop(text.splice(at..at, repeated).collect::<Vec<_>>());
        }
        4 if random.below(8) == 0 => text.truncate(at),
        _ if at < text.len() && text[at].is_ascii_digit() => {
            text[at] = char::from_digit(u32::try_from(random.below(10)).expect("a digit"), 10)
                .expect("a digit");
        }
        _ => {}
    }
}

fn mutated(random: &mut Random, seeds: &[String], edits: usize) -> String {
    let mut text: Vec<char> = random.pick(seeds).chars().collect();
    for _ in 0..random.below(edits + 1) {
        mutate(random, &mut text);
    }
    text.into_iter().collect()
}

/// The checksum once more, in the shift form that needs neither a table nor a loop over bits.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc: u16, byte| {
        let mixed = (crc >> 8) ^ u16::from(*byte);
        let mixed = mixed ^ (mixed >> 4);
        (crc << 8) ^ (mixed << 12) ^ (mixed << 5) ^ mixed
    })
}

/// Replaces the checksum by the right one, so that the edit before it is looked at.
fn resealed(text: &str) -> String {
    let body = text.rfind("6304").map_or(text, |at| &text[..at]);
    let open = format!("{body}6304");
    format!("{open}{:04X}", checksum(open.as_bytes()))
}

/// A cruder reader: pairs of tag and value, or nothing if the text does not split.
fn crude_fields(text: &str) -> Option<Vec<(String, String)>> {
    let characters: Vec<char> = text.chars().collect();
    let (mut at, mut fields) = (0, Vec::new());
    while at < characters.len() {
        let head: String = characters.get(at..at + 4)?.iter().collect();
        let length: usize = head.get(2..)?.parse().ok()?;
        let value = characters.get(at + 4..at + 4 + length)?.iter().collect();
        fields.push((head.get(..2)?.to_owned(), value));
        at += 4 + length;
    }
    Some(fields)
}

fn crude_value(fields: &[(String, String)], tag: &str) -> Option<String> {
    fields
        .iter()
        .find(|(found, _)| found == tag)
        .map(|(_, value)| value.clone())
}

/// What was accepted has to be what the crude reader sees.
fn assert_agrees(text: &str, decoded: &Decoded) {
    let fields = crude_fields(text.trim()).expect("an accepted code splits");
    assert_eq!(crude_value(&fields, "00").as_deref(), Some("01"), "{text}");
    assert_eq!(
        crude_value(&fields, "59").as_ref(),
        Some(&decoded.merchant_name),
        "{text}"
    );
    assert_eq!(
        crude_value(&fields, "60").as_ref(),
        Some(&decoded.merchant_city),
        "{text}"
    );
    let accounts: Vec<_> = fields
        .iter()
        .filter(|(tag, _)| ("26"..="51").contains(&tag.as_str()))
        .filter_map(|(_, value)| crude_fields(value))
        .filter(|inner| {
            crude_value(inner, "00").is_some_and(|gui| gui.eq_ignore_ascii_case("br.gov.bcb.pix"))
        })
        .collect();
    assert_eq!(accounts.len(), 1, "{text}");
    assert_eq!(
        crude_value(&accounts[0], "01").as_deref(),
        decoded.key(),
        "{text}"
    );
    assert_eq!(
        crude_value(&accounts[0], "25").as_deref(),
        decoded.url(),
        "{text}"
    );
    if let Some(centavos) = decoded.amount_centavos() {
        let written = crude_value(&fields, "54").expect("an amount comes from field 54");
        let (reais, decimals) = written.split_once('.').unwrap_or((&written, ""));
        let padded = format!("{reais}{decimals:0<2}");
        assert_eq!(padded.parse(), Ok(centavos), "{text}");
    }
}

/// Writes a decoded code again; what the encoder takes has to decode to the same meaning.
/// Returns whether it was written.
fn assert_survives(text: &str, decoded: &Decoded) -> bool {
    let written = match &decoded.payment {
        Payment::Static(payment) => encode_static(&StaticCode {
            key: &payment.key,
            info: payment.info.as_deref(),
            amount_centavos: payment.amount_centavos,
            txid: payment.txid.as_deref(),
            merchant_name: &decoded.merchant_name,
            merchant_city: &decoded.merchant_city,
        }),
        Payment::Dynamic { url } => encode_dynamic(&DynamicCode {
            url,
            recurrence_url: decoded.recurrence_url.as_deref(),
            is_single_use: decoded.point_of_initiation == PointOfInitiation::SingleUse,
            merchant_name: &decoded.merchant_name,
            merchant_city: &decoded.merchant_city,
        }),
        Payment::RecurrenceOnly => Err(EncodeError::Url),
    };
    let Ok(written) = written else {
        return false;
    };
    let again = BrCode::decode(&written).expect("the encoder writes valid codes");
    assert!(
        again.lints.is_empty(),
        "{text} -> {written}: {:?}",
        again.lints
    );
    assert_eq!(again.key(), decoded.key(), "{text}");
    assert_eq!(again.url(), decoded.url(), "{text}");
    assert_eq!(again.amount_centavos(), decoded.amount_centavos(), "{text}");
    assert_eq!(again.txid(), decoded.txid(), "{text}");
    true
}

fn code_seeds() -> Vec<String> {
    [
        "00020126580014br.gov.bcb.pix0136123e4567-e12b-12d1-a456-4266554400005204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***63041D3D",
        "00020126400014br.gov.bcb.pix0118fulano@exemplo.com520400005303986540525.005802BR5913FULANO DE TAL6009SAO PAULO62140510PEDIDO482163048572",
        "00020104141234567890123426580014BR.GOV.BCB.PIX0136123e4567-e12b-12d1-a456-42665544000027300012BR.COM.OUTRO011001234567895204000053039865406123.455802BR5917NOME DO RECEBEDOR6008BRASILIA61087007490062190515RP12345678-201980390012BR.COM.OUTRO01190123.ABCD.3456.WXYZ6304AD38",
        "00020101021226820014br.gov.bcb.pix2560pix.stone.com.br/pix/v2/234e3f9d-7cb3-4b29-9d46-974796d0bb29520400005303986540527.005802BR5925PERFECT PAY TECNOLOGIA SE6014RIO DE JANEIRO622905255ddb94f8bd33c3bfd1ad38e3b6304AE32",
        "00020101021226760014br.gov.bcb.pix2554pix.example.com/qr/v2/8b3da2f39a4140d1a91abd93113bd4415204000053039865802BR5913Fulano de Tal6008BRASILIA62070503***80800014br.gov.bcb.pix2558pix.example.com/qr/v2/rec/94ed2badcbc04c15b0bb7fa35319489063047741",
        "",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn the_br_code_decoder_stands_two_hundred_thousand_damaged_codes() {
    let (seeds, mut random) = (code_seeds(), Random(0x0B0C_0DE5));
    let (mut accepted, mut rewritten, mut refusals) = (0, 0, std::collections::BTreeSet::new());
    for _ in 0..CODES {
        let mut text = mutated(&mut random, &seeds, 4);
        if random.below(4) > 0 {
            text = resealed(&text);
        }
        match BrCode::decode(&text) {
            Ok(decoded) => {
                assert_agrees(&text, &decoded);
                accepted += 1;
                rewritten += usize::from(assert_survives(&text, &decoded));
            }
            Err(error) => {
                assert!(error.offset <= text.chars().count(), "{text}: {error}");
                refusals.insert(error.code());
            }
        }
    }
    // A run that reached neither the happy path nor most refusals would have proved nothing.
    assert!(accepted > CODES / 20, "{accepted} accepted");
    assert!(rewritten > CODES / 50, "{rewritten} rewritten");
    assert!(refusals.len() >= 15, "{refusals:?}");
}

#[test]
fn the_key_parser_stands_two_hundred_thousand_damaged_keys() {
    let seeds = [
        "529.982.247-25",
        "11987654321",
        "00.000.000/0001-91",
        "12.ABC.345/01DE-35",
        "+55 (11) 98765-4321",
        "Fulano.Silva+pix@Example.COM",
        "123e4567-e89b-12d3-a456-426655440000",
        "7d9f03358dcc40549bf90dbd61d36906",
        "",
    ]
    .map(str::to_owned);
    let mut random = Random(0x0DD_5EED);
    let (mut kinds, mut refusals) = (
        std::collections::BTreeMap::new(),
        std::collections::BTreeSet::new(),
    );
    for _ in 0..KEYS {
        let text = mutated(&mut random, &seeds, 3);
        match PixKey::recognize(&text) {
            Ok(key) => {
                assert_eq!(
                    PixKey::recognize(key.as_str()).as_ref(),
                    Ok(&key),
                    "{text:?}"
                );
                assert_eq!(
                    PixKey::parse_as(key.kind(), &text).as_ref(),
                    Ok(&key),
                    "{text:?}"
                );
                assert!(
                    key.as_str().is_ascii() && key.as_str().len() <= 77,
                    "{text:?}"
                );
                let debug = format!("{key:?}");
                assert!(
                    key.as_str().len() < 5 || !debug.contains(key.as_str()),
                    "{text:?}: {debug}"
                );
                *kinds.entry(key.kind()).or_insert(0) += 1;
            }
            Err(error) => drop(refusals.insert(error.code())),
        }
        let kind = *random.pick(&PixKeyKind::ALL);
        if let Ok(key) = PixKey::parse_as(kind, &text) {
            assert_eq!(key.kind(), kind);
            assert_eq!(PixKey::parse_as(kind, key.as_str()), Ok(key), "{text:?}");
        }
        if let Ok(tax_id) = TaxId::parse(&text) {
            assert_eq!(
                TaxId::parse(tax_id.as_str()).as_ref(),
                Ok(&tax_id),
                "{text:?}"
            );
            assert_eq!(
                PixKey::recognize(tax_id.as_str()).map(|key| key.tax_id()),
                Ok(Some(tax_id))
            );
        }
    }
    assert!(
        kinds.len() == PixKeyKind::ALL.len() && kinds.values().all(|count| *count > 1_000),
        "{kinds:?}"
    );
    assert!(refusals.len() >= 7, "{refusals:?}");
}
