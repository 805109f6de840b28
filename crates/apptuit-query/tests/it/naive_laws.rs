//! The engine against the naive evaluator, on random data and random programs.

use std::collections::BTreeSet;

use apptuit_model::{Tags, TimeRange, TimeSeries, Timestamp};
use apptuit_query::{
    Answer, Engine, Limits, MemorySource, OutputSeries, QueryError, SeriesSource, parse,
};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::naive::{Expr, Keys, Line, Value, World, sorted};
use crate::source::{InPieces, Memory, Naive};

const STEPS: [i64; 6] = [1, 700, 5000, 15_000, 60_000, 3_600_000];
const REDUCERS: [&str; 5] = ["sum", "avg", "min", "max", "count"];
const ENDS: [&str; 2] = ["first", "last"];
const PERCENTILES: [&str; 4] = ["median", "p50", "p95", "p999"];

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (-9_i32..10).prop_map(f64::from),
        4 => -1e3..1e3,
        1 => select(vec![0.0, -0.0, 0.1, 1e300, -1e300, f64::MAX, f64::NAN, f64::INFINITY]),
    ]
}

/// Points that mostly keep to a grid, for a while mostly shared by all series.
fn points() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let gap = prop_oneof![
        8 => Just(15_000_i64),
        2 => Just(5000_i64),
        1 => 1_i64..40_000,
        1 => 1_000_000_i64..4_000_000,
    ];
    let start = prop_oneof![Just(0_i64), 0_i64..100_000];
    (start, prop::collection::vec((gap, value()), 0..40)).prop_map(|(mut at, points)| {
        let place = |(gap, value)| {
            at += gap;
            (at, value)
        };
        points.into_iter().map(place).collect()
    })
}

type Tag = Option<&'static str>;

/// Several series of two metrics; their tags overlap, and some have fewer.
fn world() -> impl Strategy<Value = World> {
    let tag = |values: &'static [&'static str]| prop::option::weighted(0.9, select(values));
    let names =
        (select(vec!["m", "m", "n"]), tag(&["a", "b", "c", "d"]), tag(&["0", "1"]), tag(&["x"]));
    let lines = prop::collection::vec((names, points()), 1..16);
    (lines, 0_i64..400_000, prop_oneof![1 => 0_i64..100_000, 4 => 100_000_i64..3_000_000]).prop_map(
        |(lines, start, span)| {
            let mut seen = BTreeSet::new();
            let line = |((metric, host, core, dc), points): ((&str, Tag, Tag, Tag), _)| {
                let tags = [("host", host), ("core", core), ("dc", dc)];
                let tags =
                    tags.into_iter().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned())));
                Line {
                    metrics: BTreeSet::from([metric.to_owned()]),
                    tags: tags.collect(),
                    aggregated: BTreeSet::new(),
                    points,
                }
            };
            let mut kept: Vec<Line> = lines.into_iter().map(line).collect();
            kept.retain(|line| seen.insert((line.metrics.clone(), line.tags.clone())));
            World { kept, start, end: start + span }
        },
    )
}

fn keys() -> impl Strategy<Value = Keys> {
    let some = || prop::sample::subsequence(vec!["core", "dc", "host", "absent"], 1..=3);
    prop_oneof![
        2 => Just(Keys::None),
        2 => some().prop_map(Keys::Named),
        2 => some().prop_map(Keys::Others),
    ]
}

fn fetch() -> impl Strategy<Value = Expr> {
    let rate = prop::option::of((select(vec!["true", "counter", "delta"]), any::<bool>()));
    let align = prop::option::weighted(0.3, select(STEPS.to_vec()));
    (select(vec!["m", "m", "m", "m", "n"]), rate, align)
        .prop_map(|(metric, rate, align)| Expr::Fetch { metric, rate, align })
}

fn filter() -> impl Strategy<Value = (&'static str, &'static str, &'static str)> {
    let plain = (select(vec!["host", "core"]), select(vec!["=", "==", "!="]));
    let plain = (plain, select(vec!["a", "0", "a|b", "*", ""]));
    prop_oneof![
        plain.prop_map(|((key, op), value)| (key, op, value)),
        (select(vec!["=~", "!~"]), select(vec!["[ab]", ".*", ".+"]))
            .prop_map(|(op, value)| ("host", op, value)),
    ]
}

fn downsampling() -> impl Strategy<Value = &'static str> {
    select([&REDUCERS[..], &ENDS, &PERCENTILES].concat())
}

