//! The two servers, as processes of their own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};

use crate::http::Connection;

/// No server takes longer to start, or to tidy up what it holds.
const PATIENCE: Duration = Duration::from_mins(2);

/// A server that works on for longer after its last answer is not waited for.
const REST_PATIENCE: Duration = Duration::from_secs(20);

/// Whose server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Peer,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Ours, Self::Peer];

    /// The program to start.
    fn program(self) -> Result<PathBuf, String> {
        match self {
            Self::Ours => env::var_os("APPTUIT_BIN")
                .map(PathBuf::from)
                .ok_or_else(|| "APPTUIT_BIN does not name the program `apptuit`".to_owned()),
            Self::Peer => env::var_os("PATH")
                .iter()
                .flat_map(env::split_paths)
                .map(|folder| folder.join("victoria-metrics"))
                .find(|program| program.is_file())
                .ok_or_else(|| "the program `victoria-metrics` is missing".to_owned()),
        }
    }

    /// The command that serves, with default settings but where the peer's lose or hide points.
    fn command(self, data: &Path, api: SocketAddr, put: SocketAddr) -> Result<Command, String> {
        // The servers end with the benchmark, however it ends.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]).arg(self.program()?);
        match self {
            Self::Ours => {
                command.args(["serve", "--listen", &api.to_string(), "--data"]).arg(data);
            }
            Self::Peer => {
                command
                    .arg(format!("-storageDataPath={}", data.display()))
                    .arg(format!("-httpListenAddr={api}"))
                    .arg(format!("-opentsdbHTTPListenAddr={put}"))
                    .args(["-retentionPeriod=100y", "-search.latencyOffset=0s"])
                    .args(["-dedup.minScrapeInterval=1ms", "-loggerLevel=ERROR"]);
            }
        }
        Ok(command)
    }
}

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) side: Side,
    child: Child,
    /// Where it is asked.
    pub(crate) api: SocketAddr,
    /// Where points are put.
    pub(crate) put: SocketAddr,
    data: PathBuf,
}

impl Server {
    /// Starts it over the data in a folder, and waits until it says that it is well.
    pub(crate) fn start(side: Side, data: &Path) -> Result<Self, String> {
        let server = Self::spawn(side, data)?;
        server.until(|connection| match connection.get("/health") {
            Ok((200, _)) => Ok(true),
            _ => Ok(false),
        })?;
        Ok(server)
    }

