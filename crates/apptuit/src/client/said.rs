//! What others say of a failure, made fit for a message: one line, bounded, without the token.

use apptuit_model::wire::{PutAnswer, QueryFailure, failure_message};

/// Characters of a text that a message takes over.
const MAX_CHARS: usize = 300;

/// The reason the body of a failed request gives, if it gives one.
pub(super) fn reason_in(body: &[u8], token: &str) -> Option<String> {
    failure_message(body).and_then(|text| fit(&text, token))
}

/// The text without the token, line breaks and full stop; `None` if nothing is left.
pub(super) fn fit(text: &str, token: &str) -> Option<String> {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let line = without_token(&words.join(" "), token);
    let line = line.trim_end_matches('.');
    (!line.is_empty()).then(|| shortened(line))
}

/// The text, or its beginning and `…`.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What a service says of points, without the token.
pub(super) fn of_points(mut answer: PutAnswer, token: &str) -> PutAnswer {
    for error in &mut answer.errors {
        error.error = without_token(&error.error, token);
        error.datapoint = without_token(&error.datapoint, token);
    }
    answer
}

/// What a service says of a query, without the token.
pub(super) fn of_query(mut failure: QueryFailure, token: &str) -> QueryFailure {
    failure.message = without_token(&failure.message, token);
    for hint in &mut failure.hints {
        *hint = without_token(hint, token);
    }
    failure
}

/// The token as a word of its own becomes `…`: one of a single letter is no reason to garble a text.
fn without_token(line: &str, token: &str) -> String {
    if token.is_empty() {
        return line.to_owned();
    }
    let (mut clean, mut copied) = (String::new(), 0);
    for (at, _) in line.match_indices(token) {
        let end = at + token.len();
        let inside = line[..at].ends_with(char::is_alphanumeric)
            || line[end..].starts_with(char::is_alphanumeric);
        if !inside {
            clean.push_str(&line[copied..at]);
            clean.push('…');
            copied = end;
        }
    }
    clean.push_str(&line[copied..]);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_clause() {
        let fit = |text| fit(text, "s3cret");
        assert_eq!(fit(" the disk\r\n\tis\u{1b} full.\n").as_deref(), Some("the disk is full"));
        assert_eq!(fit(" . "), None);
        assert_eq!(fit(""), None);
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(fit(&"é".repeat(300), "t"), Some("é".repeat(300)));
        assert_eq!(fit(&"é".repeat(301), "t"), Some(format!("{}…", "é".repeat(300))));
    }

    #[test]
    fn the_token_is_no_part_of_it() {
        let said = fit("`s3cret` is unknown, s3cret", "s3cret");
        assert_eq!(said.as_deref(), Some("`…` is unknown, …"));
        assert_eq!(fit("the tent", "t").as_deref(), Some("the tent"));
        let cut = fit(&format!("{} s3cret", "x".repeat(296)), "s3cret");
        assert_eq!(cut, Some(format!("{} …", "x".repeat(296))));
    }
}
