//! A small BR Code writer and reader of the sandbox's own (EMV QRCPS TLV with CRC-16).
//!
//! The sandbox writes the codes of its charges and, when asked to pay one, reads just what is
//! needed to find the charge again. It shares nothing with the wallet's codec, so that each
//! checks the other. Source: BCB, Manual de Padrões para Iniciação do Pix.

/// What a code says, as far as the sandbox cares.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BrCode {
    /// Location of a dynamic code, without `https://`.
    pub location: Option<String>,
    /// Key of a static code.
    pub key: Option<String>,
    pub txid: Option<String>,
    pub amount: Option<String>,
    pub merchant: String,
}

fn field(id: &str, value: &str) -> String {
    format!("{id}{:02}{value}", value.chars().count())
}

fn assemble(
    point: &str,
    account: &str,
    amount: &str,
    merchant: (&str, &str),
    txid: &str,
) -> String {
    let body = [
        field("00", "01"),
        field("01", point),
        field("26", account),
        field("52", "0000"),
        field("53", "986"),
        field("54", amount),
        field("58", "BR"),
        field("59", merchant.0),
        field("60", merchant.1),
        field("62", &field("05", txid)),
        "6304".to_owned(),
    ]
    .concat();
    format!("{body}{:04X}", crc16(body.as_bytes()))
}

/// An Efí charge: dynamic, upper-case GUI, name EFISA, city SAOPAULO, not to be paid twice.
pub fn efi(location: &str, amount: &str) -> String {
    let account = format!("{}{}", field("00", "BR.GOV.BCB.PIX"), field("25", location));
    assemble("12", &account, amount, ("EFISA", "SAOPAULO"), "***")
}

/// A Mercado Pago charge: static, a random key, and a txid that names the payment.
pub fn mercado_pago(key: &str, txid: &str, amount: &str) -> String {
    let account = format!("{}{}", field("00", "br.gov.bcb.pix"), field("01", key));
    assemble("12", &account, amount, ("LOJA SANDBOX", "Sao Paulo"), txid)
}

/// CRC-16/CCITT-FALSE: polynomial 0x1021, initial value 0xFFFF.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            }
        })
    })
}

fn fields(text: &str) -> Option<Vec<(String, String)>> {
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let head: String = characters.get(at..at + 4)?.iter().collect();
        let length: usize = head.get(2..)?.parse().ok()?;
        let value = characters.get(at + 4..at + 4 + length)?.iter().collect();
        found.push((head.get(..2)?.to_owned(), value));
        at += 4 + length;
    }
    Some(found)
}

fn find(fields: &[(String, String)], id: &str) -> Option<String> {
    fields
        .iter()
        .find(|(found, _)| found == id)
        .map(|(_, value)| value.clone())
}

/// Reads a code; `None` when its structure or its CRC is wrong or it is no Pix code.
pub fn decode(text: &str) -> Option<BrCode> {
    let body = text.get(..text.len().checked_sub(4)?)?;
    let crc = text.get(body.len()..)?;
    if !body.ends_with("6304")
        || !crc.eq_ignore_ascii_case(&format!("{:04X}", crc16(body.as_bytes())))
    {
        return None;
    }
    let top = fields(text)?;
    let account = top
        .iter()
        .filter(|(id, _)| id.parse::<u8>().is_ok_and(|id| (26..=51).contains(&id)))
        .filter_map(|(_, value)| fields(value))
        .find(|inner| {
            find(inner, "00").is_some_and(|gui| gui.eq_ignore_ascii_case("br.gov.bcb.pix"))
        })?;
    Some(BrCode {
        location: find(&account, "25"),
        key: find(&account, "01"),
        txid: find(&top, "62").and_then(|inner| find(&fields(&inner)?, "05")),
        amount: find(&top, "54"),
        merchant: find(&top, "59").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_has_the_catalogue_check_value() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
    }

    #[test]
    fn writes_what_it_reads() {
        let dynamic = efi("qrcodespix.sejaefi.com.br/v2/abc", "10.50");
        let read = decode(&dynamic).expect("readable");
        assert_eq!(
            read.location.as_deref(),
            Some("qrcodespix.sejaefi.com.br/v2/abc")
        );
        assert_eq!(read.key, None);
        assert!(dynamic.contains("BR.GOV.BCB.PIX") && dynamic.contains("5905EFISA"));

        let fixed = mercado_pago("9a1a…".trim_end_matches('…'), "mpqrinter1", "0.01");
        let read = decode(&fixed).expect("readable");
        assert_eq!(read.txid.as_deref(), Some("mpqrinter1"));
        assert_eq!(read.amount.as_deref(), Some("0.01"));
    }

    #[test]
    fn refuses_damage_without_panicking() {
        let good = efi("a.b/c", "1.00");
        for cut in 0..good.len() {
            assert_eq!(decode(&good[..cut]), None);
        }
        assert_eq!(decode("é6304FFFF"), None);
        assert_eq!(decode(&good.replace("1.00", "2.00")), None);
    }
}
