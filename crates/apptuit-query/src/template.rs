//! Variables of dashboards, which are no part of the language: text that is replaced before it is
//! parsed.

use std::collections::BTreeMap;

use crate::limits::MAX_TEXT_BYTES;

/// Values in values that are put in.
const MAX_NESTED: usize = 50;
/// Values that are put in, in all: they may double each time and still be empty.
const MAX_REPLACED: usize = 10_000;

/// `text` with `$name`, `${name}` and `[[name]]` replaced by the value of `name`.
///
/// A value is put in as it is, be it a part of a string or a whole call, and may use variables in
/// its turn, but not itself. What `variables` do not hold stays as it is: [`parse`](crate::parse)
/// refuses it by its name. A `$` or `[` after a backslash begins no variable. A text that grows
/// beyond all that can be parsed is not expanded to its end.
///
/// ```
/// use std::collections::BTreeMap;
///
/// let variables = BTreeMap::from([
///     ("filter".to_owned(), ".tag_filter('host==$host')".to_owned()),
///     ("host".to_owned(), "*".to_owned()),
/// ]);
/// let text = apptuit_query::expand("fetch('up')$filter.downsample('[[step]]', 'avg')", &variables);
/// assert_eq!(text, "fetch('up').tag_filter('host==*').downsample('[[step]]', 'avg')");
/// assert!(apptuit_query::check(&text).unwrap_err().message().contains("`[[step]]`"));
/// ```
pub fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut expansion =
        Expansion { out: String::new(), variables, within: Vec::new(), replaced: 0 };
    expansion.push(text);
    expansion.out
}

struct Expansion<'a> {
    out: String,
    variables: &'a BTreeMap<String, String>,
    /// The variables whose values are being put in.
    within: Vec<&'a str>,
    replaced: usize,
}

impl<'a> Expansion<'a> {
    fn push(&mut self, text: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(['$', '[', '\\']) {
            let (before, from) = rest.split_at(at);
            self.out.push_str(before);
            let variable = variable_at(from);
            let length = variable.map_or_else(|| plain_length(from), |one| one.text.len());
            let (written, after) = from.split_at_checked(length).unwrap_or((from, ""));
            match variable.and_then(|variable| self.value(variable.name)) {
                Some((name, value)) => {
                    self.replaced += 1;
                    self.within.push(name);
                    self.push(value);
                    self.within.pop();
                }
                None => self.out.push_str(written),
            }
            rest = after;
        }
        self.out.push_str(rest);
    }

    fn value(&self, name: &str) -> Option<(&'a str, &'a str)> {
        let (name, value) = self.variables.get_key_value(name)?;
        let is_bounded = self.within.len() < MAX_NESTED
            && self.replaced < MAX_REPLACED
            && self.out.len() <= MAX_TEXT_BYTES;
        let is_other = !self.within.contains(&name.as_str());
        (is_bounded && is_other).then_some((name, value))
    }
}

/// The length of what begins `text` and is no variable: one character, or a backslash with what
/// follows it. After two backslashes too a variable's sign is plain: the lexer reads both alike.
fn plain_length(text: &str) -> usize {
    let mut characters = text.chars();
    let first = characters.next().map_or(0, char::len_utf8);
    if !text.starts_with('\\') {
        return first;
    }
    let second = characters.next();
    let sign = characters.next().filter(|c| second == Some('\\') && matches!(c, '$' | '['));
    first + second.map_or(0, char::len_utf8) + sign.map_or(0, char::len_utf8)
}

/// A variable as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variable<'a> {
    pub(crate) text: &'a str,
    pub(crate) name: &'a str,
}

/// `$name`, `${name}` or `[[name]]` at the beginning of `text`.
pub(crate) fn variable_at(text: &str) -> Option<Variable<'_>> {
    let (open, close) = [("${", "}"), ("[[", "]]"), ("$", "")]
        .into_iter()
        .find(|(open, _)| text.starts_with(open))?;
    let inner = text.get(open.len()..)?;
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
    let (name, rest) = inner.split_at(end);
    let length = open.len() + end + close.len();
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let text = text.get(..length).filter(|_| is_name && rest.starts_with(close))?;
    Some(Variable { text, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str, variables: &[(&str, &str)]) -> String {
        let owned = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        expand(text, &owned.collect())
    }

    #[test]
    fn every_form_of_a_name_is_replaced_and_the_longest_name_counts() {
        let variables = [("a", "1"), ("ab", "2"), ("__interval", "1m")];
        let text = "$a ${a} [[a]] $ab $a.x $abc ${ab}c [[__interval]]$__interval";
        assert_eq!(expanded(text, &variables), "1 1 1 2 1.x $abc 2c 1m1m");
    }

    #[test]
    fn values_may_use_variables_but_not_themselves() {
        let variables = [("f", ".tag_filter('h==$h')"), ("h", "*"), ("x", "<$y>"), ("y", "$x")];
        assert_eq!(expanded("m$f", &variables), "m.tag_filter('h==*')");
        assert_eq!(expanded("$x", &variables), "<$x>");
    }

    #[test]
    fn what_is_no_variable_stays() {
        let variables = [("x", "1"), ("digit", "1")];
        for text in
            [r"k=~\$x", r"k=~\\$x", "k=~a$|b", "[[:digit:]]", "[[x]", "${x", "$", r"a\", "[[ x ]]"]
        {
            assert_eq!(expanded(text, &variables), text);
        }
        assert_eq!(expanded(r"\d$x", &variables), r"\d1");
    }

    #[test]
    fn values_that_double_themselves_end() {
        for last in ["", "x"] {
            let names: Vec<String> = (0..40).map(|n| format!("v{n}")).collect();
            let double = |n: usize| format!("{0}{0}", format_args!("$v{}", n + 1));
            let variables = names.iter().enumerate().map(|(n, name)| (name.clone(), double(n)));
            let mut variables: BTreeMap<_, _> = variables.collect();
            variables.insert("v40".to_owned(), last.to_owned());
            assert!(expand("$v0", &variables).len() < MAX_TEXT_BYTES);
        }
    }

    #[test]
    fn values_in_values_without_end_do_not_exhaust_the_stack() {
        let name = |n: usize| format!("v{n}");
        let variables = (0..100_000).map(|n| (name(n), format!("$v{}", n + 1))).collect();
        assert_eq!(expand("$v0", &variables), format!("$v{MAX_NESTED}"));
    }
}
