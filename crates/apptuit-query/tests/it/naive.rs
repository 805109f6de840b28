//! The language once more, written from its specification: plain loops over vectors of points.
//!
//! Nothing here is shared with the engine but the names of tags and metrics, and nothing is fast.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Milliseconds and a value.
pub(crate) type Point = (i64, f64);

pub(crate) type Labels = BTreeMap<String, String>;

/// A series as it is kept, or as a frame has it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) metrics: BTreeSet<String>,
    pub(crate) tags: Labels,
    pub(crate) aggregated: BTreeSet<String>,
    pub(crate) points: Vec<Point>,
}

/// A value of the language.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Number(f64),
    Frame(Vec<Line>),
}

/// An expression; `Display` writes it in the language.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Number(f64),
    /// The statement of that place, of those before.
    Name(usize),
    Fetch {
        metric: &'static str,
        rate: Option<(&'static str, bool)>,
        align: Option<i64>,
    },
    Filter(Box<Self>, &'static str, &'static str, &'static str),
    Downsample(Box<Self>, i64, &'static str),
    Aggregate(Box<Self>, &'static str, Keys),
    Collapse(Box<Self>, &'static str),
    Top(Box<Self>, usize),
    Arithmetic(Box<Self>, &'static str, Box<Self>, Keys),
}

/// A list of tags, as `by=` or `on=` (named), or as `without=` or `ignore=` (all others).
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    None,
    Named(Vec<&'static str>),
    Others(Vec<&'static str>),
}

/// What is kept, and the range that is asked for.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) kept: Vec<Line>,
    pub(crate) start: i64,
    pub(crate) end: i64,
}

impl World {
    /// The values of all statements, or the type of the first error.
    pub(crate) fn run(&self, program: &[Expr]) -> Result<Vec<Value>, &'static str> {
        let mut values = Vec::new();
        for statement in program {
            let value = self.value(statement, &values)?;
            values.push(value);
        }
        Ok(values)
    }

    fn value(&self, expr: &Expr, names: &[Value]) -> Result<Value, &'static str> {
        let frame = |expr: &Expr| -> Result<Vec<Line>, &'static str> {
            match self.value(expr, names)? {
                Value::Frame(lines) => Ok(lines),
                Value::Number(_) => panic!("{expr} is no frame"),
            }
        };
        Ok(Value::Frame(match expr {
            Expr::Number(number) => return Ok(Value::Number(*number)),
            Expr::Name(at) => return Ok(names[*at].clone()),
            Expr::Fetch { metric, rate, align } => self.fetch(metric, *rate, *align)?,
            Expr::Filter(input, key, op, value) => {
                let keep = |line: &Line| holds(line.tags.get(*key), op, value);
                frame(input)?.into_iter().filter(keep).collect()
            }
            Expr::Downsample(input, step, function) => {
                self.downsampled(frame(input)?, *step, function)
            }
            Expr::Aggregate(input, function, keys) => aggregate(frame(input)?, function, keys),
            Expr::Collapse(input, function) => self.collapsed(frame(input)?, function),
            Expr::Top(input, k) => top(frame(input)?, *k),
            Expr::Arithmetic(left, op, right, keys) => {
                let (left, right) = (self.value(left, names)?, self.value(right, names)?);
                return arithmetic(left, op, right, keys);
            }
        }))
    }

    pub(crate) fn downsampled(&self, frame: Vec<Line>, step: i64, function: &str) -> Vec<Line> {
        each(frame, |points| {
            let mut buckets: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            for (at, value) in points {
                buckets.entry(at - at.rem_euclid(step)).or_default().push(*value);
            }
            let inside = buckets.into_iter().filter(|(bucket, _)| *bucket >= self.start);
            inside.map(|(bucket, values)| (bucket, reduce(function, &values))).collect()
        })
    }

    pub(crate) fn collapsed(&self, frame: Vec<Line>, function: &str) -> Vec<Line> {
        each(frame, |points| {
            let values: Vec<f64> = points.iter().map(|point| point.1).collect();
            if values.is_empty() {
                return Vec::new();
            }
            vec![(self.start, reduce(function, &values))]
        })
    }

    pub(crate) fn aligned(&self, frame: Vec<Line>, step: i64) -> Vec<Line> {
        each(frame, |points| {
            let mut moved = BTreeMap::new();
            for (at, value) in points {
                moved.insert(at - at.rem_euclid(step), *value);
            }
            moved.into_iter().filter(|point| point.0 >= self.start).collect()
        })
    }

    /// The series of a metric as they are kept.
    pub(crate) fn untouched(&self, metric: &str) -> Result<Vec<Line>, &'static str> {
        let of_metric = self.kept.iter().filter(|line| line.metrics.contains(metric));
        let of_metric: Vec<Line> = of_metric.cloned().collect();
        match of_metric.as_slice() {
            [] => Err("ERROR_FETCHING_FROM_DATASOURCE"),
            _ => Ok(of_metric),
        }
    }

    pub(crate) fn fetch(
        &self,
        metric: &str,
        rate: Option<(&str, bool)>,
        align: Option<i64>,
    ) -> Result<Vec<Line>, &'static str> {
        let mut frame = Vec::new();
        for line in self.untouched(metric)? {
            let mut real = line.points.iter().copied().filter(|point| point.1.is_finite());
            let inside = |at: i64| self.start <= at && at <= self.end;
            let mut points: Vec<Point> = real.clone().filter(|point| inside(point.0)).collect();
            if points.is_empty() {
                continue;
            }
            if let Some((mode, drop_resets)) = rate {
                // One earlier point at most, the latest, and at most an hour back.
                let earlier = |at: i64| at < self.start && at >= self.start - 3_600_000;
                let base = real.rfind(|point| earlier(point.0));
                let with_base: Vec<Point> = base.into_iter().chain(points).collect();
                points = with_base
                    .windows(2)
                    .filter_map(|pair| Some((pair[1].0, change(mode, drop_resets, pair)?)))
                    .filter(|point| point.1.is_finite())
                    .collect();
            }
            frame.push(Line { points, ..line.clone() });
        }
        let frame = align.map_or(frame.clone(), |step| self.aligned(frame, step));
        Ok(sorted(frame))
    }
}