/// A chain that starts from a fetch, or from one of the statements `frames` names.
fn frame(frames: Vec<usize>) -> BoxedStrategy<Expr> {
    let first = if frames.is_empty() {
        fetch().boxed()
    } else {
        prop_oneof![2 => fetch(), 1 => select(frames).prop_map(Expr::Name)].boxed()
    };
    first
        .prop_recursive(5, 12, 2, |inner| {
            let boxed = inner.clone().prop_map(Box::new);
            let number = (-3_i32..4).prop_map(|n| Box::new(Expr::Number(f64::from(n) / 2.0)));
            let operator = select(vec!["add", "sub", "mult", "div"]);
            prop_oneof![
                2 => (boxed.clone(), filter()).prop_map(|(e, (k, op, v))| Expr::Filter(e, k, op, v)),
                4 => (boxed.clone(), select(STEPS.to_vec()), downsampling())
                    .prop_map(|(e, step, f)| Expr::Downsample(e, step, f)),
                4 => (boxed.clone(), select(REDUCERS.to_vec()), keys())
                    .prop_map(|(e, f, keys)| Expr::Aggregate(e, f, keys)),
                1 => (boxed.clone(), select([&REDUCERS[..], &ENDS].concat()))
                    .prop_map(|(e, f)| Expr::Collapse(e, f)),
                1 => (boxed.clone(), 1_usize..4).prop_map(|(e, k)| Expr::Top(e, k)),
                1 => (boxed.clone(), operator.clone(), number.clone(), keys())
                    .prop_map(|(e, op, n, keys)| Expr::Arithmetic(e, op, n, keys)),
                1 => (number, operator.clone(), boxed.clone(), keys())
                    .prop_map(|(n, op, e, keys)| Expr::Arithmetic(n, op, e, keys)),
                1 => (boxed.clone(), operator, boxed, keys())
                    .prop_map(|(a, op, b, keys)| Expr::Arithmetic(a, op, b, keys)),
            ]
        })
        .boxed()
}

/// Up to three statements, later ones made of earlier ones.
fn program() -> impl Strategy<Value = Vec<Expr>> {
    (frame(Vec::new()), frame(vec![0]), frame(vec![0, 1]), 1_usize..=3)
        .prop_map(|(first, second, third, n)| [first, second, third].into_iter().take(n).collect())
}

fn memory(world: &World) -> Memory {
    Memory::of(world.kept.iter().map(|line| {
        let metric = line.metrics.first().expect("one metric").clone();
        let tags: Tags = line.tags.clone().into_iter().collect();
        let points = line.points.iter().map(|(at, value)| (Timestamp::from_millis(*at), *value));
        TimeSeries::from_points((metric, tags), points)
    }))
}

fn range(world: &World) -> TimeRange {
    TimeRange::new(Timestamp::from_millis(world.start), Timestamp::from_millis(world.end))
}

/// `V0 = …; V1 = …; output(V0, V1)`
fn text(program: &[Expr]) -> String {
    let statements = program.iter().enumerate().map(|(n, expr)| format!("V{n} = {expr};\n"));
    let names: Vec<String> = (0..program.len()).map(|n| format!("V{n}")).collect();
    format!("{}output({})", statements.collect::<String>(), names.join(", "))
}

/// The frames as the naive evaluator has them, as an answer would show them.
fn expected(values: Vec<Value>) -> Vec<(String, Vec<Line>)> {
    let named = |(n, value)| match value {
        Value::Number(_) => panic!("a statement is a frame"),
        Value::Frame(mut lines) => {
            lines.retain(|line: &Line| !line.points.is_empty());
            (format!("V{n}"), sorted(lines))
        }
    };
    values.into_iter().enumerate().map(named).collect()
}

fn found(series: &OutputSeries) -> Line {
    let tags = series.series.tags().iter();
    Line {
        metrics: BTreeSet::from([series.series.metric().to_owned()]),
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        aggregated: series.aggregated_tags.iter().cloned().collect(),
        points: series.series.iter().map(|(at, value)| (at.as_millis(), value)).collect(),
    }
}

