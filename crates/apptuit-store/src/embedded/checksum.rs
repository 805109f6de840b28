//! CRC-32 as in zlib, gzip and PNG (ISO/IEC 3309): what guards every blob in the file.

use crc32fast::Hasher;

/// The CRC-32 of the bytes added so far.
#[derive(Clone, Debug)]
pub(super) struct Checksum(Hasher);

impl Checksum {
    pub(super) fn new() -> Self {
        Self(Hasher::new())
    }

    pub(super) fn add(mut self, bytes: &[u8]) -> Self {
        self.0.update(bytes);
        self
    }

    pub(super) fn value(self) -> u32 {
        self.0.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_standard_comes_out() {
        let whole = Checksum::new().add(b"123456789");
        assert_eq!(whole.value(), 0xCBF4_3926);
        assert_eq!(Checksum::new().add(b"1234").add(b"56789").value(), 0xCBF4_3926);
        assert_eq!(Checksum::new().value(), 0);
    }
}