    /// Starts it and waits for nothing.
    pub(crate) fn spawn(side: Side, data: &Path) -> Result<Self, String> {
        let api = free_address()?;
        let put = if side == Side::Peer { free_address()? } else { api };
        let mut command = side.command(data, api, put)?;
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("{side:?} does not start: {error}"))?;
        Ok(Self { side, child, api, put, data: data.to_owned() })
    }

    /// Asks again and again, on a connection that is made anew if it breaks.
    pub(crate) fn until(
        &self,
        mut holds: impl FnMut(&mut Connection) -> Result<bool, String>,
    ) -> Result<(), String> {
        let (start, mut connection) = (Instant::now(), None);
        while start.elapsed() < PATIENCE {
            if connection.is_none() {
                connection = Connection::open(self.api).ok();
            }
            if let Some(open) = &mut connection
                && holds(open)?
            {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Err(format!("{:?} was not ready after {PATIENCE:?}", self.side))
    }

    pub(crate) fn connect(&self) -> Result<Connection, String> {
        Connection::open(self.api).map_err(|error| format!("{:?}: {error}", self.side))
    }

    /// Lets queries see everything that was put. Ours always does.
    pub(crate) fn show_all(&self) -> Result<(), String> {
        match self.side {
            Side::Ours => Ok(()),
            Side::Peer => self.command("/internal/force_flush"),
        }
    }

    /// The processor time all its threads have had.
    pub(crate) fn processor_time(&self) -> Result<Duration, String> {
        let stat = self.proc("stat")?;
        // The second field is the name of the program, which may hold anything.
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<u64>().ok());
        let ticks = ticks(11).zip(ticks(12)).map(|(user, system)| user + system);
        let ticks = ticks.ok_or_else(|| format!("`{stat}` has no times"))?;
        Ok(Duration::from_secs_f64(ticks as f64 / clock_ticks_per_second() as f64))
    }

    /// Waits until it has done what it put off, and gives the processor time that took.
    pub(crate) fn rest(&self) -> Result<Duration, String> {
        let (start, before) = (Instant::now(), self.processor_time()?);
        let (mut last, mut quiet) = (before, 0);
        while quiet < 5 && start.elapsed() < REST_PATIENCE {
            thread::sleep(Duration::from_millis(100));
            let now = self.processor_time()?;
            // One tick of the clock may be anything.
            quiet = if now - last <= Duration::from_millis(10) { quiet + 1 } else { 0 };
            last = now;
        }
        Ok(last - before)
    }

    /// Its resident memory in bytes.
    pub(crate) fn memory(&self) -> Result<f64, String> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        kilobytes.map(|kilobytes| kilobytes * 1024.0).ok_or_else(|| "there is no VmRSS".to_owned())
    }

    fn proc(&self, file: &str) -> Result<String, String> {
        let file = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&file).map_err(|error| format!("`{file}`: {error}"))
    }

    /// `kill -9`
    pub(crate) fn kill(mut self) -> Result<(), String> {
        self.child.kill().and_then(|()| self.child.wait()).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// Asks it to end, and waits.
    pub(crate) fn stop(mut self) -> Result<(), String> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).expect("a process");
        kill_process(pid, Signal::TERM).map_err(|error| error.to_string())?;
        let status = self.child.wait().map_err(|error| error.to_string())?;
        if status.success() || status.signal().is_some() {
            Ok(())
        } else {
            Err(format!("{:?} ended with {status}", self.side))
        }
    }

    /// Lets it begin to merge what it has. Ours does that by itself.
    pub(crate) fn merge(&self) -> Result<(), String> {
        match self.side {
            Side::Ours => Ok(()),
            Side::Peer => self.command("/internal/force_merge"),
        }
    }

    /// Stops it with its files as small as it makes them.
    pub(crate) fn settle(self) -> Result<(), String> {
        match self.side {
            Side::Ours => {
                let file = self.data.join("default.sqlite");
                self.stop()?;
                let program = Side::Ours.program()?;
                let compacted = Command::new(program).args(["store", "compact"]).arg(file).output();
                let compacted = compacted.map_err(|error| error.to_string())?;
                let told = String::from_utf8_lossy(&compacted.stderr);
                compacted.status.success().then_some(()).ok_or_else(|| told.into_owned())
            }
            Side::Peer => {
                self.show_all()?;
                self.merge()?;
                // Merging begins a moment after the answer.
                let mut quiet_since = Instant::now();
                self.until(|connection| {
                    thread::sleep(Duration::from_millis(50));
                    let (_, told) = connection.get("/metrics").map_err(|e| e.to_string())?;
                    let told = String::from_utf8_lossy(told);
                    let busy = told.lines().any(|line| {
                        (line.starts_with("vm_active_merges")
                            || line.starts_with("vm_active_force_merges"))
                            && !line.ends_with(" 0")
                    });
                    if busy {
                        quiet_since = Instant::now();
                    }
                    Ok(quiet_since.elapsed() > Duration::from_secs(1))
                })?;
                self.stop()
            }
        }
    }

    fn command(&self, path: &str) -> Result<(), String> {
        match self.connect()?.get(path) {
            Ok((200, _)) => Ok(()),
            other => Err(format!("`{path}` was answered with {other:?}")),
        }
    }

    pub(crate) fn data(&self) -> &Path {
        &self.data
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bytes of all files in a folder, those of the peer's `cache` among them, which it writes when it is
/// stopped.
pub(crate) fn bytes_in(folder: &Path) -> Result<f64, String> {
    let read = |folder: &Path| -> std::io::Result<f64> {
        let mut bytes = 0.0;
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else {
                    bytes += entry.metadata()?.len() as f64;
                }
            }
        }
        Ok(bytes)
    };
    read(folder).map_err(|error| format!("`{}`: {error}", folder.display()))
}

fn free_address() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|listener| listener.local_addr()).map_err(|error| error.to_string())
}
