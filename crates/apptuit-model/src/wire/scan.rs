//! A cursor over JSON text, for the shapes that most bodies have.
//!
//! It reads what is usual and says no to the rest: a string with an escape, a number in a string, a
//! value of another kind. Whoever uses it asks a library then. What it does read is what the grammar
//! of RFC 8259 allows, and a number is the same double, bit by bit, that the standard library reads.

use crate::Timestamp;
use crate::wire::nearest::nearest;
use crate::wire::number::{timestamp_from, timestamp_from_whole};

/// So many digits always fit 64 bits.
const MAX_DIGITS: usize = 19;

/// A place in JSON text.
#[derive(Clone, Debug)]
pub(super) struct Scan<'text> {
    text: &'text str,
    at: usize,
}

/// A number as it stands in JSON text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number<'text> {
    text: &'text str,
    is_negative: bool,
    /// Its digits, without the point, if they are at most [`MAX_DIGITS`].
    digits: Option<u64>,
    /// The power of ten that the digits are to be multiplied by; 0 if there is no point.
    power: i32,
    /// Whether it has an exponent of its own, which is in the text only.
    has_exponent: bool,
    is_whole: bool,
}

impl<'text> Scan<'text> {
    /// At the beginning of the text.
    pub(super) fn new(text: &'text str) -> Self {
        Self { text, at: 0 }
    }

    /// Bytes before the cursor.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Puts the cursor after so many bytes.
    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at;
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'text str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The text from there to the cursor.
    pub(super) fn since(&self, start: usize) -> &'text str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// The byte at the cursor.
    #[inline]
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes over blanks, tabs and ends of lines.
    #[inline]
    pub(super) fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    /// Goes over this byte if it is the next one after blanks.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) -> bool {
        // Most bodies have no blanks.
        if self.peek() != Some(byte) {
            self.blanks();
            if self.peek() != Some(byte) {
                return false;
            }
        }
        self.at += 1;
        true
    }

    /// Goes over this text if it begins at the cursor.
    #[inline]
    pub(super) fn take_text(&mut self, text: &str) -> bool {
        let is_there = self.text.as_bytes()[self.at..].starts_with(text.as_bytes());
        if is_there {
            self.at += text.len();
        }
        is_there
    }

    /// Whether nothing but blanks is left.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.blanks();
        self.at == self.text.len()
    }

    /// The content of the string at the cursor, which is then after it; `None` if there is none, or
    /// if it is not whole, has an escape, or a character that would need one.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Option<&'text str> {
        let bytes = self.text.as_bytes();
        if self.peek() != Some(b'"') {
            return None;
        }
        let start = self.at + 1;
        let end = start + special(&bytes[start..])?;
        if bytes[end] != b'"' {
            return None;
        }
        self.at = end + 1;
        self.text.get(start..end)
    }

    /// The number at the cursor, which is then after it; `None` if there is none.
    ///
    /// What follows it is for the caller to look at.
    #[inline]
    pub(super) fn number(&mut self) -> Option<Number<'text>> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let is_negative = bytes.get(start) == Some(&b'-');
        let first = start + usize::from(is_negative);
        let mut digits = Digits { bytes, at: first, read: 0, value: 0 };
        digits.run();
        if digits.read == 0 || (digits.read > 1 && bytes[first] == b'0') {
            return None;
        }
        let (mut power, mut is_whole, mut has_exponent) = (0, true, false);
        if bytes.get(digits.at) == Some(&b'.') {
            let whole = digits.read;
            digits.at += 1;
            digits.run();
            let fraction = digits.read - whole;
            if fraction == 0 {
                return None;
            }
            power = i32::try_from(fraction).map_or(i32::MIN, |fraction| -fraction);
            is_whole = false;
        }
        let Digits { mut at, read, value, .. } = digits;
        if let Some(b'e' | b'E') = bytes.get(at) {
            at += 1;
            at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
            let exponent = at;
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            if at == exponent {
                return None;
            }
            (is_whole, has_exponent) = (false, true);
        }
        self.at = at;
        let text = self.text.get(start..at)?;
        let digits = (read <= MAX_DIGITS).then_some(value);
        Some(Number { text, is_negative, digits, power, has_exponent, is_whole })
    }
}

