//! Tree to plan: names resolved, arguments checked, all before any data is read.
//!
//! A plan is a list of instructions, each of which fills the slot of its number from slots before
//! it. Values never change, so a name assigned twice is two slots.

mod fusion;

use std::collections::HashMap;
use std::sync::Arc;

use apptuit_model::{Selector, Step};

use crate::error::{Fault, QueryErrorKind};
use crate::functions::{self, Arguments, Method};
use crate::limits::MAX_FILTERS;
use crate::operators::aggregate::Aggregate;
use crate::operators::arithmetic::Arithmetic;
use crate::operators::fetch::Fetch;
use crate::operators::filter::Filter;
use crate::operators::rate::{Change, Rate};
use crate::operators::stage::Stage;
use crate::operators::top::Top;
use crate::suggest::nearest;
use crate::syntax::ast::{Call, Expression, Primary, Statement};
use crate::syntax::{Query, Span, Spanned};

/// A query that has been checked, and how it is evaluated.
///
/// Made by [`Engine::plan`](crate::Engine::plan); good for any range and any source.
#[derive(Debug)]
pub struct Plan {
    pub(crate) text: Arc<str>,
    pub(crate) instructions: Vec<Instruction>,
    pub(crate) outputs: Vec<PlannedOutput>,
}

/// One step of an evaluation.
#[derive(Debug)]
pub(crate) struct Instruction {
    pub(crate) operation: Operation,
    /// The call in the text that asks for it.
    pub(crate) span: Span,
    /// Slots that nobody needs after it.
    pub(crate) frees: Vec<usize>,
}

/// What an instruction does with which slots.
#[derive(Debug)]
pub(crate) enum Operation {
    Number(f64),
    Fetch(Fetch),
    Filter { input: usize, matcher: Filter },
    Stages { input: usize, stages: Vec<Stage> },
    Top { input: usize, top: Top },
    Arithmetic { left: usize, right: usize, arithmetic: Arithmetic },
}

/// A result to be written.
#[derive(Debug)]
pub(crate) struct PlannedOutput {
    pub(crate) id: String,
    pub(crate) slot: usize,
    /// The one metric the values come from; without it, the id stands in its place.
    pub(crate) metric: Option<String>,
    /// Where the text asks for it.
    pub(crate) span: Span,
}

/// What is known of a value before it is computed.
#[derive(Clone, Debug)]
struct Known {
    slot: usize,
    kind: ValueKind,
}

#[derive(Clone, Debug, PartialEq)]
enum ValueKind {
    Number,
    FrameOf(String),
    /// Values of several metrics.
    MixedFrame,
}

impl ValueKind {
    fn combined(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Number, kind) | (kind, Self::Number) => kind.clone(),
            (left, right) if left == right => left.clone(),
            _ => Self::MixedFrame,
        }
    }

    fn metric(&self) -> Option<String> {
        match self {
            Self::FrameOf(metric) => Some(metric.clone()),
            _ => None,
        }
    }
}

impl Plan {
    /// The series that the query fetches and filters, if it does nothing else.
    ///
    /// ```
    /// use apptuit_query::{Engine, parse};
    ///
    /// let engine = Engine::default();
    /// let plan = engine.plan(&parse("fetch('node.cpu').tag_filter('host==web1')")?)?;
    /// assert_eq!(plan.selector().map(|selector| &*selector.metric), Some("node.cpu"));
    /// assert!(engine.plan(&parse("fetch('node.cpu').sum()")?)?.selector().is_none());
    /// # Ok::<(), apptuit_query::QueryError>(())
    /// ```
    pub fn selector(&self) -> Option<&Selector> {
        match &*self.instructions {
            [Instruction { operation: Operation::Fetch(fetch), .. }] => {
                fetch.stages.is_empty().then_some(&fetch.selector)
            }
            _ => None,
        }
    }