fn change(mode: &str, drop_resets: bool, pair: &[Point]) -> Option<f64> {
    let difference = pair[1].1 - pair[0].1;
    let seconds = (pair[1].0 - pair[0].0) as f64 / 1000.0;
    match mode {
        "true" => Some(difference / seconds),
        "counter" if difference >= 0.0 => Some(difference / seconds),
        "counter" if drop_resets => None,
        "counter" => Some((9_223_372_036_854_775_807.0 - pair[0].1 + pair[1].1) / seconds),
        "delta" if drop_resets && difference < 0.0 => None,
        "delta" => Some(difference),
        _ => panic!("{mode}"),
    }
}

/// Whether a tag's value passes; no regular expressions but two, by hand.
fn holds(have: Option<&String>, op: &str, value: &str) -> bool {
    match op {
        "!=" => !holds(have, "==", value),
        "!~" => !holds(have, "=~", value),
        "=~" => match (have.map_or("", String::as_str), value) {
            (have, "[ab]") => have == "a" || have == "b",
            (_, ".*") => true,
            (have, ".+") => !have.is_empty(),
            _ => panic!("{value}"),
        },
        "=" | "==" => match have {
            None => value.is_empty(),
            Some(have) => have == value || value == "*" || value.split('|').any(|one| one == have),
        },
        _ => panic!("{op}"),
    }
}

fn each(frame: Vec<Line>, change: impl Fn(&[Point]) -> Vec<Point>) -> Vec<Line> {
    let changed = |line: Line| {
        let mut points = change(&line.points);
        points.retain(|point| point.1.is_finite());
        Line { points, ..line }
    };
    frame.into_iter().map(changed).collect()
}

