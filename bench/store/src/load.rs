//! What is sent: bodies built, and packed for each side, before a clock starts.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::mpsc::sync_channel;
use std::thread;

use fastrand::Rng;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use crate::http::put;

/// The zlib format is two bytes, what is packed, and four bytes.
const ZLIB_HEAD: usize = 2;
const ZLIB_TAIL: usize = 4;
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// What values are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// A random walk with two decimals.
    Gauge,
    /// Whole numbers that grow.
    Counter,
    /// One number a series.
    Constant,
    /// A gauge, of a series that has more points than others.
    Long,
    /// Any finite number, bit by bit at random.
    Random,
}

impl Values {
    /// What the names of metrics begin with.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Constant => "constant",
            Self::Long => "long",
            Self::Random => "random",
        }
    }
}

/// Which points there are: of each series one an instant, in the order of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) values: Values,
    /// Ten metrics, ten processors a host.
    pub(crate) series: usize,
    /// Points of each series.
    pub(crate) instants: usize,
    /// The first instant, in seconds since the epoch.
    pub(crate) start: i64,
    /// Seconds between two instants.
    pub(crate) step: i64,
    /// Points in a body; the last one may have fewer.
    pub(crate) body: usize,
}

impl Shape {
    pub(crate) fn points(&self) -> usize {
        self.series * self.instants
    }

    /// The second after the last instant.
    pub(crate) fn end(&self) -> i64 {
        self.start + (self.instants as i64 - 1) * self.step + 1
    }
}

/// Whole requests, for ours and for the peer.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) shape: Shape,
    pub(crate) requests: Vec<[Vec<u8>; 2]>,
}

impl Load {
    /// Builds it with all processors.
    pub(crate) fn build(shape: Shape) -> Self {
        let (texts, waiting) = sync_channel::<(usize, String)>(4);
        let (waiting, packed) = (Mutex::new(waiting), Mutex::new(Vec::new()));
        let packers = thread::available_parallelism().map_or(1, |n| n.get());
        thread::scope(|scope| {
            for _ in 0..packers {
                scope.spawn(|| {
                    loop {
                        let next = waiting.lock().expect("no packer panics").recv();
                        let Ok((number, text)) = next else { break };
                        let both = requests(&text);
                        packed.lock().expect("no packer panics").push((number, both));
                    }
                });
            }
            let mut writer = Writer::new(shape);
            for number in 0..shape.points().div_ceil(shape.body) {
                texts.send((number, writer.body())).expect("packers wait for more");
            }
            drop(texts);
        });
        let mut packed = packed.into_inner().expect("no packer panics");
        packed.sort_unstable_by_key(|(number, _)| *number);
        Self { shape, requests: packed.into_iter().map(|(_, both)| both).collect() }
    }
}

/// A body as both sides take it: VictoriaMetrics refuses the zlib format, so it gets gzip, with the
/// same packed bytes in it.
fn requests(text: &str) -> [Vec<u8>; 2] {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(text.as_bytes()).expect("memory takes all");
    let zlib = zlib.finish().expect("memory takes all");
    let mut crc = Crc::new();
    crc.update(text.as_bytes());
    let mut gzip = GZIP_HEAD.to_vec();
    gzip.extend_from_slice(&zlib[ZLIB_HEAD..zlib.len() - ZLIB_TAIL]);
    gzip.extend_from_slice(&crc.sum().to_le_bytes());
    gzip.extend_from_slice(&crc.amount().to_le_bytes());
    [put("Content-Encoding: deflate\r\n", &zlib), put("Content-Encoding: gzip\r\n", &gzip)]
}

/// Writes points one after another.
struct Writer {
    shape: Shape,
    rng: Rng,
    /// The JSON of each series, from its value to the next point's time.
    tags: Vec<String>,
    metrics: Vec<String>,
    /// Whole numbers, or hundredths.
    last: Vec<i64>,
    next: usize,
}

impl Writer {
    fn new(shape: Shape) -> Self {
        let mut rng = Rng::with_seed(shape.series as u64);
        let tags = (0..shape.series).map(|series| {
            let (host, cpu) = host_and_cpu(series);
            format!(
                r#"{{"host":"host{host}","cpu":"{cpu}","rack":"rack{}","region":"region{}"}}"#,
                host % 20,
                host % 3
            )
        });
        Self {
            shape,
            tags: tags.collect(),
            metrics: (0..10).map(|metric| format!("{}_{metric}", shape.values.name())).collect(),
            last: (0..shape.series).map(|_| rng.i64(0..10_000)).collect(),
            rng,
            next: 0,
        }
    }

    fn body(&mut self) -> String {
        let mut text = String::with_capacity(160 * self.shape.body);
        text.push('[');
        let end = (self.next + self.shape.body).min(self.shape.points());
        for number in self.next..end {
            let (instant, series) = (number / self.shape.series, number % self.shape.series);
            let comma = if number == self.next { "" } else { "," };
            let (metric, tags) = (&self.metrics[series % 10], &self.tags[series]);
            let at = self.shape.start + instant as i64 * self.shape.step;
            let last = &mut self.last[series];
            let _ = write!(text, r#"{comma}{{"metric":"{metric}","timestamp":{at},"value":"#);
            let _ = match self.shape.values {
                Values::Gauge | Values::Long => {
                    *last = (*last + self.rng.i64(-100..=100)).abs();
                    write!(text, "{}.{:02}", *last / 100, *last % 100)
                }
                Values::Counter => {
                    *last += self.rng.i64(0..150);
                    write!(text, "{last}")
                }
                Values::Constant => write!(text, "{last}"),
                Values::Random => write!(text, "{:?}", random(series, instant)),
            };
            let _ = write!(text, r#","tags":{tags}}}"#);
        }
        self.next = end;
        text.push(']');
        text
    }
}

/// The numbers in the tags of a series.
pub(crate) fn host_and_cpu(series: usize) -> (usize, usize) {
    (series / 100, series / 10 % 10)
}

/// Any finite number, always the same for a place.
pub(crate) fn random(series: usize, instant: usize) -> f64 {
    let mut rng = Rng::with_seed(((series as u64) << 32) | instant as u64);
    loop {
        let number = f64::from_bits(rng.u64(..));
        if number.is_finite() {
            return number;
        }
    }
}

/// A body of one point, without compression: small ones do not gain by it.
pub(crate) fn one_point(metric: &str, host: usize, at: i64, value: f64) -> Vec<u8> {
    let body = format!(
        r#"[{{"metric":"{metric}","timestamp":{at},"value":{value:?},"tags":{{"host":"host{host}"}}}}]"#
    );
    put("", body.as_bytes())
}
