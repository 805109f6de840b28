//! What a query that found nothing may have meant.

use std::collections::HashSet;

use apptuit_model::{MatchOp, Sanitizer, Tags};

use crate::engine::Answer;
use crate::error::{QueryError, QueryErrorKind};
use crate::functions::{self, Arguments, Method};
use crate::names::Names;
use crate::operators::filter::Filter;
use crate::suggest::nearest;
use crate::syntax::Query;
use crate::syntax::ast::{Argument, Call, Expression, Statement};

/// Names of a store that are compared at most.
const MAX_COMPARED: usize = 20_000;
/// Pieces of advice that are given at most.
const MAX_ADVICE: usize = 5;

impl Query {
    /// What may be wrong with the names in a query, after what [`run`](crate::Engine::run) said: one
    /// clause each, such as "no series of `node.cpu` has the tag `hots`, did you mean `host`?"
    ///
    /// Of an unknown metric the advice is the one that was meant: it differs in few letters, in how
    /// names are cleaned, or in what instruments add at the end. Tags are looked up if a query
    /// failed for the values in it, has an output without series, or names a tag in `by` or `on`
    /// that none of its series has or had.
    pub fn advice(&self, said: Result<&Answer, &QueryError>, names: &dyn Names) -> Vec<String> {
        let mut advice = Vec::new();
        match said.map_err(|failure| (failure.kind(), failure.span())) {
            Err((QueryErrorKind::UnknownMetric, place)) => {
                self.chains(&mut |chain| {
                    let of = chain.first.span;
                    let is_of = of.start <= place.start && place.end <= of.end;
                    let metric = fetched(chain).filter(|_| is_of);
                    if let Some(meant) = metric.and_then(|metric| similar_metric(metric, names)) {
                        advice.push(format!("did you mean `{meant}`?"));
                    }
                });
            }
            Ok(answer) if !self.is_doubtful(answer) => {}
            Ok(_) | Err((QueryErrorKind::InvalidArgumentValue, _)) => {
                self.chains(&mut |chain| {
                    if let Some(metric) = fetched(chain) {
                        advise_on_tags(metric, &chain.methods, names, &mut advice);
                    }
                });
            }
            Err(_) => {}
        }
        let mut known = HashSet::new();
        advice.retain(|one| known.insert(one.clone()));
        advice.truncate(MAX_ADVICE);
        advice
    }

    /// Whether an answer looks as if a tag were misspelt.
    fn is_doubtful(&self, answer: &Answer) -> bool {
        let series = || answer.outputs.iter().flat_map(|output| &output.series);
        let own = series().flat_map(|one| one.series.tags().iter().map(|(key, _)| key));
        let gone = series().flat_map(|one| one.aggregated_tags.iter().map(String::as_str));
        let seen: HashSet<&str> = own.chain(gone).collect();
        let mut is_doubtful = answer.outputs.iter().any(|output| output.series.is_empty());
        self.chains(&mut |chain| {
            let lists = chain.methods.iter().flat_map(needed_tags);
            is_doubtful |= lists.flat_map(keys_of).any(|key| !seen.contains(key));
        });
        is_doubtful
    }

    /// Calls `visit` with every expression, in the order of the text.
    fn chains<'a>(&'a self, visit: &mut dyn FnMut(&'a Expression)) {
        for statement in &self.statements {
            if let Statement::Assign { value, .. } | Statement::Bare(value) = &statement.node {
                walk(value, visit);
            }
        }
    }
}

fn walk<'a>(chain: &'a Expression, visit: &mut dyn FnMut(&'a Expression)) {
    visit(chain);
    for call in chain.first.node.call().into_iter().chain(&chain.methods) {
        call.arguments.iter().filter_map(|argument| argument.expression()).for_each(|inner| {
            walk(inner, visit);
        });
    }
}

/// The metric of a chain that begins with its fetch.
fn fetched(chain: &Expression) -> Option<&str> {
    let call = chain.first.node.call().filter(|call| call.name.node == "fetch")?;
    call.arguments.first()?.text()
}

fn similar_metric(metric: &str, names: &dyn Names) -> Option<String> {
    let folded = |name: &str| Sanitizer::Prometheus.clean(&name.to_lowercase()).into_owned();
    let known = names.metrics("", MAX_COMPARED);
    let (wanted, longer) = (folded(metric), folded(metric) + "_");
    known
        .iter()
        .find(|name| folded(name) == wanted)
        .or_else(|| known.iter().find(|name| folded(name).starts_with(&longer)))
        .map(String::as_str)
        .or_else(|| nearest(metric, known.iter().map(String::as_str)))
        .map(str::to_owned)
}

/// Tags that no series of the metric has, though a method needs them.
fn advise_on_tags(metric: &str, methods: &[Call], names: &dyn Names, advice: &mut Vec<String>) {
    let keys = names.tag_keys(Some(metric), "", MAX_COMPARED);
    if keys.is_empty() {
        return;
    }
    let is_known = |key: &str| keys.iter().any(|known| known == key);
    let unknown = |key: &str| {
        let near = nearest(key, keys.iter().map(String::as_str));
        with_meant(format!("no series of `{metric}` has the tag `{key}`"), near)
    };
    let mut filters = true;
    for call in methods {
        let Ok((method, signature)) = functions::method(&call.name) else { return };
        let Ok(arguments) = Arguments::of(call, signature) else { return };
        filters &= method == Method::Filter;
        if !filters {
            let needed = needed_tags(call).flat_map(keys_of);
            advice.extend(needed.filter(|key| !is_known(key)).map(unknown));
            continue;
        }
        let Some(Ok(Filter(matcher))) = arguments.text(0).map(|text| Filter::parse(&text)) else {
            return;
        };
        let (key, value) = (matcher.key(), matcher.value());
        if !is_known(key) {
            if !matcher.matches(&Tags::new()) {
                advice.push(unknown(key));
            }
        } else if matcher.op() == MatchOp::Equal && !value.is_empty() && !value.contains(['*', '|'])
        {
            let values = names.tag_values(Some(metric), key, "", MAX_COMPARED);
            if values.iter().all(|known| known != value) {
                let near = nearest(value, values.iter().map(String::as_str));
                let clause = format!("no series of `{metric}` has `{value}` as its `{key}`");
                advice.push(with_meant(clause, near));
            }
        }
    }
}

/// The lists of tags that a call needs.
fn needed_tags(call: &Call) -> impl Iterator<Item = &str> {
    let is_needed = |argument: &&Argument| {
        argument.keyword.as_ref().is_some_and(|name| matches!(name.node.as_str(), "by" | "on"))
    };
    call.arguments.iter().filter(is_needed).filter_map(Argument::text)
}

fn keys_of(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

fn with_meant(clause: String, near: Option<&str>) -> String {
    match near {
        Some(near) => format!("{clause}, did you mean `{near}`?"),
        None => clause,
    }
}
