//! Whole numbers in as many bytes as they need: seven bits in each, the lowest first, and a set
//! high bit where another byte follows (LEB128).

use crate::embedded::bytes::{Damage, Reader};

pub(super) fn put(out: &mut Vec<u8>, mut number: u64) {
    while let high @ 1.. = number >> 7 {
        let [low, ..] = number.to_le_bytes();
        out.push(low | 0x80);
        number = high;
    }
    let [low, ..] = number.to_le_bytes();
    out.push(low);
}

/// With a sign in the lowest bit, so that numbers near zero on either side are short.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put(out, zigzag(number));
}

pub(super) fn get(reader: &mut Reader<'_>) -> Result<u64, Damage> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = reader.u8()?;
        let bits = u64::from(byte & 0x7f);
        if (bits << shift) >> shift != bits {
            break;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(reader.damage("a number has more than 64 bits".to_owned()))
}

pub(super) fn get_signed(reader: &mut Reader<'_>) -> Result<i64, Damage> {
    get(reader).map(unzigzag)
}

/// How many bytes a number with a sign takes.
pub(super) const fn signed_len(number: i64) -> u32 {
    (u64::BITS - (zigzag(number) | 1).leading_zeros()).div_ceil(7)
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::checksum::Checksum;

    fn read<T>(bytes: &[u8], get: fn(&mut Reader<'_>) -> Result<T, Damage>) -> Result<T, Damage> {
        let blob = [bytes, &Checksum::new().add(bytes).value().to_le_bytes()].concat();
        let mut reader = Reader::checked(&[], &blob)?;
        let number = get(&mut reader)?;
        reader.end().map(|()| number)
    }

    #[test]
    fn numbers_are_written_as_documented() {
        let written = |number| {
            let mut out = Vec::new();
            put_signed(&mut out, number);
            out
        };
        let examples = [(0, vec![0]), (-1, vec![1]), (1, vec![2]), (-65, vec![0x81, 1])];
        for (number, bytes) in examples {
            assert_eq!(written(number), bytes, "{number}");
        }
        for number in [i64::MIN, i64::MAX, -64, 63, 64, 1 << 40] {
            assert_eq!(read(&written(number), get_signed), Ok(number));
            assert_eq!(written(number).len(), signed_len(number) as usize);
        }
    }

    #[test]
    fn numbers_of_more_than_64_bits_are_damage() {
        assert_eq!(read(&[[0xff; 9].as_slice(), &[1]].concat(), get), Ok(u64::MAX));
        assert!(read(&[[0xff; 9].as_slice(), &[2]].concat(), get).is_err());
        assert!(read(&[0x80; 11], get).is_err());
        assert!(read(&[0x80], get).is_err());
    }
}
