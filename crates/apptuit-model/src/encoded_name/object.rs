//! A flat JSON object of scalars, RFC 8259, and Python's `NaN`, `Infinity` and `-Infinity`.

/// Members in their order; numbers and literals as their own text.
///
/// The error says in one clause what is wrong.
pub(super) fn parse(json: &str) -> Result<Vec<(String, String)>, String> {
    let mut input = Input { text: json, at: 0 };
    let mut members = Vec::new();
    input.expect('{')?;
    input.skip_blanks();
    if !input.take('}') {
        loop {
            input.skip_blanks();
            let key = input.string()?;
            input.skip_blanks();
            input.expect(':')?;
            input.skip_blanks();
            let value = input.scalar(&key)?;
            members.push((key, value));
            input.skip_blanks();
            if input.take('}') {
                break;
            }
            input.expect(',')?;
        }
    }
    input.skip_blanks();
    if input.rest().is_empty() { Ok(members) } else { Err(input.expected("the end")) }
}

struct Input<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Input<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn expected(&self, what: &str) -> String {
        format!("expected {what} at byte {} of the tags", self.at)
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn take(&mut self, c: char) -> bool {
        let there = self.rest().starts_with(c);
        if there {
            self.at += c.len_utf8();
        }
        there
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.take(c) { Ok(()) } else { Err(self.expected(&format!("`{c}`"))) }
    }

    fn next_char(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn string(&mut self) -> Result<String, String> {
        self.expect('"')?;
        let mut out = String::new();
        loop {
            let plain = self.rest().find(|c: char| c == '"' || c == '\\' || c < ' ');
            let Some(plain) = plain else { return Err(self.expected("`\"` after a text begun")) };
            out.push_str(&self.rest()[..plain]);
            self.at += plain;
            match self.next_char() {
                Some('"') => return Ok(out),
                Some('\\') => out.push(self.escape()?),
                _ => {
                    self.at -= 1;
                    return Err(self.expected("no control character"));
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        match self.next_char() {
            Some(c @ ('"' | '\\' | '/')) => Ok(c),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('u') => self.code_point(),
            _ => Err(self.expected("an escape")),
        }
    }

    /// The character of `\uXXXX`, or of two of them that are a surrogate pair.
    fn code_point(&mut self) -> Result<char, String> {
        let first = self.code_unit()?;
        let mut units = vec![first];
        if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
            self.at += 2;
            units.push(self.code_unit()?);
        }
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => Ok(c),
            _ => Err(self.expected("a whole surrogate pair")),
        }
    }

    fn code_unit(&mut self) -> Result<u16, String> {
        let digits =
            self.rest().get(..4).filter(|four| four.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        let unit = unit.ok_or_else(|| self.expected("four hexadecimal digits"))?;
        self.at += 4;
        Ok(unit)
    }

    fn scalar(&mut self, key: &str) -> Result<String, String> {
        let rest = self.rest();
        if rest.starts_with('"') {
            return self.string();
        }
        if rest.starts_with(['{', '[']) {
            return Err(format!("the value of `{key}` is a container, expected text or a number"));
        }
        let end = rest.find([',', '}', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
        let word = &rest[..end];
        match word {
            "null" => Err(format!("the value of `{key}` is null, expected text or a number")),
            "true" | "false" | "NaN" | "Infinity" | "-Infinity" => self.word(word),
            _ if is_json_number(word) => self.word(word),
            _ => Err(self.expected("a value")),
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the last step of a parser that may fail")]
    fn word(&mut self, word: &str) -> Result<String, String> {
        self.at += word.len();
        Ok(word.to_owned())
    }
}

/// `-? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?`
fn is_json_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let exponent = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}