impl Number<'_> {
    /// The nearest double; infinite if it is beyond all.
    #[inline]
    pub(super) fn value(&self) -> f64 {
        if let Some(digits) = self.digits
            && !self.has_exponent
            && let Some(value) = nearest(digits, self.power)
        {
            return if self.is_negative { -value } else { value };
        }
        self.text.parse().unwrap_or(f64::NAN)
    }

    /// The same number without a loss; `None` if it has a point or an exponent, or is beyond 64 bits.
    #[inline]
    pub(super) fn whole(&self) -> Option<i64> {
        let digits = self.digits.filter(|_| self.is_whole)?;
        if self.is_negative { 0_i64.checked_sub_unsigned(digits) } else { digits.try_into().ok() }
    }

    /// The instant, as [`timestamp_from`] reads the text.
    #[inline]
    pub(super) fn timestamp(&self) -> Option<Timestamp> {
        self.whole().map_or_else(|| timestamp_from(self.text), |n| Some(timestamp_from_whole(n)))
    }
}

/// Digits while they are read.
struct Digits<'text> {
    bytes: &'text [u8],
    at: usize,
    read: usize,
    /// Wraps if there are too many.
    value: u64,
}

impl Digits<'_> {
    #[inline]
    fn run(&mut self) {
        let start = self.at;
        while let Some(value) = self.bytes.get(self.at..).and_then(eight_digits) {
            self.value = self.value.wrapping_mul(100_000_000).wrapping_add(value);
            self.at += 8;
        }
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            self.value = self.value.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        self.read += self.at - start;
    }
}

/// The bytes as lanes of a word: the first is the lowest.
#[inline]
fn lanes(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk().map(|lanes| u64::from_le_bytes(*lanes))
}

