//! The flags of the command, with their help.

use std::net::SocketAddr;
use std::path::PathBuf;

use apptuit_model::Step;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Send, keep, query and look at time series.
#[derive(Debug, Parser)]
#[command(name = "apptuit", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: the HTTP API and the page over a durable store
    Serve(Box<Serve>),
    /// Send points: one JSON object or array a line, from files or standard input
    Send(Send),
    /// Ask a server, and print a table, CSV, JSON or a plot
    Query(Query),
    /// Look at, check or send what reporters could not deliver and keep on disk
    Spool(Spool),
    /// Look after the file of a store: check, compact, export, import, delete, back up
    #[command(subcommand)]
    Store(Store),
    /// Watch this machine: server, reporter, query, plot and page in one go
    Demo(Demo),
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4242")]
    pub(crate) listen: SocketAddr,
    /// Directory of the data, made if missing
    #[arg(long, value_name = "DIR", default_value = "apptuit-data")]
    pub(crate) data: PathBuf,
    /// File of accepted tokens: a token and its tenant a line; without it every caller is accepted
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens: Option<PathBuf>,
    /// Listen beyond this machine without tokens
    #[arg(long, conflicts_with = "tokens")]
    pub(crate) allow_anonymous: bool,
    /// Certificate chain, PEM; with --tls-key the server speaks https
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Time for which points are kept [default: for ever]
    #[arg(long, value_name = "STEP")]
    pub(crate) retention: Option<Step>,
    /// Bytes of a tenant's database above which its oldest points go [default: no limit]
    #[arg(long, value_name = "BYTES")]
    pub(crate) retention_bytes: Option<u64>,
    #[command(flatten)]
    pub(crate) limits: Limits,
}

/// Limits of the server; what is not given keeps its default, which `ServerConfig` tells.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// Bytes of one body as it arrives [default: 256 MiB]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_body_bytes: Option<usize>,
    /// Bytes of one body once it is unpacked [default: 1 GiB]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_inflated_bytes: Option<usize>,
    /// Points in one body [default: 2000000]
    #[arg(long, value_name = "N")]
    pub(crate) max_points: Option<usize>,
    /// Bytes of all bodies that arrive or wait, together [default: 512 MiB]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_held_bytes: Option<usize>,
    /// Bytes that all bodies being unpacked could need, together [default: 2 GiB]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_inflating_bytes: Option<usize>,
    /// Series one tenant may have [default: 10000000]
    #[arg(long, value_name = "N")]
    pub(crate) max_series: Option<usize>,
    /// Series one query may touch [default: 10000]
    #[arg(long, value_name = "N")]
    pub(crate) max_query_series: Option<usize>,
    /// Points one query may touch [default: 10000000]
    #[arg(long, value_name = "N")]
    pub(crate) max_query_points: Option<usize>,
    /// Bytes the intermediate results of one query may hold [default: 640000000]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_query_bytes: Option<usize>,
    /// Time one query may take [default: 1m]
    #[arg(long, value_name = "STEP")]
    pub(crate) query_timeout: Option<Step>,
    /// Connections at one time [default: 1024]
    #[arg(long, value_name = "N")]
    pub(crate) max_connections: Option<usize>,
    /// Puts that are read and kept at one time [default: 128]
    #[arg(long, value_name = "N")]
    pub(crate) max_concurrent_puts: Option<usize>,
    /// Queries that run at one time [default: 4]
    #[arg(long, value_name = "N")]
    pub(crate) max_concurrent_queries: Option<usize>,
    /// Time a request waits for its turn [default: 10s]
    #[arg(long, value_name = "STEP")]
    pub(crate) max_wait: Option<Step>,
    /// Time for the head of a request, and between two [default: 75s]
    #[arg(long, value_name = "STEP")]
    pub(crate) header_timeout: Option<Step>,
    /// Time a body may pause [default: 30s]
    #[arg(long, value_name = "STEP")]
    pub(crate) body_idle_timeout: Option<Step>,
    /// Time a body may take in all [default: 5m]
    #[arg(long, value_name = "STEP")]
    pub(crate) body_timeout: Option<Step>,
    /// Time that requests have to finish when the server is told to stop [default: 10s]
    #[arg(long, value_name = "STEP")]
    pub(crate) stop_timeout: Option<Step>,
}

