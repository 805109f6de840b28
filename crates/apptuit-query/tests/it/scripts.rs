//! Runs `tests/scripts/*.test`; `tests/scripts/README.md` describes their notation.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use apptuit_model::{Step, Tags, TimeRange, TimeSeries, TimeSeriesName, Timestamp};
use apptuit_query::{Answer, QueryError};

use crate::source::Memory;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts")
}

#[test]
fn every_script_holds_and_every_rule_has_one() {
    let mut files: Vec<_> = std::fs::read_dir(folder())
        .expect("the folder of scripts is readable")
        .map(|entry| entry.expect("an entry of the folder is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "test"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no scripts in {}", folder().display());
    let (mut failures, mut proofs) = (String::new(), Proofs::default());
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a script is text");
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        proofs.extend(run_script(&name, &text, &mut failures));
    }
    let readme = std::fs::read_to_string(folder().join("README.md")).expect("the notation");
    failures += &proofs.gaps(&rules(&readme));
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn a_wrong_expectation_is_reported_with_its_place() {
    let script = "proves 1\nload\n    m {a=1}  0:1\n\n\
                  eval from 0 to 9: fetch('m')\n    m {a=1}  0:2\n";
    let mut failures = String::new();
    run_script("x.test", script, &mut failures);
    assert!(failures.starts_with("x.test:5: "), "{failures}");
}

#[test]
fn rules_and_cases_that_do_not_belong_together_are_reported() {
    let script = "load\n    m {a=1}  0:1\n\n\
                  eval from 0 to 9: fetch('m')\n    m {a=1}  0:1\n\n\
                  proves 1.1b, 1.9\neval from 0 to 9: fetch('m')\n    m {a=1}  0:1\n";
    let mut failures = String::new();
    let proofs = run_script("x.test", script, &mut failures);
    let rules = rules("| rule | text |\n| --- | --- |\n| 1.1a | x |\n| 1.1b | y |\n");
    let gaps = "x.test:4 proves nothing\n\
                rule 1.1a is proved by no case\n\
                rule 1.9 is not in the list\n";
    assert_eq!((failures.as_str(), proofs.gaps(&rules).as_str()), ("", gaps));
}

/// What the cases of scripts say they prove.
#[derive(Default)]
pub(super) struct Proofs {
    rules: BTreeSet<String>,
    /// Places of cases that say nothing.
    silent: Vec<String>,
}

impl Proofs {
    fn extend(&mut self, more: Self) {
        self.rules.extend(more.rules);
        self.silent.extend(more.silent);
    }

    /// Rules and cases that have nothing of each other.
    fn gaps(&self, rules: &BTreeSet<String>) -> String {
        let silent = self.silent.iter().map(|place| format!("{place} proves nothing\n"));
        let missing = rules.difference(&self.rules);
        let missing = missing.map(|rule| format!("rule {rule} is proved by no case\n"));
        let unknown = self.rules.difference(rules);
        let unknown = unknown.map(|rule| format!("rule {rule} is not in the list\n"));
        silent.chain(missing).chain(unknown).collect()
    }
}

/// The first column of the list of rules: what begins with a digit.
fn rules(readme: &str) -> BTreeSet<String> {
    let first = |line: &str| Some(line.strip_prefix("| ")?.split_once(" |")?.0.to_owned());
    let numbered = |rule: &String| rule.starts_with(|c: char| c.is_ascii_digit());
    readme.lines().filter_map(first).filter(numbered).collect()
}

enum Block {
    Load { every: Option<(Step, Timestamp)> },
    Eval { line: usize, range: TimeRange, query: String, expected: Vec<String> },
}

pub(super) fn run_script(file: &str, text: &str, failures: &mut String) -> Proofs {
    let mut memory = Memory::default();
    let mut block: Option<Block> = None;
    let (mut proofs, mut proves) = (Proofs::default(), Vec::new());
    let mut evals = 0;
    for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line.trim_end())) {
        let place = || format!("{file}:{n}: `{line}`");
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(inner) = line.strip_prefix("    ") {
            match block.as_mut().unwrap_or_else(|| panic!("{} stands alone", place())) {
                Block::Load { every } => memory.series.push(series(inner, *every)),
                Block::Eval { query, expected, .. } => match inner.strip_prefix('|') {
                    Some(more) => {
                        let more = more.strip_prefix(' ').unwrap_or(more);
                        assert!(expected.is_empty(), "{} is after a result", place());
                        query.push_str(if query.is_empty() { "" } else { "\n" });
                        query.push_str(more);
                    }
                    None => expected.push(normal(inner)),
                },
            }
            continue;
        }
        finish(block.take(), &memory, file, &mut evals, failures);
        if let Some(rules) = line.strip_prefix("proves ") {
            proves = rules.split(',').map(|rule| rule.trim().to_owned()).collect::<Vec<_>>();
            continue;
        }
        block = Some(header(line, n).unwrap_or_else(|| panic!("{} is no load or eval", place())));
        match block {
            Some(Block::Load { .. }) => memory.series.clear(),
            _ if proves.is_empty() => proofs.silent.push(format!("{file}:{n}")),
            _ => proofs.rules.extend(proves.iter().cloned()),
        }
    }
    finish(block, &memory, file, &mut evals, failures);
    assert!(evals > 0, "{file} evaluates nothing");
    proofs
}

