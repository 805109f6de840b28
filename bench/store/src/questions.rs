//! What both sides are asked, each in its language, and what they answer.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::http::{Connection, escaped};
use crate::server::Side;

/// The values of each group, by the second in which they are or begin.
pub(crate) type Answer = BTreeMap<String, BTreeMap<i64, f64>>;

/// A question, and how the answer's groups are called.
#[derive(Debug)]
pub(crate) struct Question {
    paths: [String; 2],
    /// The tags whose values tell groups apart; the metric does if there are none.
    tags: &'static [&'static str],
    /// The peer answers with the last instant of a bucket: this many seconds after its first.
    bucket: f64,
}

impl Question {
    /// Every point of a metric's series, told apart by `tags`.
    pub(crate) fn points(
        metric: &str,
        tags: &'static [&'static str],
        start: i64,
        end: i64,
    ) -> Self {
        let ours = ours(&format!("fetch('{metric}')"), start, end);
        let peer = format!(
            "/api/v1/export?match[]={}&start={start}&end={end}",
            escaped(&format!("{{__name__=\"{metric}\"}}"))
        );
        Self { paths: [ours, peer], tags, bucket: 0.0 }
    }

    /// Means of minutes, added up by host.
    pub(crate) fn sum_by_host(metric: &str, start: i64, end: i64) -> Self {
        let text = format!("fetch('{metric}').downsample('1m', 'avg').sum(by='host')");
        let peer = format!("sum(avg_over_time({metric}[1m])) by (host)");
        Self {
            paths: [ours(&text, start, end - 1), buckets(&peer, start, end, 60)],
            tags: &["host"],
            bucket: 60.0,
        }
    }

    /// Means of hours of every series of ten metrics, and their mean by metric.
    pub(crate) fn means_of_hours(metrics: &str, start: i64, end: i64) -> Self {
        let names: Vec<_> = (0..10).map(|metric| format!("{metrics}_{metric}")).collect();
        let line = |name| format!("{name} = fetch('{name}').downsample('1h', 'avg').avg()\n");
        let text: String = names.iter().map(line).collect();
        let outputs: String = names.iter().map(|name| format!("output({name})\n")).collect();
        let peer = format!(
            "avg(avg_over_time({{__name__=~\"{metrics}_.\"}}[1h]) keep_metric_names) by (__name__)"
        );
        Self {
            paths: [ours(&(text + &outputs), start, end - 1), buckets(&peer, start, end, 3600)],
            tags: &[],
            bucket: 3600.0,
        }
    }

    /// Asks, and reads nothing of the answer but its status.
    pub(crate) fn ask<'a>(
        &self,
        side: Side,
        connection: &'a mut Connection,
    ) -> Result<&'a [u8], String> {
        let path = &self.paths[side as usize];
        match connection.get(path) {
            Ok((200, body)) => Ok(body),
            Ok((status, body)) => {
                let body: String = String::from_utf8_lossy(body).chars().take(300).collect();
                Err(format!("{side:?} answered `{path}` with {status}: {body}"))
            }
            Err(error) => Err(format!("{side:?} did not answer `{path}`: {error}")),
        }
    }

    /// Asks, and reads the answer.
    pub(crate) fn answer(&self, side: Side, connection: &mut Connection) -> Result<Answer, String> {
        let body = self.ask(side, connection)?;
        let answer = match side {
            Side::Ours => self.read_ours(body),
            Side::Peer => self.read_peers(body),
        };
        answer.ok_or_else(|| {
            let body: String = String::from_utf8_lossy(body).chars().take(300).collect();
            format!("{side:?} answered what was not expected: {body}")
        })
    }

    fn read_ours(&self, body: &[u8]) -> Option<Answer> {
        let answer: Value = serde_json::from_slice(body).ok()?;
        let mut read = Answer::new();
        for output in answer["outputs"].as_array()? {
            for series in output["result"].as_array()? {
                let group = self.group(&series["tags"], &output["id"])?;
                let points: &mut BTreeMap<_, _> = read.entry(group).or_default();
                for point in series["dps"].as_array()? {
                    points.insert(point[0].as_i64()?, point[1].as_f64()?);
                }
            }
        }
        Some(read)
    }

    fn read_peers(&self, body: &[u8]) -> Option<Answer> {
        let mut read = Answer::new();
        if self.bucket == 0.0 {
            // Lines, of which a series may have several.
            for line in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let series: Value = serde_json::from_slice(line).ok()?;
                let group = self.group(&series["metric"], &series["metric"]["__name__"])?;
                let points: &mut BTreeMap<_, _> = read.entry(group).or_default();
                let (times, values) =
                    (series["timestamps"].as_array()?, series["values"].as_array()?);
                for (time, value) in times.iter().zip(values) {
                    points.insert(time.as_i64()? / 1000, value.as_f64()?);
                }
            }
            return Some(read);
        }
        let answer: Value = serde_json::from_slice(body).ok()?;
        for series in answer["data"]["result"].as_array()? {
            let group = self.group(&series["metric"], &series["metric"]["__name__"])?;
            let points: &mut BTreeMap<_, _> = read.entry(group).or_default();
            for point in series["values"].as_array()? {
                let begin = (point[0].as_f64()? + 0.001 - self.bucket).round();
                points.insert(begin as i64, point[1].as_str()?.parse().ok()?);
            }
        }
        Some(read)
    }

    fn group(&self, tags: &Value, metric: &Value) -> Option<String> {
        if self.tags.is_empty() {
            return metric.as_str().map(str::to_owned);
        }
        let values: Option<Vec<_>> = self.tags.iter().map(|tag| tags[tag].as_str()).collect();
        Some(values?.join(","))
    }
}

fn ours(text: &str, start: i64, end: i64) -> String {
    format!("/api/query?start={start}&end={end}&q={}", escaped(text))
}

/// A bucket of the peer's ends at the instant it is evaluated, and does not hold the one it begins
/// with: the millisecond before the end of ours.
fn buckets(text: &str, start: i64, end: i64, seconds: i64) -> String {
    let first = (start + seconds) as f64 - 0.001;
    let last = (end - 1).div_euclid(seconds) * seconds + seconds;
    let last = last as f64 - 0.001;
    let text = escaped(text);
    format!("/api/v1/query_range?query={text}&start={first}&end={last}&step={seconds}&nocache=1")
}

/// What differs between two answers by more than the peer rounds, in a few words.
pub(crate) fn difference(ours: &Answer, peer: &Answer) -> Option<String> {
    if !ours.keys().eq(peer.keys()) {
        return Some(format!("ours has {} groups, the peer {}", ours.len(), peer.len()));
    }
    for (group, points) in ours {
        let peers = &peer[group];
        if !points.keys().eq(peers.keys()) {
            let counts = (points.len(), peers.len());
            return Some(format!("`{group}`: ours has {} points, the peer {}", counts.0, counts.1));
        }
        for (at, value) in points {
            let other = peers[at];
            if (value - other).abs() > 1e-9 * value.abs().max(other.abs()) {
                return Some(format!("`{group}` at {at}: ours is {value}, the peer's {other}"));
            }
        }
    }
    None
}
