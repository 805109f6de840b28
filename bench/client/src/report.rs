//! Reports, and what they cost the program that is reported on.

use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use apptuit::metrics::{Counter, Registry, Timer};
use apptuit::reporter::HostTag;
use apptuit::{Client, Reporter};
use harness::{Effort, Pair, Table, timed};

use crate::loopback::Loopback;

const COUNTERS: usize = 10_000;
const TIMERS: usize = 1000;
const MANY_SERIES: usize = 1_000_000;
const FEW_SERIES: usize = 1000;

/// Units of work between two looks at the clock: about a millisecond.
const UNITS: usize = 1000;

pub(crate) fn rows(table: &mut Table) {
    table.row(
        "C6",
        "a unit of work while 11 000 instruments are reported / alone",
        1.1,
        |effort| beside(effort).map_err(|error| error.to_string()),
    );
    table.row("C8", "a point of a report of 10^6 series / of 10^3", 1.5, |effort| {
        per_point(effort).map_err(|error| error.to_string())
    });
}

fn reporter(registry: &Registry, server: &Loopback) -> apptuit::Result<Reporter> {
    let endpoint = format!("http://{}", server.address);
    let client =
        Client::builder().token("bench").endpoint(endpoint).ignore_environment().build()?;
    let reporter = Reporter::builder(registry.clone(), client).ignore_environment();
    Ok(reporter.host_tag(HostTag::Off).tag("service", "bench").build())
}

/// What a program does between two reports: work of its own, a count and a duration.
struct Program {
    counters: Vec<Counter>,
    timers: Vec<Timer>,
    text: [u8; 256],
    at: usize,
}

impl Program {
    fn work(&mut self) {
        for _ in 0..UNITS {
            self.at = self.at.wrapping_add(1);
            let hash = self.text.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
            });
            self.text[self.at % 256] = black_box(hash) as u8;
            self.counters[self.at % COUNTERS].inc();
            self.timers[self.at % TIMERS].record(Duration::from_nanos(hash % 1_000_000));
        }
    }
}

/// One thread works; on another processor one report follows the other without a pause, or nothing
/// happens.
fn beside(effort: &Effort) -> Result<Pair, Box<dyn Error>> {
    if thread::available_parallelism()?.get() < 2 {
        return Err("a second processor is missing".into());
    }
    let (registry, server) = (Registry::new(), Loopback::start()?);
    let mut program = Program {
        counters: (0..COUNTERS)
            .map(|n| registry.counter(("orders", [("shop", n.to_string())])))
            .collect(),
        timers: (0..TIMERS)
            .map(|n| registry.timer(("latency", [("route", n.to_string())])))
            .collect(),
        text: [7; 256],
        at: 0,
    };
    let reporter = reporter(&registry, &server)?;
    let (reports, begun, over) =
        (AtomicBool::new(false), AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                if reports.load(Ordering::Acquire) {
                    begun.fetch_add(1, Ordering::AcqRel);
                    reporter.report_now().expect("the server takes all");
                    begun.fetch_add(1, Ordering::AcqRel);
                } else {
                    thread::sleep(Duration::from_micros(50));
                }
            }
        });
        let mut side = |wanted: bool| {
            reports.store(wanted, Ordering::Release);
            // Odd while a report is made.
            while (begun.load(Ordering::Acquire) % 2 == 1) != wanted {
                thread::sleep(Duration::from_micros(50));
            }
            timed(|| program.work()).1
        };
        let program_and_reporter = std::cell::RefCell::new(&mut side);
        let pair = effort.turns(
            || (program_and_reporter.borrow_mut())(true),
            || (program_and_reporter.borrow_mut())(false),
        );
        over.store(true, Ordering::Release);
        Ok(pair)
    })
}

/// The same reporter, over a loopback connection to a server that takes everything.
fn per_point(effort: &Effort) -> Result<Pair, Box<dyn Error>> {
    let server = Loopback::start()?;
    let side = |series: usize| -> Result<_, Box<dyn Error>> {
        let registry = Registry::new();
        for n in 0..series {
            registry.counter(("orders", [("customer", format!("c{n}"))])).inc();
        }
        let reporter = reporter(&registry, &server)?;
        // A thousand points, so that a nanosecond a point is not lost.
        let divisor = u32::try_from(series / 1000)?;
        Ok(move || timed(|| reporter.report_now().expect("the server takes all")).1 / divisor)
    };
    let pair = effort.turns(side(MANY_SERIES)?, side(FEW_SERIES)?);
    Ok(Pair { remark: Some("costs are of 1000 points".to_owned()), ..pair })
}
