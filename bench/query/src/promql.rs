//! Queries in the words of PromQL, so that another parser can read as much as ours does.
//!
//! Only for queries that ours has found well formed: anything else may panic.

use std::collections::HashMap;

/// An expression for each output.
pub(crate) fn of(query: &str) -> Vec<String> {
    let mut reader = Reader { rest: query, names: HashMap::new() };
    let mut last = String::new();
    let mut outputs = Vec::new();
    while reader.skip_separators() {
        if let Some(rest) = reader.rest.strip_prefix("output(") {
            let (names, rest) = rest.split_once(')').expect("it is closed");
            outputs = names.split(',').map(|name| reader.names[name.trim()].clone()).collect();
            reader.rest = rest;
            continue;
        }
        let name = reader.assigned();
        last = reader.expression();
        if let Some(name) = name {
            reader.names.insert(name, last.clone());
        }
    }
    if outputs.is_empty() { vec![last] } else { outputs }
}

struct Reader<'a> {
    rest: &'a str,
    /// What the variables stand for.
    names: HashMap<String, String>,
}

impl<'a> Reader<'a> {
    fn skip_separators(&mut self) -> bool {
        self.rest = self.rest.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
        !self.rest.is_empty()
    }

    /// The name before a `=`, if that is what comes.
    fn assigned(&mut self) -> Option<String> {
        let (name, rest) = self.rest.split_once('=')?;
        let name = name.trim();
        name.chars().all(|c| c.is_alphanumeric() || c == '_').then(|| {
            self.rest = rest;
            name.to_owned()
        })
    }

    fn expression(&mut self) -> String {
        let mut value = self.primary();
        while self.next_is('.') {
            let method = self.word();
            value = self.method(value, method);
        }
        value
    }

    fn primary(&mut self) -> String {
        if self.next_is('(') {
            let inner = self.expression();
            assert!(self.next_is(')'), "{}", self.rest);
            return format!("({inner})");
        }
        let number = self.rest.trim_start();
        if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            let end = number.find(|c: char| c != '-' && !c.is_ascii_digit());
            let (number, rest) = number.split_at(end.unwrap_or(number.len()));
            self.rest = rest;
            return number.to_owned();
        }
        match self.word() {
            "fetch" => self.fetch(),
            name => self.names[name].clone(),
        }
    }

    /// A selector with the filters that follow, in a function of ranges if it is a rate.
    fn fetch(&mut self) -> String {
        let (positional, keywords) = self.arguments();
        let mut matchers = Vec::new();
        while let Some(rest) = self.rest.trim_start().strip_prefix(".tag_filter") {
            self.rest = rest;
            let (filter, _) = self.arguments();
            matchers.push(matcher(&filter[0]));
        }
        let metric: String =
            positional[0].chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let selector = format!("{metric}{{{}}}", matchers.join(","));
        match keywords.iter().find(|(name, _)| name == "rate") {
            Some((_, value)) if value == "delta" => format!("delta({selector}[1m])"),
            Some(_) => format!("rate({selector}[1m])"),
            None => selector,
        }
    }

    fn method(&mut self, value: String, method: &str) -> String {
        let (positional, keywords) = self.arguments();
        let keyword = |name: &str| keywords.iter().find(|(key, _)| key == name).map(|(_, v)| v);
        match method {
            "downsample" => {
                let (step, function) = (&positional[0], &positional[1]);
                match function.strip_prefix('p') {
                    Some(digits) => {
                        format!("quantile_over_time(0.{digits}, ({value})[{step}:{step}])")
                    }
                    None => format!("{function}_over_time(({value})[{step}:{step}])"),
                }
            }
            "tag_filter" => format!("({value} and on() m{{{}}})", matcher(&positional[0])),
            "add" | "sub" | "mult" | "div" => {
                let operator = match method {
                    "add" => "+",
                    "sub" => "-",
                    "mult" => "*",
                    _ => "/",
                };
                let is_number = |text: &str| text.parse::<f64>().is_ok();
                let matching = match (keyword("on"), keyword("ignore")) {
                    _ if is_number(&value) || is_number(&positional[0]) => String::new(),
                    (Some(keys), _) => format!("on({keys}) "),
                    (_, Some(keys)) => format!("ignoring({keys}) "),
                    _ => String::new(),
                };
                format!("({value}) {operator} {matching}({})", positional[0])
            }
            _ => match (method.strip_prefix("series_"), method.strip_prefix("top")) {
                (Some(function), _) => format!("{function}_over_time(({value})[1h:1m])"),
                (_, Some(k)) => format!("topk({k}, {value})"),
                _ => match (keyword("by"), keyword("without")) {
                    (Some(keys), _) => format!("{method} by ({keys}) ({value})"),
                    (_, Some(keys)) => format!("{method} without ({keys}) ({value})"),
                    _ => format!("{method}({value})"),
                },
            },
        }
    }

    /// Those by position, translated where they are expressions, and those by name.
    fn arguments(&mut self) -> (Vec<String>, Vec<(String, String)>) {
        assert!(self.next_is('('), "{}", self.rest);
        let (mut positional, mut keywords) = (Vec::new(), Vec::new());
        while !self.next_is(')') {
            let before = self.rest;
            let name = self.word();
            let keyword = !name.is_empty() && self.next_is('=');
            if !keyword {
                self.rest = before;
            }
            let value = self.text().unwrap_or_else(|| self.expression());
            if keyword {
                keywords.push((name.to_owned(), value));
            } else {
                positional.push(value);
            }
            self.next_is(',');
        }
        (positional, keywords)
    }

    fn text(&mut self) -> Option<String> {
        let trimmed = self.rest.trim_start();
        let quote = trimmed.chars().next().filter(|c| "'\"".contains(*c))?;
        let (text, rest) = trimmed[1..].split_once(quote).expect("it is closed");
        self.rest = rest;
        Some(text.to_owned())
    }

    fn word(&mut self) -> &'a str {
        let trimmed = self.rest.trim_start();
        let end = trimmed.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (word, rest) = trimmed.split_at(end.unwrap_or(trimmed.len()));
        self.rest = rest;
        word
    }

    fn next_is(&mut self, character: char) -> bool {
        match self.rest.trim_start_matches(' ').strip_prefix(character) {
            Some(rest) => self.rest = rest,
            None => return false,
        }
        true
    }
}

fn matcher(filter: &str) -> String {
    let (key, rest) = filter.split_at(filter.find(['=', '!']).expect("there is an operator"));
    let operators = [("==", "="), ("=~", "=~"), ("!=", "!="), ("!~", "!~"), ("=", "=")];
    let (value, operator) = operators
        .iter()
        .find_map(|(ours, theirs)| Some((rest.strip_prefix(ours)?, *theirs)))
        .expect("there is an operator");
    match (value, operator) {
        ("*", _) => format!("{key}=~\".+\""),
        _ => format!("{key}{operator}\"{}\"", value.replace('\\', "\\\\")),
    }
}
