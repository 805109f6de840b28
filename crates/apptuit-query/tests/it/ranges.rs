//! What a query must give, told from its text and from the lowest and the highest value of each
//! generated series: outputs and their names, series and their tags, instants, and between which
//! bounds the values lie. Written from the description of the language; shares nothing with the
//! engine.

use std::collections::{BTreeMap, BTreeSet};

use crate::reader::{Argument, Call, Chain, First, Statement};

/// Tags, or the keys of a group.
pub(crate) type Labels = BTreeMap<String, String>;

/// Values of one series: all of them lie between two bounds.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) tags: Labels,
    pub(crate) aggregated: BTreeSet<String>,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Series that all have a point at every instant of a grid.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) series: Vec<Bounds>,
    pub(crate) grid: Grid,
    metrics: BTreeSet<String>,
}

/// Instants in seconds: the first, those a step apart, how many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Grid {
    pub(crate) first: i64,
    pub(crate) step: i64,
    pub(crate) count: i64,
}

impl Grid {
    pub(crate) fn instants(self) -> Vec<i64> {
        (0..self.count).map(|n| self.first + n * self.step).collect()
    }

    /// Buckets of `step`, all of them full, and the points of one.
    fn coarser(self, step: i64) -> (Self, i64) {
        if step <= self.step {
            assert_eq!(self.step % step, 0, "{self:?} by {step}");
            return (self, 1);
        }
        let points = step / self.step;
        let fits = step % self.step == 0 && self.first % step == 0 && self.count % points == 0;
        assert!(fits, "{self:?} by {step}");
        (Self { step, count: self.count / points, ..self }, points)
    }
}

/// What a fetch reads: one series of a metric.
pub(crate) trait World {
    fn raw_grid(&self) -> Grid;
    /// Tags, lowest and highest value of each series; of their changes per second with a rate.
    fn bounds(&self, metric: &str, rate: bool) -> Vec<(Labels, f64, f64)>;
}

#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Frame(Frame),
}

/// The metric that stands in the answer, the name of the output, and its series.
pub(crate) type Expected = (String, String, Frame);

/// The outputs of a query, or the message of the error that it must give.
pub(crate) fn expected(
    statements: &[Statement],
    world: &dyn World,
) -> Result<Vec<Expected>, String> {
    let mut names: BTreeMap<&str, Value> = BTreeMap::new();
    let mut outputs = Vec::new();
    let mut last = None;
    for statement in statements {
        match statement {
            Statement::Assign(name, chain) => {
                let value = evaluate(chain, &names, world)?;
                names.insert(name, value.clone());
                last = Some((name.clone(), value));
            }
            Statement::Bare(chain) => {
                let metric = chain.fetches().first().map(|(fetch, _)| fetch.text(0).to_owned());
                last = Some((metric.expect("a fetch"), evaluate(chain, &names, world)?));
            }
            Statement::Output(wanted) => {
                outputs.extend(wanted.iter().map(|name| (name.clone(), names[&**name].clone())));
            }
        }
    }
    if outputs.is_empty() {
        outputs.extend(last);
    }
    let named = outputs.into_iter().map(|(id, value)| {
        let Value::Frame(mut frame) = value else { panic!("output {id} is a number") };
        let metric = if frame.metrics.len() == 1 { frame.metrics.pop_first() } else { None };
        frame.series.sort_by_key(|series| written(&series.tags));
        (metric.unwrap_or_else(|| id.clone()), id, frame)
    });
    Ok(named.collect())
}

