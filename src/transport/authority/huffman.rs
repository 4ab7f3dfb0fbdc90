//! The Huffman code of header values (RFC 7541, appendix B).
//!
//! The code is canonical: codes of one length are consecutive and ordered by symbol, so the lengths alone define it.

/// The length of each octet's code, in bits.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// The longest code, in bits.
const BITS_MAX: usize = 30;

/// The first code of each length, and the symbols in the order of their codes.
struct Code {
    /// By length: the first code, the number of codes, and the position of the first one's symbol.
    lengths: [(u32, u32, usize); BITS_MAX + 1],
    symbols: [u8; 256],
}

const CODE: Code = code();

const fn code() -> Code {
    let mut made = Code { lengths: [(0, 0, 0); BITS_MAX + 1], symbols: [0; 256] };
    let (mut length, mut next, mut place) = (1, 0_u32, 0);
    while length <= BITS_MAX {
        let (first, start) = (next, place);
        let mut symbol = 0_usize;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                made.symbols[place] = symbol as u8;
                place += 1;
                next += 1;
            }
            symbol += 1;
        }
        made.lengths[length] = (first, next - first, start);
        next <<= 1;
        length += 1;
    }
    made
}

/// The text behind coded octets; `None` when they are no code.
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(coded.len() * 2);
    let (mut bits, mut length) = (0_u32, 0_usize);
    for octet in coded {
        for position in (0..8).rev() {
            bits = bits << 1 | u32::from(octet >> position & 1);
            length += 1;
            let &(first, count, start) = CODE.lengths.get(length)?;
            let Some(offset) = bits.checked_sub(first).filter(|offset| *offset < count) else { continue };
            text.push(*CODE.symbols.get(start + usize::try_from(offset).ok()?)?);
            (bits, length) = (0, 0);
        }
    }
    // The rest is padding: fewer than eight bits, all of them set.
    (length < 8 && bits == (1 << length) - 1).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(coded: &str, expected: Option<&str>) {
        let octets = |text: &str| u8::from_str_radix(text, 16).unwrap();
        let coded: Vec<u8> = (0..coded.len()).step_by(2).map(|at| octets(&coded[at..at + 2])).collect();
        assert_eq!(decode(&coded).as_deref(), expected.map(str::as_bytes), "{coded:02x?}");
    }

    #[test]
    fn the_examples_of_the_specification_are_read() {
        check("f1e3c2e5f23a6ba0ab90f4ff", Some("www.example.com"));
        check("a8eb10649cbf", Some("no-cache"));
        check("25a849e95ba97d7f", Some("custom-key"));
        check("9d29ad171863c78f0b97c8e9ae82ae43d3", Some("https://www.example.com"));
        check("d07abe941054d444a8200595040b8166e082a62d1bff", Some("Mon, 21 Oct 2013 20:13:21 GMT"));
        check("", Some(""));
    }

    #[test]
    fn padding_is_short_and_set() {
        check("a8eb10649cbfff", None);
        check("ffffffff", None);
    }
}