fn reduce(function: &str, values: &[f64]) -> f64 {
    let (count, sum) = (values.len() as f64, values.iter().copied().reduce(|a, b| a + b));
    let sum = sum.expect("a value");
    let variance = || {
        let mean = sum / count;
        values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count
    };
    match function {
        "sum" => sum,
        "avg" => sum / count,
        "count" => count,
        "min" => values.iter().copied().fold(f64::INFINITY, f64::min),
        "max" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "first" => values[0],
        "last" => values[values.len() - 1],
        "stdvar" => variance(),
        "stddev" | "dev" => variance().sqrt(),
        "median" | "p50" => percentile(500, values),
        "p95" => percentile(950, values),
        "p999" => percentile(999, values),
        _ => panic!("{function}"),
    }
}

/// The position is exact in thousandths.
fn percentile(thousandths: usize, values: &[f64]) -> f64 {
    let mut x = values.to_vec();
    x.sort_by(f64::total_cmp);
    let (n, position) = (x.len(), thousandths * (x.len() + 1));
    if position < 1000 {
        return x[0];
    }
    if position >= n * 1000 {
        return x[n - 1];
    }
    let below = position / 1000;
    x[below - 1] + (position % 1000) as f64 / 1000.0 * (x[below] - x[below - 1])
}

fn kept_by(tags: &Labels, keys: &Keys) -> Labels {
    let keep = |key: &str| match keys {
        Keys::None => panic!("there is no list"),
        Keys::Named(named) => named.contains(&key),
        Keys::Others(listed) => !listed.contains(&key),
    };
    tags.iter().filter(|(key, _)| keep(key)).map(|(k, v)| (k.clone(), v.clone())).collect()
}

pub(crate) fn aggregate(frame: Vec<Line>, function: &str, keys: &Keys) -> Vec<Line> {
    let mut groups: BTreeMap<Labels, Vec<Line>> = BTreeMap::new();
    for line in frame {
        let key = match keys {
            Keys::None => Labels::new(),
            _ => kept_by(&line.tags, keys),
        };
        groups.entry(key).or_default().push(line);
    }
    let one = |members: Vec<Line>| {
        let mut tags = members[0].tags.clone();
        tags.retain(|key, value| members.iter().all(|line| line.tags.get(key) == Some(value)));
        if matches!(keys, Keys::Others(_)) {
            tags = kept_by(&tags, keys);
        }
        let mut aggregated = BTreeSet::new();
        let mut at_instants: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for line in &members {
            aggregated.extend(line.tags.keys().chain(&line.aggregated).cloned());
            for (at, value) in &line.points {
                at_instants.entry(*at).or_default().push(*value);
            }
        }
        aggregated.retain(|key| !tags.contains_key(key));
        let points = at_instants.into_iter().map(|(at, values)| (at, reduce(function, &values)));
        let points = points.filter(|point| point.1.is_finite()).collect();
        let metrics = members.iter().flat_map(|line| line.metrics.clone()).collect();
        Line { metrics, tags, aggregated, points }
    };
    sorted(groups.into_values().map(one).collect())
}

fn top(frame: Vec<Line>, k: usize) -> Vec<Line> {
    let instants: BTreeSet<i64> =
        frame.iter().flat_map(|line| line.points.iter().map(|point| point.0)).collect();
    let mut kept: Vec<Vec<Point>> = vec![Vec::new(); frame.len()];
    for instant in instants {
        let mut there: Vec<(f64, usize)> = Vec::new();
        for (n, line) in frame.iter().enumerate() {
            there.extend(line.points.iter().filter(|p| p.0 == instant).map(|p| (p.1, n)));
        }
        there.sort_by(|a, b| b.0.partial_cmp(&a.0).expect("finite").then(a.1.cmp(&b.1)));
        for (value, n) in there.into_iter().take(k) {
            kept[n].push((instant, value));
        }
    }
    let lines = frame.into_iter().zip(kept).filter(|(_, points)| !points.is_empty());
    lines.map(|(line, points)| Line { points, ..line }).collect()
}