    /// Checks a query and lays out its evaluation.
    pub(crate) fn of(query: &Query, max_depth: usize) -> Result<Self, Fault> {
        if query.depth > max_depth {
            let message =
                format!("parentheses nest {} deep, at most {max_depth} are allowed", query.depth);
            return Err(Fault::limit(Span::default(), message));
        }
        let mut planner = Planner::default();
        let last = query.statements.len().saturating_sub(1);
        let explicit = query
            .statements
            .iter()
            .any(|statement| matches!(statement.node, Statement::Output { .. }));
        for (n, statement) in query.statements.iter().enumerate() {
            planner.statement(statement, n == last && !explicit)?;
        }
        let mut plan = Self {
            text: query.shared_text().clone(),
            instructions: planner.instructions,
            outputs: planner.outputs,
        };
        fusion::fuse(&mut plan);
        plan.free_unneeded();
        Ok(plan)
    }

    /// How often each slot is used, by instructions and outputs.
    fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.instructions.len()];
        let inputs = self.instructions.iter().flat_map(|one| one.operation.inputs());
        for slot in inputs.chain(self.outputs.iter().map(|output| output.slot)) {
            if let Some(uses) = uses.get_mut(slot) {
                *uses += 1;
            }
        }
        uses
    }

    /// Notes with each instruction the slots whose last use it is.
    fn free_unneeded(&mut self) {
        let mut last_use: Vec<usize> = (0..self.instructions.len()).collect();
        for (n, instruction) in self.instructions.iter().enumerate() {
            for input in instruction.operation.inputs() {
                if let Some(last) = last_use.get_mut(input) {
                    *last = n;
                }
            }
        }
        for (slot, last) in last_use.into_iter().enumerate() {
            let kept = self.outputs.iter().any(|output| output.slot == slot);
            if let Some(instruction) = self.instructions.get_mut(last).filter(|_| !kept) {
                instruction.frees.push(slot);
            }
        }
    }
}

impl Operation {
    fn inputs(&self) -> impl Iterator<Item = usize> {
        let (first, second) = match self {
            Self::Number(_) | Self::Fetch(_) => (None, None),
            Self::Filter { input, .. } | Self::Stages { input, .. } | Self::Top { input, .. } => {
                (Some(*input), None)
            }
            Self::Arithmetic { left, right, .. } => (Some(*left), Some(*right)),
        };
        first.into_iter().chain(second)
    }

    /// Takes the inputs from where `moved` says that each slot is now.
    fn move_inputs(&mut self, moved: &[usize]) {
        let to = |slot: &mut usize| *slot = moved.get(*slot).copied().unwrap_or(*slot);
        match self {
            Self::Number(_) | Self::Fetch(_) => {}
            Self::Filter { input, .. } | Self::Stages { input, .. } | Self::Top { input, .. } => {
                to(input);
            }
            Self::Arithmetic { left, right, .. } => {
                to(left);
                to(right);
            }
        }
    }
}

#[derive(Default)]
struct Planner {
    instructions: Vec<Instruction>,
    outputs: Vec<PlannedOutput>,
    variables: HashMap<String, Known>,
    filters: usize,
}

impl Planner {
    fn statement(&mut self, statement: &Spanned<Statement>, is_output: bool) -> Result<(), Fault> {
        let (id, value) = match &statement.node {
            Statement::Assign { name, value } => {
                let value = self.expression(value)?;
                self.variables.insert(name.node.clone(), value.clone());
                (name.node.as_str(), value)
            }
            Statement::Bare(expression) => {
                let value = self.expression(expression)?;
                (self.id_of(expression), value)
            }
            Statement::Output { names } => return self.output(names),
        };
        if !is_output {
            return Ok(());
        }
        if value.kind == ValueKind::Number {
            return Err(Fault::argument(statement.span, "query has no output")
                .hint("the last statement is a number, expected a frame"));
        }
        self.push_output(id, &value, statement.span);
        Ok(())
    }

    fn output(&mut self, names: &[Spanned<String>]) -> Result<(), Fault> {
        for name in names {
            let value = self.variable(name)?;
            if value.kind == ValueKind::Number {
                let message = format!("`{}` is a number, `output` takes frames", name.node);
                return Err(Fault::argument(name.span, message));
            }
            if self.outputs.iter().all(|output| output.id != name.node) {
                self.push_output(&name.node, &value, name.span);
            }
        }
        Ok(())
    }