/// The order of series: that of these texts.
fn written(tags: &Labels) -> Vec<String> {
    tags.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

fn evaluate(
    chain: &Chain,
    names: &BTreeMap<&str, Value>,
    world: &dyn World,
) -> Result<Value, String> {
    let mut value = match &chain.first {
        First::Number(number) => Value::Number(*number),
        First::Name(name) => names[&**name].clone(),
        First::Fetch(call) => Value::Frame(fetch(call, world)),
    };
    for call in &chain.methods {
        value = if let ("add" | "sub" | "mult" | "div", Some(Argument::Value(argument))) =
            (call.name.as_str(), call.arguments.first())
        {
            arithmetic(call, value, evaluate(argument, names, world)?)?
        } else {
            let Value::Frame(frame) = value else { panic!("{call:?} of a number") };
            Value::Frame(method(call, frame, world))
        };
    }
    Ok(value)
}

fn fetch(call: &Call, world: &dyn World) -> Frame {
    let metric = call.text(0);
    let of = |(tags, low, high)| Bounds { tags, aggregated: BTreeSet::new(), low, high };
    let rate = call.keyword("rate");
    let mut series: Vec<Bounds> =
        world.bounds(metric, rate.is_some()).into_iter().map(of).collect();
    let grid = world.raw_grid();
    if rate == Some("delta") {
        multiplied(&mut series, grid.step as f64);
    }
    let grid = call.keyword("align").map_or(grid, |align| grid.coarser(seconds(align)).0);
    Frame { series, grid, metrics: BTreeSet::from([metric.to_owned()]) }
}

fn method(call: &Call, mut frame: Frame, world: &dyn World) -> Frame {
    match call.name.as_str() {
        "tag_filter" => {
            let filter = call.text(0);
            frame.series.retain(|series| fits(filter, &series.tags));
        }
        "downsample" => {
            let (grid, points) = frame.grid.coarser(seconds(call.text(0)));
            over_time(&mut frame.series, call.text(1), points);
            frame.grid = grid;
        }
        name if name.starts_with("series_") => {
            over_time(&mut frame.series, &name["series_".len()..], frame.grid.count);
            frame.grid = Grid { count: 1, ..world.raw_grid() };
        }
        name if name.starts_with("top") => {
            frame.series = largest(frame.series, name["top".len()..].parse().expect("a number"));
        }
        reducer => frame.series = grouped(call, reducer, frame.series),
    }
    frame
}

/// Many values of each series become one.
fn over_time(series: &mut [Bounds], reducer: &str, points: i64) {
    match reducer {
        "sum" => multiplied(series, points as f64),
        "count" => {
            for one in series {
                (one.low, one.high) = (points as f64, points as f64);
            }
        }
        "avg" | "min" | "max" | "first" | "last" | "median" => {}
        percentile if percentile.starts_with('p') => {}
        other => panic!("no bounds for {other}"),
    }
}

fn multiplied(series: &mut [Bounds], times: f64) {
    for one in series {
        (one.low, one.high) = (one.low * times, one.high * times);
    }
}

/// `key==value`, where `*` is any value and `|` stands between alternatives.
fn fits(filter: &str, tags: &Labels) -> bool {
    if let Some((key, pattern)) = filter.split_once("=~") {
        assert_eq!(pattern, r"[4-5]\d\d", "the one pattern known here");
        let value = tags.get(key).map_or("", String::as_str);
        return value.len() == 3 && value.starts_with(['4', '5']) && value.parse::<u16>().is_ok();
    }
    let (key, value) = filter.split_once('=').expect("an operator");
    let value = value.trim_start_matches('=');
    let has = tags.get(key);
    has.is_some_and(|has| value == "*" || value.split('|').any(|one| one == has))
}

/// The bounds of the generated series do not overlap, so that the order is that of the lowest.
fn largest(mut series: Vec<Bounds>, k: usize) -> Vec<Bounds> {
    series.sort_by(|a, b| b.low.total_cmp(&a.low));
    for pair in series.windows(2) {
        assert!(pair[0].low > pair[1].high, "{pair:?} overlap");
    }
    series.truncate(k);
    series
}

fn grouped(call: &Call, reducer: &str, series: Vec<Bounds>) -> Vec<Bounds> {
    let keys = |name| -> Option<BTreeSet<&str>> {
        Some(call.keyword(name)?.split(',').map(str::trim).collect())
    };
    let (by, without) = (keys("by"), keys("without"));
    let in_key = |key: &String| match (&by, &without) {
        (Some(by), _) => by.contains(&**key),
        (_, Some(without)) => !without.contains(&**key),
        _ => false,
    };
    let mut groups: BTreeMap<Labels, Vec<Bounds>> = BTreeMap::new();
    for one in series {
        let key = one.tags.clone().into_iter().filter(|(key, _)| in_key(key)).collect();
        groups.entry(key).or_default().push(one);
    }
    groups.into_values().map(|members| reduced(reducer, &members, without.as_ref())).collect()
}

fn reduced(reducer: &str, members: &[Bounds], without: Option<&BTreeSet<&str>>) -> Bounds {
    let mut tags = members[0].tags.clone();
    tags.retain(|key, value| {
        members.iter().all(|member| member.tags.get(key) == Some(value))
            && !without.is_some_and(|keys| keys.contains(&**key))
    });
    let aggregated = members
        .iter()
        .flat_map(|member| member.tags.keys().chain(&member.aggregated).cloned())
        .filter(|key| !tags.contains_key(key))
        .collect();
    let of = |bound: fn(&Bounds) -> f64| {
        let bounds = members.iter().map(bound);
        let count = members.len() as f64;
        match reducer {
            "sum" => bounds.sum(),
            "avg" => bounds.sum::<f64>() / count,
            "max" => bounds.fold(f64::NEG_INFINITY, f64::max),
            "min" => bounds.fold(f64::INFINITY, f64::min),
            "count" => count,
            other => panic!("no bounds for {other}"),
        }
    };
    Bounds { low: of(|bounds| bounds.low), high: of(|bounds| bounds.high), tags, aggregated }
}

fn arithmetic(call: &Call, left: Value, right: Value) -> Result<Value, String> {
    let name = call.name.as_str();
    let empty = |frames: &str, side: &str| {
        Err(format!(
            "Invalid argument value. Expected non-empty {frames} for operation '{name}', \
             got empty {side}."
        ))
    };
    let with_number = |mut frame: Frame, combine: &dyn Fn((f64, f64)) -> (f64, f64)| {
        for series in &mut frame.series {
            (series.low, series.high) = combine((series.low, series.high));
        }
        Value::Frame(frame)
    };
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => Ok(Value::Number(applied(name, a, b))),
        (Value::Frame(frame), Value::Number(_)) if frame.series.is_empty() => {
            empty("Data Frame on LHS", "LHS")
        }
        (Value::Number(_), Value::Frame(frame)) if frame.series.is_empty() => {
            empty("Data Frame on RHS", "RHS")
        }
        (Value::Frame(frame), Value::Number(b)) => {
            Ok(with_number(frame, &|a| corners(name, a, (b, b))))
        }
        (Value::Number(a), Value::Frame(frame)) => {
            Ok(with_number(frame, &|b| corners(name, (a, a), b)))
        }
        (Value::Frame(left), Value::Frame(_)) if left.series.is_empty() => {
            empty("Data Frames", "LHS")
        }
        (Value::Frame(_), Value::Frame(right)) if right.series.is_empty() => {
            empty("Data Frames", "RHS")
        }
        (Value::Frame(left), Value::Frame(right)) => Ok(Value::Frame(matched(call, &left, &right))),
    }
}