/// The same byte in every lane.
const fn all(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The number that the first eight bytes are the digits of, if they are digits.
#[inline]
pub(super) fn eight_digits(bytes: &[u8]) -> Option<u64> {
    let lanes = lanes(bytes)?;
    // 0x30 to 0x39: the high half is 3, and still is after 6 is added. No lane carries into the next
    // as far as the first test holds.
    let high = |lanes: u64| lanes & all(0xf0);
    if high(lanes) != all(0x30) || high(lanes.wrapping_add(all(6))) != all(0x30) {
        return None;
    }
    // Neighbours become two digits each, then four, then eight.
    let ones = lanes & all(0x0f);
    let twos = (ones.wrapping_mul(10).wrapping_add(ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos.wrapping_mul(100).wrapping_add(twos >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff)
}

/// Where the first byte is that ends the plain part of a string: a quote, a backslash or a control
/// character.
#[inline]
fn special(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(lanes) = bytes.get(at..).and_then(lanes) {
        // A lane's highest bit is set where it is below `byte`; above the first such lane, which
        // borrows, it may be set for another reason.
        let below = |lanes: u64, byte: u8| lanes.wrapping_sub(all(byte)) & !lanes & all(0x80);
        let is = |byte: u8| below(lanes ^ all(byte), 1);
        let found = is(b'"') | is(b'\\') | below(lanes, b' ');
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        at += 8;
    }
    let tail = bytes.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' '));
    tail.map(|tail| at + tail)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    /// The whole text as one number.
    fn number(text: &str) -> Option<Number<'_>> {
        let mut scan = Scan::new(text);
        scan.number().filter(|_| scan.at() == text.len())
    }

    /// It is a number if a library takes it for one, and the same in every way it is read.
    fn check(text: &str) {
        let read = number(text);
        let oracle = serde_json::from_str::<&RawValue>(text);
        // RawValue goes over blanks.
        let oracle = oracle
            .ok()
            .filter(|raw| raw.get() == text && !text.starts_with(['"', '{', '[', 't', 'f', 'n']));
        assert_eq!(read.is_some(), oracle.is_some(), "{text}");
        let Some(read) = read else { return };
        assert_eq!(read.text, text);
        // The library refuses what is beyond all doubles; the standard library says infinite.
        let value = serde_json::from_str::<f64>(text).or_else(|_| text.parse());
        let value = value.expect("a number has a value");
        // The library reads `-0` as the whole number 0.
        let value = if text == "-0" { -0.0 } else { value };
        assert_eq!(read.value().to_bits(), value.to_bits(), "{text}");
        assert_eq!(read.value().to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        assert_eq!(read.whole(), text.parse().ok(), "{text}");
        assert_eq!(read.timestamp(), timestamp_from(text), "{text}");
    }

    #[test]
    fn numbers_at_the_edges_are_the_librarys() {
        for text in [
            "0",
            "-0",
            "0.0",
            "-0.0",
            "0e0",
            "-0e-5",
            "1",
            "-1",
            "12345678",
            "123456789",
            "1.5",
            "5e-324",
            "4.9406564584124654e-324",
            "2.4703282292062327e-324",
            "2.2250738585072014e-308",
            "2.2250738585072011e-308",
            "1.7976931348623157e308",
            "1.7976931348623159e308",
            "1e22",
            "1e23",
            "1e-22",
            "1e-23",
            "9007199254740992",
            "9007199254740993",
            "9007199254740991",
            "-9007199254740993",
            "12345678901234567",
            "123456789012345678",
            "1234567890123456789",
            "9999999999999999999",
            "18446744073709551615",
            "18446744073709551616",
            "12345678901234567890",
            "0.12345678901234567",
            "0.1234567890123456789",
            "0.00000000000000000000000000000000000001",
            "0.30000000000000004",
            "1e400",
            "-1e400",
            "1e-400",
            "1e99999999999999999999",
            "1e-99999999999999999999",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "-9223372036854775809",
            "100000000000",
            "100000000001",
            "1500000000.25",
            "1500000000250",
            "1e10",
            "1E+3",
            "1e-3",
            "1.25e2",
            "00",
            "01",
            "-01",
            "-",
            "",
            "+1",
            ".5",
            "1.",
            "1.e5",
            "1e",
            "1e+",
            "1e-",
            "--1",
            "1-",
            "1a",
            "0x1",
            "1.5.5",
            "1_0",
            "NaN",
            "Infinity",
            "-Infinity",
            "inf",
            "1e5.5",
            "00000000",
            "000000001",
            "-00000000.5",
            "12345678:",
            "1234567/",
            "123456789012345678901234567890.5",
        ] {
            check(text);
        }
    }

    #[test]
    fn every_count_of_digits_with_every_place_of_the_point_is_the_librarys() {
        for digits in 1..=24 {
            let all: String = "98765432109876543210987654".chars().take(digits).collect();
            check(&all);
            check(&format!("0.{all}"));
            for point in 1..digits {
                check(&format!("-{}.{}", &all[..point], &all[point..]));
            }
            for exponent in -30..30 {
                check(&format!("{all}e{exponent}"));
            }
        }
    }

    #[test]
    fn a_number_ends_where_its_grammar_does() {
        for (text, length) in [("1,2", 1), ("-0]", 2), ("1.5e3 ", 5), ("12345678901}", 11)] {
            let mut scan = Scan::new(text);
            assert!(scan.number().is_some());
            assert_eq!(scan.at(), length, "{text}");
        }
    }

    #[test]
    fn a_plain_string_is_found_at_every_distance_and_nothing_else_is() {
        for length in 0..40 {
            for (unit, last) in [("a", ""), ("é", ""), ("\u{7f}", "😀"), ("!", "]")] {
                let content = format!("{}{last}", unit.repeat(length));
                let text = format!("\"{content}\" \"\\");
                let mut scan = Scan::new(&text);
                assert_eq!(scan.plain_string(), Some(&*content));
                assert_eq!(scan.rest(), " \"\\");
                for special in ["\\", "\u{0}", "\u{1f}", "\n"] {
                    let text = format!("\"{content}{special}{content}\"");
                    let mut scan = Scan::new(&text);
                    assert_eq!((scan.plain_string(), scan.at()), (None, 0), "{text:?}");
                }
                assert_eq!(Scan::new(&format!("\"{content}")).plain_string(), None);
            }
        }
    }

    #[test]
    fn a_byte_is_taken_after_blanks_and_only_if_it_is_there() {
        let mut scan = Scan::new(" \t\r\n[ ] x");
        assert!(!scan.take(b']') && scan.take(b'[') && scan.take(b']'));
        assert!(!scan.is_at_end() && scan.take_text("x") && scan.is_at_end());
        assert!(!scan.take(b'x') && !scan.take_text("x") && scan.take_text(""));
        // Other blanks are none in JSON.
        assert!(!Scan::new("\u{a0}[").take(b'[') && !Scan::new("\u{b}[").take(b'['));
    }

    proptest! {
        #[test]
        fn doubles_come_back_as_they_were_written(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            for text in [format!("{value:?}"), format!("{value:e}"), format!("{value:.3}")] {
                check(&text);
            }
        }

        #[test]
        fn texts_of_numbers_are_the_librarys(text in "-?[0-9]{0,21}(\\.[0-9]{0,21})?([eE][+-]?[0-9]{0,4})?") {
            check(&text);
        }

        #[test]
        fn near_numbers_are_the_librarys(text in "[-+.eE0-9 :/a]{0,12}") {
            check(&text);
        }

        #[test]
        fn strings_are_the_librarys(text in "[ -~\\x00-\\x20\"\\\\é😀]{0,24}") {
            let quoted = format!("\"{text}");
            let mut scan = Scan::new(&quoted);
            let oracle: Option<&str> = serde_json::Deserializer::from_str(&quoted)
                .into_iter::<&str>().next().and_then(Result::ok);
            // The library borrows what has no escape.
            prop_assert_eq!(scan.plain_string(), oracle);
        }
    }
}