    fn push_output(&mut self, id: &str, value: &Known, span: Span) {
        let (id, metric) = (id.to_owned(), value.kind.metric());
        self.outputs.push(PlannedOutput { id, slot: value.slot, metric, span });
    }

    /// The name of a bare expression: the metric of its leftmost fetch; without one, its leftmost
    /// variable that is a frame.
    fn id_of<'a>(&self, expression: &'a Expression) -> &'a str {
        leftmost(expression, &|primary| match primary {
            Primary::Call(call) => text_argument(call),
            _ => None,
        })
        .or_else(|| {
            leftmost(expression, &|primary| match primary {
                Primary::Name(name) => self
                    .variables
                    .get(name)
                    .filter(|known| known.kind != ValueKind::Number)
                    .map(|_| name.as_str()),
                _ => None,
            })
        })
        .unwrap_or_default()
    }

    fn variable(&self, name: &Spanned<String>) -> Result<Known, Fault> {
        if let Some(known) = self.variables.get(&name.node) {
            return Ok(known.clone());
        }
        let message = format!("undefined variable `{}`", name.node);
        let fault = Fault::new(QueryErrorKind::UndefinedVariable, name.span, message);
        // Sorted: of equally near names always the same one is suggested.
        let mut known: Vec<&str> = self.variables.keys().map(String::as_str).collect();
        known.sort_unstable();
        Err(match nearest(&name.node, known) {
            Some(near) => fault.meant(Some(near)),
            None => fault.hint(format!("did you mean `fetch('{}')`?", name.node)),
        })
    }

    fn expression(&mut self, expression: &Expression) -> Result<Known, Fault> {
        let first = &expression.first;
        let mut value = match &first.node {
            Primary::Name(name) => self.variable(&Spanned::new(name.clone(), first.span))?,
            Primary::Number(number) => {
                let slot = self.push(Operation::Number(*number), first.span);
                Known { slot, kind: ValueKind::Number }
            }
            Primary::Call(call) if call.name.node == "fetch" => self.fetch(call)?,
            Primary::Call(call) => return Err(functions::unknown_function(&call.name)),
        };
        for call in &expression.methods {
            let (method, signature) = functions::method(&call.name)?;
            let arguments = Arguments::of(call, signature)?;
            value = self.method(method, call, &arguments, value)?;
        }
        Ok(value)
    }

    fn fetch(&mut self, call: &Call) -> Result<Known, Fault> {
        let arguments = Arguments::of(call, &functions::FETCH)?;
        let metric = arguments.text(0).map(|text| text.node.to_owned()).unwrap_or_default();
        if metric.is_empty() {
            return Err(Fault::value(call.span, "the metric has no name"));
        }
        let mut stages: Vec<Stage> = rate(&arguments)?.map(Stage::Rate).into_iter().collect();
        if let Some(align) = arguments.keyword("align").filter(|align| align.node != "false") {
            stages.push(Stage::Align(step(&align)?));
        }
        let selector = Selector::metric(metric.clone());
        let operation = Operation::Fetch(Fetch { selector, stages });
        Ok(Known { slot: self.push(operation, call.span), kind: ValueKind::FrameOf(metric) })
    }

    /// A method of `value`: arithmetic, or one that takes a frame and gives one.
    fn method(
        &mut self,
        method: Method,
        call: &Call,
        arguments: &Arguments<'_>,
        mut value: Known,
    ) -> Result<Known, Fault> {
        if value.kind == ValueKind::Number && !matches!(method, Method::Arithmetic(_)) {
            let message = format!("`{}` needs a frame, not a number", call.name.node);
            return Err(Fault::argument(call.name.span, message));
        }
        let required = |position: usize| {
            arguments
                .text(position)
                .ok_or_else(|| Fault::argument(call.span, "an argument is missing"))
        };
        let input = value.slot;
        let operation = match method {
            Method::Filter => {
                self.filters += 1;
                if self.filters > MAX_FILTERS {
                    let message = format!("query has more than {MAX_FILTERS} filters");
                    return Err(Fault::limit(call.span, message));
                }
                Operation::Filter { input, matcher: Filter::parse(&required(0)?)? }
            }
            Method::Downsample => {
                let step = step(&required(0)?)?;
                let reducer = functions::downsample_function(&required(1)?)?;
                no_fill(arguments)?;
                Operation::Stages { input, stages: vec![Stage::Downsample { step, reducer }] }
            }
            Method::Aggregate(reducer) => {
                let aggregate = Aggregate { reducer, grouping: arguments.grouping()? };
                Operation::Stages { input, stages: vec![Stage::Aggregate(aggregate)] }
            }
            Method::Collapse(reducer) => {
                Operation::Stages { input, stages: vec![Stage::Collapse(reducer)] }
            }
            Method::Top(k) => Operation::Top { input, top: Top(k.into()) },
            Method::Arithmetic(operator) => {
                let matching = arguments.matching()?;
                let Some(right) = arguments.expression(0) else {
                    return Err(Fault::argument(call.span, "an operand is missing"));
                };
                let right = self.expression(right)?;
                value.kind = value.kind.combined(&right.kind);
                let arithmetic = Arithmetic { operator, matching };
                Operation::Arithmetic { left: input, right: right.slot, arithmetic }
            }
        };
        value.slot = self.push(operation, call.span);
        Ok(value)
    }

    fn push(&mut self, operation: Operation, span: Span) -> usize {
        self.instructions.push(Instruction { operation, span, frees: Vec::new() });
        self.instructions.len() - 1
    }
}

