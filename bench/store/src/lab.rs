//! What several rows need: loads, and data that was sent and tidied up.

use std::cell::{Cell, OnceCell};
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;

use crate::load::{Load, Shape, Values};
use crate::sending::send;
use crate::server::{Server, Side, bytes_in};

const HOUR: i64 = 3600;

/// The folder that all is in, and what was made in it.
#[derive(Debug)]
pub(crate) struct Lab {
    folder: TempDir,
    pub(crate) size: Size,
    /// The hour that is under way, in seconds.
    pub(crate) now: i64,
    next_folder: Cell<usize>,
    gauges: OnceCell<Load>,
    pub(crate) settled_gauges: OnceCell<Result<Settled, String>>,
    settled_counters: OnceCell<Result<Settled, String>>,
}

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) rounds: usize,
    /// Points of each of the ten thousand series.
    pub(crate) instants: usize,
    /// Series of one point.
    pub(crate) wide_series: usize,
    /// Requests of one point.
    pub(crate) small_requests: usize,
    /// Points of a curve's run.
    pub(crate) curve_points: usize,
}

impl Size {
    const FULL: Self = Self {
        rounds: 3,
        instants: 1000,
        wide_series: 1_000_000,
        small_requests: 64_000,
        curve_points: 1_000_000,
    };
    const QUICK: Self = Self {
        rounds: 1,
        instants: 20,
        wide_series: 20_000,
        small_requests: 1_000,
        curve_points: 50_000,
    };
}

/// Data of both sides after their servers have ended.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) folders: [PathBuf; 2],
    /// Bytes of all files.
    pub(crate) bytes: [f64; 2],
    /// Bytes of the peer's files that it could do without.
    pub(crate) peer_cache: f64,
    pub(crate) shape: Shape,
}

impl Lab {
    /// Beside the program, because that is on a disk, and temporary folders need not be.
    pub(crate) fn new(is_quick: bool) -> Self {
        let program = std::env::current_exe().expect("a program has a file");
        let beside = program.parent().expect("a file is in a folder");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        Self {
            folder: tempfile::tempdir_in(beside).expect("its folder can be written to"),
            size: if is_quick { Size::QUICK } else { Size::FULL },
            now: now.as_secs() as i64 / HOUR * HOUR,
            next_folder: Cell::new(0),
            gauges: OnceCell::new(),
            settled_gauges: OnceCell::new(),
            settled_counters: OnceCell::new(),
        }
    }

    /// A folder that nobody else has.
    pub(crate) fn folder(&self) -> PathBuf {
        let number = self.next_folder.replace(self.next_folder.get() + 1);
        self.folder.path().join(number.to_string())
    }

    /// Starts a server over nothing.
    pub(crate) fn server(&self, side: Side) -> Result<Server, String> {
        Server::start(side, &self.folder())
    }

    /// Ten thousand series, a body an instant, ten seconds apart, up to about now.
    pub(crate) fn shape(&self, values: Values) -> Shape {
        let instants = self.size.instants;
        let start = self.now - 3 * HOUR;
        Shape { values, series: 10_000, instants, start, step: 10, body: 10_000 }
    }

    pub(crate) fn gauges(&self) -> &Load {
        self.gauges.get_or_init(|| Load::build(self.shape(Values::Gauge)))
    }

    pub(crate) fn settled_gauges(&self) -> Result<&Settled, String> {
        let made = || {
            let servers = [self.server(Side::Ours)?, self.server(Side::Peer)?];
            for server in &servers {
                send(server, self.gauges(), 2)?;
            }
            self.settle_gauges(servers)
        };
        self.settled_gauges.get_or_init(made).as_ref().map_err(Clone::clone)
    }

    /// Adds a series of ten thousand points to servers that have the gauges.
    pub(crate) fn settle_gauges(&self, servers: [Server; 2]) -> Result<Settled, String> {
        let long = Load::build(self.long());
        for server in &servers {
            send(server, &long, 1)?;
        }
        Settled::of(self.gauges().shape, servers)
    }

    /// One series of ten thousand points.
    pub(crate) fn long(&self) -> Shape {
        let start = self.now - 30 * HOUR;
        Shape { values: Values::Long, series: 1, instants: 10_000, start, step: 10, body: 10_000 }
    }

    /// Counters three seconds apart, so that all points of a series are in one hour.
    pub(crate) fn settled_counters(&self) -> Result<&Settled, String> {
        let shape = Shape { start: self.now - HOUR, step: 3, ..self.shape(Values::Counter) };
        self.settled_counters.get_or_init(|| self.settled(shape)).as_ref().map_err(Clone::clone)
    }

    /// Sends points to both sides, and lets them tidy up.
    pub(crate) fn settled(&self, shape: Shape) -> Result<Settled, String> {
        let servers = [self.server(Side::Ours)?, self.server(Side::Peer)?];
        let load = Load::build(shape);
        for server in &servers {
            send(server, &load, 2)?;
        }
        Settled::of(shape, servers)
    }
}

impl Settled {
    fn of(shape: Shape, servers: [Server; 2]) -> Result<Self, String> {
        let folders = [0, 1].map(|side: usize| servers[side].data().to_owned());
        for server in servers {
            server.settle()?;
        }
        let bytes = [bytes_in(&folders[0])?, bytes_in(&folders[1])?];
        let peer_cache = bytes_in(&folders[1].join("cache"))?;
        Ok(Self { folders, bytes, peer_cache, shape })
    }
}

/// Ends a server, and lets go of the disk it needed.
pub(crate) fn remove(server: Server) {
    let folder = server.data().to_owned();
    drop(server);
    let _ = fs::remove_dir_all(folder);
}