/// Whether an answer is the expected one; `close` tells whether two values are equal enough.
fn check(
    query: &str,
    world: &World,
    program: &[Expr],
    answer: Result<Answer, QueryError>,
    close: impl Fn(f64, f64) -> bool,
) -> Result<(), TestCaseError> {
    let answer = match (world.run(program), answer) {
        (Err(expected), answer) => {
            let found = answer.err().map(|error| error.error_type());
            prop_assert_eq!(found, Some(expected), "{}", query);
            return Ok(());
        }
        (Ok(values), answer) => {
            let answer =
                answer.map_err(|error| TestCaseError::fail(format!("{query}: {error}")))?;
            (expected(values), answer)
        }
    };
    let (expected, answer) = answer;
    prop_assert_eq!(expected.len(), answer.outputs.len());
    for ((id, lines), output) in expected.into_iter().zip(answer.outputs) {
        prop_assert_eq!(&id, &output.id);
        prop_assert_eq!(lines.len(), output.series.len(), "{} of {}", id, query);
        for (line, series) in lines.into_iter().zip(&output.series) {
            let found = found(series);
            // Of several metrics the name of the output is the metric.
            let one =
                if line.metrics.len() == 1 { line.metrics } else { BTreeSet::from([id.clone()]) };
            prop_assert_eq!(&one, &found.metrics);
            prop_assert_eq!(&line.tags, &found.tags, "{} of {}", id, query);
            prop_assert_eq!(&line.aggregated, &found.aggregated, "{} of {}", id, query);
            let same = line.points.len() == found.points.len()
                && line
                    .points
                    .iter()
                    .zip(&found.points)
                    .all(|(a, b)| a.0 == b.0 && close(a.1, b.1));
            prop_assert!(
                same,
                "{query}\n{id} {:?}\n{:?}\n{:?}",
                line.tags,
                line.points,
                found.points
            );
        }
    }
    Ok(())
}

#[expect(clippy::float_cmp, reason = "the order of additions is part of the language")]
fn exact(a: f64, b: f64) -> bool {
    a == b
}

proptest! {
    #[test]
    fn every_program_gives_what_the_specification_says(
        world in world(),
        program in program(),
        piece in 1_usize..20,
        help in 1_usize..5,
    ) {
        let (query, memory) = (text(&program), memory(&world));
        let helping = MemorySource::from(memory.series.clone()).helping(help);
        let sources: [(&str, &dyn SeriesSource); 4] = [
            ("select", &memory),
            ("in pieces", &InPieces(&memory, piece)),
            ("helping", &helping),
            ("helping in its own way", &Naive(&world, help)),
        ];
        for (name, source) in sources {
            for max_threads in [1, 3] {
                let engine = Engine::new(Limits { max_threads, ..Limits::default() });
                let parsed = parse(&query).map_err(|error| TestCaseError::fail(error.to_string()))?;
                let answer = engine.run(&parsed, range(&world), source);
                let how = format!("{name}, {max_threads} threads: {query}");
                check(&how, &world, &program, answer, exact)?;
            }
        }
    }

    // By themselves and at the end: where another way to the same number differs in its last
    // digits, what is made of it may differ in all.
    #[test]
    fn deviations_are_those_of_two_passes(
        world in world(),
        fetch in fetch(),
        step in select(STEPS.to_vec()),
        function in select(vec!["stddev", "dev", "stdvar"]),
        across in any::<bool>(),
        keys in keys(),
    ) {
        let input = Box::new(fetch);
        let program = [match function {
            "stddev" | "stdvar" if across => Expr::Aggregate(input, function, keys),
            _ => Expr::Downsample(input, step, function),
        }];
        let mut world = world;
        // Squares of what is near the largest number are no numbers.
        world.kept.iter_mut().for_each(|line| line.points.retain(|point| point.1.abs() < 1e9));
        let query = text(&program);
        let answer = memory(&world).run(&query, range(&world));
        let magnitude = world.kept.iter().flat_map(|line| &line.points);
        let magnitude = magnitude.fold(1.0, |most: f64, point| most.max(point.1.abs()));
        // A rate may be a thousand times its counter, and a roll-over is of the order of 2^63.
        let rolls = query.contains("counter") && query.contains("resets='false'");
        let magnitude = if rolls { 9.3e21 } else { magnitude * 2000.0 };
        let power = if function == "stdvar" { 2 } else { 1 };
        let tolerance = 1e-9 * magnitude.powi(power);
        check(&query, &world, &program, answer, |a, b| (a - b).abs() <= tolerance)?;
    }
}

#[test]
fn random_programs_mostly_give_points() {
    let mut runner = TestRunner::deterministic();
    let (mut points, mut errors) = (0, 0);
    for _ in 0..200 {
        let tree = (world(), program()).new_tree(&mut runner).expect("a case");
        let (world, program) = tree.current();
        match world.run(&program).map(expected) {
            Err(_) => errors += 1,
            Ok(outputs) => {
                points += usize::from(outputs.iter().any(|(_, lines)| !lines.is_empty()));
            }
        }
    }
    assert!(points > 60 && errors > 10, "{points} with points, {errors} with errors");
}
