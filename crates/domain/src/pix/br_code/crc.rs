//! CRC-16/CCITT-FALSE (IBM-3740): polynomial 0x1021, start 0xFFFF, nothing reflected.

const POLYNOMIAL: u16 = 0x1021;

/// What each value of the leading byte adds to the rest.
const TABLE: [u16; 256] = table();

pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc: u16, byte| {
        (crc << 8) ^ TABLE[usize::from((crc >> 8) as u8 ^ byte)]
    })
}

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut remainder = (index as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            let feedback = if remainder & 0x8000 == 0 {
                0
            } else {
                POLYNOMIAL
            };
            remainder = (remainder << 1) ^ feedback;
            bit += 1;
        }
        table[index] = remainder;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::crc16;

    #[test]
    fn has_the_catalogued_check_value() {
        assert_eq!(crc16(b"123456789"), 0x29B1);
        assert_eq!(crc16(b""), 0xFFFF);
    }
}