fn header(line: &str, n: usize) -> Option<Block> {
    let words: Vec<&str> = line.splitn(5, ' ').collect();
    match words.as_slice() {
        ["load"] => Some(Block::Load { every: None }),
        ["load", "every", step, "from", start] => {
            Some(Block::Load { every: Some((step.parse().ok()?, instant(start)?)) })
        }
        ["eval", "from", start, "to", rest] => {
            let (end, query) = rest.split_once(':')?;
            let range = TimeRange::new(instant(start)?, instant(end)?);
            let query = query.trim().to_owned();
            Some(Block::Eval { line: n, range, query, expected: Vec::new() })
        }
        _ => None,
    }
}

fn finish(block: Option<Block>, memory: &Memory, file: &str, evals: &mut usize, out: &mut String) {
    let Some(Block::Eval { line, range, query, expected }) = block else {
        return;
    };
    *evals += 1;
    let names = expected.iter().any(|line| line.starts_with("output "));
    let found = match memory.run(&query, range) {
        Ok(answer) => shown(&answer, names),
        Err(error) => vec![shown_error(&error)],
    };
    if found != expected {
        let (expected, found) = (expected.join("\n    "), found.join("\n    "));
        writeln!(out, "{file}:{line}: {query}\n  expected\n    {expected}\n  found\n    {found}\n")
            .expect("a string takes text");
    }
}

/// `metric {key=value}  v v _` or `metric {key=value}  t:v t:v`
fn series(line: &str, every: Option<(Step, Timestamp)>) -> TimeSeries {
    let (name, points) = name_and_rest(line);
    let mut series = TimeSeries::new(name);
    for (n, word) in points.split_whitespace().enumerate() {
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("`{word}` in `{line}`"));
        match (every, word.split_once(':')) {
            (Some(_), None) if word == "_" => {}
            (Some((step, start)), None) => {
                let n = i64::try_from(n).expect("few points");
                let millis = start.as_millis() + n * step.as_millis();
                series.push(Timestamp::from_millis(millis), number(word));
            }
            (None, Some((at, value))) => {
                series.push(instant(at).expect("a time before the colon"), number(value));
            }
            _ => panic!("`{word}` in `{line}` does not fit its load"),
        }
    }
    series
}

fn name_and_rest(line: &str) -> (TimeSeriesName, &str) {
    let (metric, rest) = line.split_once(" {").unwrap_or_else(|| panic!("no tags in `{line}`"));
    let (tags, rest) = rest.split_once('}').unwrap_or_else(|| panic!("no `}}` in `{line}`"));
    let tags: Tags = tags
        .split(',')
        .filter(|tag| !tag.is_empty())
        .map(|tag| tag.trim().split_once('=').unwrap_or_else(|| panic!("a tag in `{line}`")))
        .collect();
    (TimeSeriesName::new(metric, tags), rest)
}

fn instant(text: &str) -> Option<Timestamp> {
    Timestamp::from_number(text.parse().ok()?)
}

/// One blank between words, so that columns may be aligned.
fn normal(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shown(answer: &Answer, names: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for output in &answer.outputs {
        if names || answer.outputs.len() > 1 {
            lines.push(format!("output {}", output.id));
        }
        if output.series.is_empty() {
            lines.push("nothing".to_owned());
        }
        for found in &output.series {
            let tags = found.series.tags().iter().map(|(key, value)| format!("{key}={value}"));
            let tags = tags.collect::<Vec<_>>().join(", ");
            let mut line = format!("{} {{{tags}}}", found.series.metric());
            if !found.aggregated_tags.is_empty() {
                write!(line, " -{{{}}}", found.aggregated_tags.join(", ")).expect("text");
            }
            for (timestamp, value) in found.series.iter() {
                write!(line, " {timestamp}:{value}").expect("text");
            }
            lines.push(line);
        }
    }
    lines
}

fn shown_error(error: &QueryError) -> String {
    let (kind, span) = (error.error_type(), error.span());
    normal(&format!("{kind} at {}..{}: {}", span.start, span.end, error.message()))
}