/// The first primary in the order of the text for which `wanted` gives a name.
fn leftmost<'a>(
    expression: &'a Expression,
    wanted: &impl Fn(&'a Primary) -> Option<&'a str>,
) -> Option<&'a str> {
    wanted(&expression.first.node).or_else(|| {
        let arguments = expression.methods.iter().flat_map(|call| &call.arguments);
        arguments.filter_map(|argument| argument.expression()).find_map(|e| leftmost(e, wanted))
    })
}

fn text_argument(call: &Call) -> Option<&str> {
    call.arguments.first().and_then(|argument| argument.text())
}

/// The changes that `rate=` and `dropcounterresets=` ask for.
fn rate(arguments: &Arguments<'_>) -> Result<Option<Rate>, Fault> {
    let change = match arguments.keyword("rate") {
        None => None,
        Some(rate) => {
            one_of("rate", &rate, &["true", "false", "counter", "delta"])?;
            match rate.node {
                "true" => Some(Change::PerSecond),
                "counter" => Some(Change::Counter),
                "delta" => Some(Change::Delta),
                _ => None,
            }
        }
    };
    let drop_resets = match arguments.keyword("dropcounterresets") {
        None => false,
        Some(drop) => {
            one_of("dropcounterresets", &drop, &["true", "false"])?;
            drop.node == "true"
        }
    };
    Ok(change.map(|change| Rate { change, drop_resets }))
}

/// The fill policy of `downsample`: a third argument or `fill=`. There is one.
fn no_fill(arguments: &Arguments<'_>) -> Result<(), Fault> {
    let fill = match (arguments.text(2), arguments.keyword("fill")) {
        (Some(_), Some(again)) => {
            return Err(Fault::argument(again.span, "`downsample` has two fill policies"));
        }
        (fill, keyword) => fill.or(keyword),
    };
    match fill {
        Some(fill) if fill.node != "none" => {
            let message = format!("`{}` is no value of `fill`: expected `none`", fill.node);
            Err(Fault::value(fill.span, message).hint("a bucket without points gives nothing"))
        }
        _ => Ok(()),
    }
}

fn step(text: &Spanned<&str>) -> Result<Step, Fault> {
    text.node
        .parse()
        .map_err(|error: apptuit_model::StepError| Fault::value(text.span, error.to_string()))
}

fn one_of(name: &str, value: &Spanned<&str>, allowed: &[&str]) -> Result<(), Fault> {
    if allowed.contains(&value.node) {
        return Ok(());
    }
    let all = allowed.iter().map(|allowed| format!("`{allowed}`")).collect::<Vec<_>>().join(", ");
    let message = format!("`{}` is no value of `{name}`: expected {all}", value.node);
    let near = nearest(value.node, allowed.iter().copied());
    Err(Fault::value(value.span, message).meant(near))
}