/// Which server, and who asks.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The server
    #[arg(
        long,
        value_name = "URL",
        env = "APPTUIT_API_ENDPOINT",
        default_value = "http://127.0.0.1:4242"
    )]
    pub(crate) endpoint: String,
    /// File that holds the token; else the variable `APPTUIT_API_TOKEN` is read
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Tries after the first, if the server cannot be reached or fails; pauses grow up to 30 s
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retries: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// Files of points; `-` or none is standard input
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// A tag for every point that lacks it; may be repeated
    #[arg(long = "tag", value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) tags: Vec<(String, String)>,
    /// How names are cleaned
    #[arg(long, value_enum, default_value_t = Sanitize::Prometheus)]
    pub(crate) sanitize: Sanitize,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// The rule that cleans metric names and tag keys.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Sanitize {
    /// ASCII letters, digits and `_`
    Prometheus,
    /// Letters and numbers of any script, and `- _ . /`
    Apptuit,
    /// Change nothing, check instead
    Off,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Query {
    /// The query, such as `fetch('node.cpu').downsample('1m', 'avg')`; `-` or none is standard
    /// input
    #[arg(value_name = "QUERY")]
    pub(crate) text: Option<String>,
    /// The time up to now: 30s, 15m, 1h, 7d …
    #[arg(long, value_name = "STEP", default_value = "1h", conflicts_with_all = ["start", "end"])]
    pub(crate) last: Step,
    /// First instant: seconds since the epoch, or `2026-01-31T12:00:00Z`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) start: Option<String>,
    /// Last instant, like --start; now if left out
    #[arg(long, value_name = "TIME", requires = "start", allow_hyphen_values = true)]
    pub(crate) end: Option<String>,
    /// What is printed: the answer as `table`, `csv` or `json`; or, without a word, the query
    /// itself, laid out, and no server is asked
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "table",
        num_args = 0..=1,
        default_missing_value = "query",
        value_parser = format_or_text
    )]
    pub(crate) format: FormatOrText,
    /// Draw the series in the terminal instead
    #[arg(long, conflicts_with = "format")]
    pub(crate) plot: bool,
    /// Check the query without asking a server
    #[arg(long, conflicts_with_all = ["format", "plot"])]
    pub(crate) check: bool,
    /// With --check: standard input has a query a line, as `{"id": …, "query": "…"}`, and each
    /// gets a verdict
    #[arg(long, requires = "check")]
    pub(crate) jsonl: bool,
    /// A variable of a dashboard: `$NAME` and `[[NAME]]` in the query become the value; may be
    /// repeated
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = variable)]
    pub(crate) variables: Vec<(String, String)>,
    /// Print what the server would do for the query instead of the answer
    #[arg(long, conflicts_with_all = ["format", "plot", "check"])]
    pub(crate) explain: bool,
    #[command(flatten)]
    pub(crate) target: Target,
}

/// What a query prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Columns for the eye
    Table,
    /// Comma-separated values, one column a series
    Csv,
    /// One JSON object a series
    Json,
    /// The query itself, laid out
    Query,
}

/// The word after `--format`; without one it may be the query that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FormatOrText {
    Format(Format),
    Text(String),
}

fn format_or_text(text: &str) -> Result<FormatOrText, String> {
    Ok(FormatOrText::Format(match text {
        "table" => Format::Table,
        "csv" => Format::Csv,
        "json" => Format::Json,
        "query" => Format::Query,
        // No format has one of these, and a query without them asks for nothing.
        _ if text == "-" || text.contains(['(', '=']) => {
            return Ok(FormatOrText::Text(text.to_owned()));
        }
        _ => return Err("expected `table`, `csv`, `json` or `query`".to_owned()),
    }))
}

fn variable(text: &str) -> Result<(String, String), String> {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    match text.split_once('=') {
        Some((name, value)) if is_name(name) => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, the name of ASCII letters, digits and `_`".to_owned()),
    }
}

/// What can be done to the file of a store.
#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Look for damage in every page, series and point, also while a server writes; the exit code is
    /// 1 if there is any
    Check(StoreFile),
    /// Move all points into chunks, merge small ones, and give free space back to the disk
    Compact(StoreFile),
    /// Write all points to standard output
    Export(Export),
    /// Read points from files or standard input; of an instant that is there the new value holds
    Import(Import),
    /// Remove series with all their points, for good; without --yes only list them
    Delete(Delete),
    /// Copy a store to a new file, also while a server writes to it
    Backup {
        #[command(flatten)]
        store: StoreFile,
        /// The copy; it must not be there yet
        #[arg(value_name = "COPY")]
        copy: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct StoreFile {
    /// The store's file, such as `apptuit-data/default.sqlite`
    #[arg(value_name = "STORE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    #[command(flatten)]
    pub(crate) store: StoreFile,
    /// Which series: a query that only fetches and filters, such as
    /// `fetch('node.cpu').tag_filter('host==web1')`
    #[arg(value_name = "QUERY")]
    pub(crate) query: String,
    /// Remove what would only be listed
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) store: StoreFile,
    /// How points are written
    #[arg(long, value_enum, default_value_t = PointFormat::Jsonl)]
    pub(crate) format: PointFormat,
    /// Only this metric; may be repeated
    #[arg(long = "metric", value_name = "METRIC")]
    pub(crate) metrics: Vec<String>,
    /// First instant: seconds since the epoch, or `2026-01-31T12:00:00Z`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) start: Option<String>,
    /// Last instant, like --start
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) end: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The store's file, such as `apptuit-data/default.sqlite`; made if it is missing
    #[arg(value_name = "STORE")]
    pub(crate) store: PathBuf,
    /// Files of points; `-` or none is standard input
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How points are written
    #[arg(long, value_enum, default_value_t = PointFormat::Jsonl)]
    pub(crate) format: PointFormat,
}