fn matched(call: &Call, left: &Frame, right: &Frame) -> Frame {
    assert_eq!(left.grid, right.grid, "{call:?}");
    let list = |name| -> Option<Vec<&str>> {
        Some(call.keyword(name)?.split(',').map(str::trim).collect())
    };
    let (on, ignore) = (list("on"), list("ignore"));
    let kept = |key: &String| match (&on, &ignore) {
        (Some(on), _) => on.contains(&&**key),
        (_, Some(ignore)) => !ignore.contains(&&**key),
        _ => true,
    };
    let keyed = |frame: &Frame| -> BTreeMap<Labels, Bounds> {
        let key = |series: &Bounds| {
            series.tags.clone().into_iter().filter(|(key, _)| kept(key)).collect()
        };
        let keyed: BTreeMap<_, _> =
            frame.series.iter().map(|series| (key(series), series.clone())).collect();
        assert_eq!(keyed.len(), frame.series.len(), "{call:?} matches several");
        keyed
    };
    let rights = keyed(right);
    let pairs = keyed(left).into_iter().filter_map(|(tags, a)| {
        let b = rights.get(&tags)?;
        let (low, high) = corners(&call.name, (a.low, a.high), (b.low, b.high));
        let aggregated = a.aggregated.union(&b.aggregated).filter(|key| !tags.contains_key(*key));
        Some(Bounds { aggregated: aggregated.cloned().collect(), tags, low, high })
    });
    let metrics = left.metrics.union(&right.metrics).cloned().collect();
    Frame { series: pairs.collect(), grid: left.grid, metrics }
}

/// Each of the four operations takes its extremes at the ends of both sides.
fn corners(name: &str, a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    let ends = [(a.0, b.0), (a.0, b.1), (a.1, b.0), (a.1, b.1)];
    let values = ends.map(|(a, b)| applied(name, a, b));
    assert!(values.iter().all(|value| value.is_finite()), "{a:?} {name} {b:?}");
    (
        values.into_iter().fold(f64::INFINITY, f64::min),
        values.into_iter().fold(f64::NEG_INFINITY, f64::max),
    )
}

fn applied(name: &str, a: f64, b: f64) -> f64 {
    match name {
        "add" => a + b,
        "sub" => a - b,
        "mult" => a * b,
        _ => a / b,
    }
}

fn seconds(interval: &str) -> i64 {
    let (digits, unit) = interval.split_at(interval.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => panic!("the unit of {interval}"),
    };
    unit * digits.parse::<i64>().expect("digits")
}
