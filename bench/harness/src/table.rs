//! Rows, and how they are printed.

use std::env;
use std::process::ExitCode;

use crate::cost::three_digits;
use crate::{Effort, Pair, machine};

const USAGE: &str = "expected ids of rows, `--quick` or `--markdown`";

/// Runs the benchmark `name` as its command line tells: the body of its `main`.
///
/// Arguments are ids of rows, of which there are all by default, `--quick` for a look whether all
/// runs, and `--markdown` for a table to be shown instead of lines to be read by programs.
pub fn run(name: &str, rows: impl FnOnce(&mut Table)) -> ExitCode {
    let mut table = match Table::new(env::args().skip(1)) {
        Ok(table) => table,
        Err(problem) => {
            eprintln!("error: {problem}");
            return ExitCode::from(2);
        }
    };
    table.begin();
    rows(&mut table);
    match table.finish(name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// The rows of a benchmark, printed as they come.
#[derive(Debug)]
pub struct Table {
    /// Those that are asked for; none means all.
    ids: Vec<String>,
    markdown: bool,
    quick: bool,
    effort: Effort,
    seen: Vec<String>,
}

impl Table {
    fn new(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut table = Self {
            ids: Vec::new(),
            markdown: false,
            quick: false,
            effort: Effort::FULL,
            seen: Vec::new(),
        };
        for argument in arguments {
            match argument.as_str() {
                "--quick" => (table.quick, table.effort) = (true, Effort::QUICK),
                "--markdown" => table.markdown = true,
                flag if flag.starts_with('-') => return Err(format!("unknown `{flag}`: {USAGE}")),
                _ => table.ids.push(argument),
            }
        }
        Ok(table)
    }

    /// Whether any of these rows is asked for: what only they need can be left out otherwise.
    pub fn wants(&self, ids: &[&str]) -> bool {
        self.is_whole() || self.ids.iter().any(|asked| ids.contains(&asked.as_str()))
    }

    /// Whether all is asked for, also what has no id.
    pub fn is_whole(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether this is only a look whether all runs.
    pub fn is_quick(&self) -> bool {
        self.quick
    }

    /// Measures and prints a row, if it is asked for.
    ///
    /// `goal` is the ratio of ours to the peer's that is to be reached. What could not be measured
    /// is a row too, that has not reached its goal.
    pub fn row(
        &mut self,
        id: &str,
        name: &str,
        goal: f64,
        measure: impl FnOnce(&Effort) -> Result<Pair, String>,
    ) {
        if !self.wants(&[id]) {
            return;
        }
        self.seen.push(id.to_owned());
        let [ours, peer, ratio, met] = match measure(&self.effort) {
            Ok(pair) => {
                if let Some(remark) = &pair.remark {
                    eprintln!("{id}: {remark}");
                }
                let met = if pair.ratio() <= goal { "yes" } else { "no" };
                let ratio = three_digits(pair.ratio());
                [pair.ours.to_string(), pair.peer.to_string(), ratio, met.to_owned()]
            }
            Err(reason) => {
                eprintln!("{id}: not measured: {reason}");
                ["n/a", "n/a", "n/a", "no"].map(String::from)
            }
        };
        let goal = format!("{goal:.2}");
        let cells = [id, name, &ours, &peer, &ratio, &goal, &met];
        if self.markdown {
            println!("| {} |", cells.join(" | "));
        } else {
            println!("{}", cells.join("\t"));
        }
    }

    /// Measures something without a goal and prints it on standard error, if all is asked for.
    ///
    /// Here threads may share processors.
    pub fn aside(&self, name: &str, measure: impl FnOnce(&Effort) -> Result<Pair, String>) {
        if !self.is_whole() {
            return;
        }
        match measure(&Effort { may_share: true, ..self.effort }) {
            Ok(pair) => {
                let ratio = three_digits(pair.ratio());
                eprintln!("{name}: ours {}, peer {}, ratio {ratio}", pair.ours, pair.peer);
            }
            Err(reason) => eprintln!("{name}: not measured: {reason}"),
        }
    }

    fn begin(&self) {
        if self.markdown {
            println!("| id | row | ours | peer | ours ÷ peer | goal | met |");
            println!("| --- | --- | --- | --- | --- | --- | --- |");
        }
    }

    fn finish(self, name: &str) -> Result<(), String> {
        if self.markdown {
            println!("\nMachine: {}.", machine::description());
            let ids: String = self.ids.iter().map(|id| format!(" {id}")).collect();
            println!("Command: `scripts/bench {name}{ids} --markdown`.");
        }
        match self.ids.iter().find(|id| !self.seen.contains(id)) {
            Some(unknown) => Err(format!("unknown row `{unknown}` of `{name}`")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(arguments: &[&str]) -> Result<Table, String> {
        Table::new(arguments.iter().map(|&argument| argument.to_owned()))
    }

    #[test]
    fn a_row_runs_if_it_or_none_is_asked_for() {
        for (arguments, ran) in [(vec![], vec!["A", "B"]), (vec!["B", "--quick"], vec!["B"])] {
            let mut table = table(&arguments).expect("they are good");
            for id in ["A", "B"] {
                table.row(id, "nothing", 1.0, |_| Err("a test".into()));
            }
            assert_eq!(table.seen, ran);
            assert_eq!(table.finish("test"), Ok(()));
        }
    }

    #[test]
    fn a_row_that_does_not_exist_is_named() {
        let asked = table(&["Z9"]).expect("it looks like a row").finish("test");
        assert_eq!(asked, Err("unknown row `Z9` of `test`".into()));
        assert!(table(&["--fast"]).is_err_and(|problem| problem.contains("`--fast`")));
    }
}
