//! `apptuit demo`: this machine's own metrics, from instruments to a plot.

mod machine;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use apptuit::metrics::Registry;
use apptuit::reporter::RunningReporter;
use apptuit::{Client, QueryResult, Reporter, RetryPolicy, TimeRange};
use apptuit_server::{Server, ServerConfig};
use signal_hook::consts::{SIGINT, SIGTERM};

use self::machine::Machine;
use crate::args::Demo;
use crate::commands::query::plots;
use crate::failure::Failure;
use crate::output::{self, talk};

/// How often the machine is looked at, and reported.
const INTERVAL: Duration = Duration::from_secs(1);

/// Seconds of life before the first query.
const SECONDS: u32 = 10;

/// What is asked. Names have been sanitised on the way: `node.cpu.percent` arrived as
/// `node_cpu_percent`, and a gauge's field is `value`.
const QUERY: &str = "\
cpu = fetch('node_cpu_percent_value').downsample('1s', 'avg').avg(by='host')
total = fetch('node_memory_bytes_value').tag_filter('state==total').downsample('1s', 'avg')
used = fetch('node_memory_bytes_value').tag_filter('state==used').downsample('1s', 'avg')
memory = used.div(total, ignore='state').mult(100)
load = fetch('node_load_value').tag_filter('minutes==1').downsample('1s', 'last')
output(cpu, memory, load)";

/// Runs until Ctrl-C, or once for ten seconds.
pub(crate) fn run(args: &Demo) -> Result<(), Failure> {
    let stop = stop_flag()?;

    let server = step("start the server", start_server(args))?;
    let endpoint = format!("http://{}", server.local_addr());
    talk(format_args!("server    {endpoint}"));
    talk(format_args!("data      {}", args.data.display()));

    let client = step("build the client", client(&endpoint))?;
    let registry = Registry::new();
    let mut machine = step("look at the machine", Machine::watch(&registry))?;
    let reporter = step("start the reporter", report(&registry, &client))?;
    talk(format_args!("watching  this machine, every second, for {SECONDS} seconds …"));

    let whole = tick(&stop, SECONDS, || machine.look());
    if whole {
        // The points of this last second are in only once it has been reported.
        step("report the metrics", reporter.report_now())?;
        let range = TimeRange::last(Duration::from_secs(SECONDS.into()));
        let result = step("query the metrics", client.query(QUERY, range))?;
        step("find the metrics in the answer", check(&result))?;
        let text = format!("\n{}{}", output::table(&result), plots(&result));
        output::print(&text)?;
    }
    if whole && !args.once {
        talk(format_args!("\nopen {endpoint} in a browser; the metrics go on until Ctrl-C"));
        tick(&stop, u32::MAX, || machine.look());
    }

    step("stop the reporter", reporter.stop())?;
    step("stop the server", server.stop())?;
    talk(format_args!("stopped; `apptuit serve --data {}` shows it again", args.data.display()));
    Ok(())
}

/// Names the step that failed.
fn step<T, E: std::fmt::Display>(name: &str, result: Result<T, E>) -> Result<T, Failure> {
    result.map_err(|error| Failure::new(format_args!("could not {name}: {error}")))
}

fn start_server(args: &Demo) -> Result<apptuit_server::RunningServer, apptuit_server::ServerError> {
    let config = ServerConfig {
        listen: args.listen,
        data_dir: args.data.clone(),
        ..ServerConfig::default()
    };
    Ok(Server::bind(config)?.start())
}

fn client(endpoint: &str) -> apptuit::Result<Client> {
    Client::builder()
        .endpoint(endpoint)
        .token("demo")
        .ignore_environment()
        .retry(RetryPolicy::exponential(2))
        .build()
}

fn report(registry: &Registry, client: &Client) -> apptuit::Result<RunningReporter> {
    Reporter::builder(registry.clone(), client.clone()).interval(INTERVAL).build().start()
}

/// Every output of the query has a series with points.
fn check(result: &QueryResult) -> Result<(), String> {
    for id in ["cpu", "memory", "load"] {
        let series = result.get(id).map_or(&[][..], |output| output.series());
        if !series.iter().any(|series| !series.is_empty()) {
            return Err(format!("`{id}` has no points"));
        }
    }
    Ok(())
}

/// Calls `each` once a second, `seconds` times; `false` if it was told to stop before the end.
fn tick(stop: &AtomicBool, seconds: u32, mut each: impl FnMut()) -> bool {
    const LOOKS: u32 = 20;
    for _ in 0..seconds {
        each();
        for _ in 0..LOOKS {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            thread::sleep(INTERVAL / LOOKS);
        }
    }
    true
}

/// Set by Ctrl-C and by SIGTERM.
fn stop_flag() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        step("listen to signals", signal_hook::flag::register(signal, Arc::clone(&stop)))?;
    }
    Ok(stop)
}