/// How points are written, one a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PointFormat {
    /// JSON objects: metric, tags, timestamp, value, as `apptuit send` takes them
    Jsonl,
    /// Comma-separated values with a header: metric, timestamp, value, and a column a tag
    Csv,
}

#[derive(Debug, Args)]
pub(crate) struct Spool {
    #[command(subcommand)]
    pub(crate) command: SpoolCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SpoolCommand {
    /// List what waits, and what became of every point
    Ls(SpoolLs),
    /// Read every file, and name those that are damaged; nothing is changed
    Verify(SpoolDir),
    /// Send what waits for a server under a token; what processes hold is left to them
    Drain(SpoolDrain),
}

#[derive(Debug, Args)]
pub(crate) struct SpoolDir {
    /// Directory of the spool
    #[arg(value_name = "DIR", env = "APPTUIT_SPOOL_DIR")]
    pub(crate) directory: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SpoolLs {
    #[command(flatten)]
    pub(crate) directory: SpoolDir,
    /// Print one JSON object a drawer
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SpoolDrain {
    #[command(flatten)]
    pub(crate) directory: SpoolDir,
    /// Time it may take
    #[arg(long, value_name = "STEP", default_value = "5m")]
    pub(crate) timeout: Step,
    #[command(flatten)]
    pub(crate) target: Target,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Ten seconds of it, then an exit code
    #[arg(long)]
    pub(crate) once: bool,
    /// Address and port of the server; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Directory of the data, made if missing
    #[arg(long, value_name = "DIR", default_value = "apptuit-demo-data")]
    pub(crate) data: PathBuf,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use apptuit_server::ServerConfig;
    use clap::CommandFactory;

    use super::*;

    fn bytes(n: usize) -> String {
        if n >= 1 << 30 { format!("{} GiB", n >> 30) } else { format!("{} MiB", n >> 20) }
    }

    #[test]
    fn the_help_tells_the_defaults_of_the_server() {
        let config = ServerConfig::default();
        let seconds = |span: std::time::Duration| Some(span.as_secs());
        let step = |text: &str| {
            text.parse::<Step>().ok().map(|step| step.as_millis().unsigned_abs() / 1000)
        };
        let mut serve = Cli::command().find_subcommand("serve").expect("a subcommand").clone();
        let help = serve.render_long_help().to_string();
        let told = |flag: &str| {
            let line = help.lines().skip_while(|line| !line.contains(&format!("--{flag} "))).nth(1);
            let (_, rest) = line.and_then(|l| l.split_once("[default: ")).expect(flag);
            rest.trim_end_matches(']').to_owned()
        };
        for (flag, limit) in [
            ("max-body-bytes", config.max_body_bytes),
            ("max-inflated-bytes", config.max_inflated_bytes),
            ("max-held-bytes", config.max_held_bytes),
            ("max-inflating-bytes", config.max_inflating_bytes),
        ] {
            assert_eq!(told(flag), bytes(limit), "{flag}");
        }
        for (flag, limit) in [
            ("max-points", config.max_points),
            ("max-series", config.max_series),
            ("max-query-series", config.max_query_series),
            ("max-query-points", config.max_query_points),
            ("max-query-bytes", config.max_query_bytes),
            ("max-connections", config.max_connections),
            ("max-concurrent-puts", config.max_concurrent_puts),
            ("max-concurrent-queries", config.max_concurrent_queries),
        ] {
            assert_eq!(told(flag), limit.to_string(), "{flag}");
        }
        for (flag, span) in [
            ("query-timeout", config.query_timeout),
            ("max-wait", config.max_wait),
            ("header-timeout", config.header_timeout),
            ("body-idle-timeout", config.body_idle_timeout),
            ("body-timeout", config.body_timeout),
            ("stop-timeout", config.stop_timeout),
        ] {
            assert_eq!(step(&told(flag)), seconds(span), "{flag}");
        }
    }
}
