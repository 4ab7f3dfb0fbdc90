//! Header blocks of HTTP/2 (RFC 7541), as far as the authority of a request stands in them.

use http::uri::Authority;

use super::huffman;

/// The place of `:authority` in the static table.
const AUTHORITY: usize = 1;

/// A block whose authority was replaced; `None` when it stays as it is.
///
/// The replacement has as many octets as the original. Sender and receiver count the octets of their tables of recent
/// fields, so any other length would make the two tables differ.
pub(super) fn rewrite(block: &[u8]) -> Option<Vec<u8>> {
    let mut reader = Reader { block, at: 0 };
    while let Some(first) = reader.peek() {
        let is_authority = match first {
            // A field of a table: nothing follows.
            0x80.. => {
                reader.integer(7)?;
                continue;
            }
            // A new size of the table.
            0x20..=0x3f => {
                reader.integer(5)?;
                continue;
            }
            0x40..=0x7f => reader.is_authority(6)?,
            _ => reader.is_authority(4)?,
        };
        let start = reader.at;
        let value = reader.string()?;
        if !is_authority {
            continue;
        }
        let value = value.text()?;
        if Authority::try_from(value.as_slice()).is_ok() {
            return None;
        }
        let value = replacement(&value);
        Authority::try_from(value.as_slice()).ok()?;
        let mut rewritten = block.get(..start)?.to_vec();
        length(&mut rewritten, value.len());
        rewritten.extend(value);
        rewritten.extend(block.get(reader.at..)?);
        return Some(rewritten);
    }
    None
}

/// The same number of octets, all of which a host may have.
fn replacement(value: &[u8]) -> Vec<u8> {
    value.iter().map(|octet| if octet.is_ascii_alphanumeric() || *octet == b'.' { *octet } else { b'-' }).collect()
}

/// Adds the length of a string that is not coded.
fn length(block: &mut Vec<u8>, length: usize) {
    const PREFIX: usize = 0x7f;
    let Some(mut rest) = length.checked_sub(PREFIX) else {
        block.push(u8::try_from(length).unwrap_or_default());
        return;
    };
    block.push(0x7f);
    while rest >= 0x80 {
        block.push(0x80 | u8::try_from(rest & 0x7f).unwrap_or_default());
        rest >>= 7;
    }
    block.push(u8::try_from(rest).unwrap_or_default());
}

/// A string as it stands in a block.
struct Text<'a> {
    octets: &'a [u8],
    is_coded: bool,
}

impl Text<'_> {
    fn text(&self) -> Option<Vec<u8>> {
        if self.is_coded { huffman::decode(self.octets) } else { Some(self.octets.to_vec()) }
    }
}

struct Reader<'a> {
    block: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.block.get(self.at).copied()
    }

    fn octet(&mut self) -> Option<u8> {
        let octet = self.peek()?;
        self.at += 1;
        Some(octet)
    }

    /// A number whose first octet has so many bits of it.
    fn integer(&mut self, bits: u32) -> Option<usize> {
        let mask = (1_usize << bits) - 1;
        let mut number = usize::from(self.octet()?) & mask;
        if number < mask {
            return Some(number);
        }
        for shift in [0, 7, 14] {
            let octet = self.octet()?;
            number += usize::from(octet & 0x7f) << shift;
            if octet < 0x80 {
                return Some(number);
            }
        }
        // No block is as long as a larger number says.
        None
    }

    fn string(&mut self) -> Option<Text<'a>> {
        let is_coded = self.peek()? & 0x80 != 0;
        let length = self.integer(7)?;
        let octets = self.block.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(Text { octets, is_coded })
    }

    /// Reads the name of a field, and whether it is the authority's.
    fn is_authority(&mut self, bits: u32) -> Option<bool> {
        match self.integer(bits)? {
            0 => Some(self.string()?.text().is_some_and(|name| name == b":authority")),
            place => Some(place == AUTHORITY),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `:method: POST`, `:scheme: http`, a path, then the authority as a field that enters the table.
    fn block(authority: &[u8]) -> Vec<u8> {
        let mut block = vec![0x83, 0x86, 0x44, 2, b'/', b'a', 0x41];
        length(&mut block, authority.len());
        block.extend(authority);
        // A field of the table and one with a name of its own.
        block.extend([0xbe, 0x40, 2, b't', b'e', 1, b'x']);
        block
    }

    #[track_caller]
    fn check(authority: &str, expected: Option<&str>) {
        let rewritten = rewrite(&block(authority.as_bytes()));
        assert_eq!(rewritten, expected.map(|expected| block(expected.as_bytes())), "{authority}");
    }

    #[test]
    fn an_authority_that_is_one_stays() {
        check("localhost", None);
        check("127.0.0.1:9076", None);
        check("[::1]:9076", None);
    }

    #[test]
    fn another_one_is_replaced_by_as_many_octets() {
        check("/tmp/tasker.sock", Some("-tmp-tasker.sock"));
        check("%2Ftmp%2Ftasker.sock", Some("-2Ftmp-2Ftasker.sock"));
        check("127.0.0.1:1,127.0.0.1:2", Some("127.0.0.1-1-127.0.0.1-2"));
        check("unix:///tmp/tasker.sock", Some("unix----tmp-tasker.sock"));
        let long = format!("/{}", "a".repeat(300));
        check(&long, Some(&format!("-{}", "a".repeat(300))));
    }

    #[test]
    fn a_coded_one_is_read() {
        // `:authority` without indexing, with the code of "//" (two times 011000, padded).
        let coded = [0x83, 0x01, 0x82, 0b0110_0001, 0b1000_1111, 0x86];
        assert_eq!(rewrite(&coded), Some(vec![0x83, 0x01, 0x02, b'-', b'-', 0x86]));
    }

    proptest! {
        #[test]
        fn any_block_is_read_to_its_end(block in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(rewritten) = rewrite(&block) {
                prop_assert_eq!(rewrite(&rewritten), None);
            }
        }
    }
}
