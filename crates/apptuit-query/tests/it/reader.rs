//! A reader of queries for oracles: it knows only what well-formed queries use, and shares nothing
//! with the parser of the crate.

use std::iter::Peekable;
use std::str::Chars;

/// `name = chain`, `output(name, …)` or a bare chain.
#[derive(Debug)]
pub(crate) enum Statement {
    Assign(String, Chain),
    Output(Vec<String>),
    Bare(Chain),
}

/// Something, and the methods called on it.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) first: First,
    pub(crate) methods: Vec<Call>,
}

#[derive(Debug)]
pub(crate) enum First {
    Number(f64),
    Name(String),
    Fetch(Call),
}

/// A function, its arguments by position and those by keyword.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) keywords: Vec<(String, String)>,
}

#[derive(Debug)]
pub(crate) enum Argument {
    Text(String),
    Value(Chain),
}

impl Call {
    pub(crate) fn keyword(&self, name: &str) -> Option<&str> {
        self.keywords.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The arguments that are no strings.
    fn values(&self) -> impl Iterator<Item = &Chain> {
        self.arguments.iter().filter_map(|argument| match argument {
            Argument::Value(chain) => Some(chain),
            Argument::Text(_) => None,
        })
    }

    pub(crate) fn text(&self, position: usize) -> &str {
        match &self.arguments[position] {
            Argument::Text(text) => text,
            Argument::Value(value) => panic!("{value:?} is no string"),
        }
    }
}

impl Chain {
    /// The fetches in it, with the methods of their chain, in the order of the text.
    pub(crate) fn fetches(&self) -> Vec<(&Call, &[Call])> {
        let own = match &self.first {
            First::Fetch(fetch) => Some((fetch, self.methods.as_slice())),
            _ => None,
        };
        let inner = self.methods.iter().flat_map(Call::values).flat_map(Self::fetches);
        own.into_iter().chain(inner).collect()
    }

    /// The methods called in it.
    pub(crate) fn methods(&self) -> Vec<&Call> {
        let inner = self.methods.iter().flat_map(Call::values).flat_map(Self::methods);
        self.methods.iter().chain(inner).collect()
    }
}

pub(crate) fn statements(text: &str) -> Vec<Statement> {
    let mut reader = Reader { rest: text.chars().peekable() };
    let mut statements = Vec::new();
    loop {
        reader.skip(|c| c.is_whitespace() || c == ';');
        if reader.rest.peek().is_none() {
            return statements;
        }
        statements.push(reader.statement());
    }
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
}

impl Reader<'_> {
    fn statement(&mut self) -> Statement {
        let chain = self.chain();
        let plain = chain.methods.is_empty();
        match chain.first {
            First::Name(name) if plain && self.passes('=') => Statement::Assign(name, self.chain()),
            First::Name(name) if plain && name == "output" => {
                let call = self.call(name);
                let names = call.arguments.into_iter().map(|argument| match argument {
                    Argument::Value(Chain { first: First::Name(name), .. }) => name,
                    other => panic!("`output` of {other:?}"),
                });
                Statement::Output(names.collect())
            }
            _ => Statement::Bare(chain),
        }
    }

    fn chain(&mut self) -> Chain {
        self.blanks();
        let first = match self.rest.peek() {
            Some(c) if c.is_ascii_digit() || *c == '-' => {
                let number = self.take(|c| c.is_ascii_digit() || c == '-');
                First::Number(number.parse().expect("a number"))
            }
            _ => match self.word() {
                name if name == "fetch" => First::Fetch(self.call(name)),
                name => First::Name(name),
            },
        };
        let mut methods = Vec::new();
        while self.passes('.') {
            let name = self.word();
            methods.push(self.call(name));
        }
        Chain { first, methods }
    }

    fn call(&mut self, name: String) -> Call {
        assert!(self.passes('('), "`{name}` is called");
        let mut call = Call { name, arguments: Vec::new(), keywords: Vec::new() };
        while !self.passes(')') {
            self.blanks();
            if matches!(self.rest.peek(), Some('\'' | '"')) {
                call.arguments.push(Argument::Text(self.string()));
            } else {
                let chain = self.chain();
                if self.passes('=') {
                    let First::Name(key) = chain.first else { panic!("{chain:?} is no keyword") };
                    self.blanks();
                    call.keywords.push((key, self.string()));
                } else {
                    call.arguments.push(Argument::Value(chain));
                }
            }
            self.passes(',');
        }
        call
    }

    fn string(&mut self) -> String {
        let quote = self.rest.next().expect("a quote");
        let text = self.take(|c| c != quote);
        self.rest.next();
        text
    }

    fn word(&mut self) -> String {
        self.blanks();
        let word = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
        assert!(!word.is_empty(), "a name before {:?}", self.rest.clone().collect::<String>());
        word
    }

    fn passes(&mut self, wanted: char) -> bool {
        // A line's end ends a statement: only blanks may stand before what goes on.
        self.skip(|c| c == ' ');
        self.rest.next_if_eq(&wanted).is_some()
    }

    fn blanks(&mut self) {
        self.skip(char::is_whitespace);
    }

    fn skip(&mut self, unwanted: impl Fn(char) -> bool) {
        while self.rest.next_if(|c| unwanted(*c)).is_some() {}
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> String {
        std::iter::from_fn(|| self.rest.next_if(|c| wanted(*c))).collect()
    }
}