fn arithmetic(left: Value, op: &str, right: Value, keys: &Keys) -> Result<Value, &'static str> {
    let apply = |a: f64, b: f64| match op {
        "add" => a + b,
        "sub" => a - b,
        "mult" => a * b,
        "div" => a / b,
        _ => panic!("{op}"),
    };
    let number = |points: &[Point], apply: &dyn Fn(f64) -> f64| {
        points.iter().map(|point| (point.0, apply(point.1))).collect::<Vec<_>>()
    };
    let refused = "ERROR_INVALID_FUNCTION_ARGUMENT_VALUE";
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => Ok(Value::Number(apply(a, b))),
        (Value::Frame(frame), Value::Number(_)) | (Value::Number(_), Value::Frame(frame))
            if frame.is_empty() =>
        {
            Err(refused)
        }
        (Value::Frame(frame), Value::Number(b)) => {
            Ok(Value::Frame(each(frame, |points| number(points, &|a| apply(a, b)))))
        }
        (Value::Number(a), Value::Frame(frame)) => {
            Ok(Value::Frame(each(frame, |points| number(points, &|b| apply(a, b)))))
        }
        (Value::Frame(lefts), Value::Frame(rights)) => {
            let key = |line: &Line| match keys {
                Keys::None => line.tags.clone(),
                _ => kept_by(&line.tags, keys),
            };
            let twice =
                |frame: &[Line]| frame.iter().map(key).collect::<BTreeSet<_>>().len() < frame.len();
            if lefts.is_empty() || rights.is_empty() || twice(&lefts) || twice(&rights) {
                return Err(refused);
            }
            let mut frame = Vec::new();
            for left in &lefts {
                for right in rights.iter().filter(|right| key(right) == key(left)) {
                    let tags = key(left);
                    let mut aggregated = &left.aggregated | &right.aggregated;
                    aggregated.retain(|key| !tags.contains_key(key));
                    let both = left.points.iter().flat_map(|a| {
                        let same = right.points.iter().filter(move |b| b.0 == a.0);
                        same.map(|b| (a.0, apply(a.1, b.1)))
                    });
                    let points = both.filter(|point| point.1.is_finite()).collect();
                    let metrics = &left.metrics | &right.metrics;
                    frame.push(Line { metrics, tags, aggregated, points });
                }
            }
            Ok(Value::Frame(sorted(frame)))
        }
    }
}

/// By the lists of `key=value` texts.
pub(crate) fn sorted(mut frame: Vec<Line>) -> Vec<Line> {
    frame.sort_by_key(|line| {
        line.tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
    });
    frame
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number:?}"),
            Self::Name(at) => write!(f, "V{at}"),
            Self::Fetch { metric, rate, align } => {
                write!(f, "fetch('{metric}'")?;
                if let Some((mode, drop)) = rate {
                    write!(f, ", rate='{mode}', dropcounterresets='{drop}'")?;
                }
                align.map_or(Ok(()), |step| write!(f, ", align='{step}ms'"))?;
                f.write_str(")")
            }
            Self::Filter(input, key, op, value) => {
                write!(f, "{input}.tag_filter('{key}{op}{value}')")
            }
            Self::Downsample(input, step, function) => {
                write!(f, "{input}.downsample('{step}ms', '{function}')")
            }
            Self::Aggregate(input, function, keys) => {
                write!(f, "{input}.{function}({})", keys.written("by", "without"))
            }
            Self::Collapse(input, function) => write!(f, "{input}.series_{function}()"),
            Self::Top(input, k) => write!(f, "{input}.top{k}()"),
            Self::Arithmetic(left, op, right, keys) => {
                let keys = keys.written("on", "ignore");
                let comma = if keys.is_empty() { "" } else { ", " };
                write!(f, "{left}.{op}({right}{comma}{keys})")
            }
        }
    }
}

impl Keys {
    fn written(&self, named: &str, others: &str) -> String {
        match self {
            Self::None => String::new(),
            Self::Named(keys) => format!("{named}='{}'", keys.join(",")),
            Self::Others(keys) => format!("{others}='{}'", keys.join(", ")),
        }
    }
}
