//! Why a server does not start, or did not stop well.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use apptuit_store::StoreError;

/// Why a server does not start, or did not stop well.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerError {
    /// Everyone who can reach the address would be served, and nobody said that this is meant.
    NeedsTokens {
        /// The address.
        address: SocketAddr,
    },
    /// A limit that would let nothing through.
    ZeroLimit {
        /// Its name in the configuration.
        name: &'static str,
    },
    /// The address cannot be listened on.
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be read.
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The folder of the databases cannot be made.
    DataDir {
        /// The folder.
        dir: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A line of a token file is not a token and a tenant. Tokens are not shown.
    Tokens {
        /// The file; `None` if the text did not come from one.
        file: Option<PathBuf>,
        /// The line, from 1; 0 if the whole file is meant.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// A certificate or a key cannot be used.
    Tls {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// The data of a tenant cannot be opened or closed.
    Store {
        /// The tenant.
        tenant: String,
        /// What is wrong.
        source: StoreError,
    },
    /// The system gives no threads, timers or signals.
    Runtime {
        /// What the system says.
        source: io::Error,
    },
    /// The server ended by itself.
    Ended,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedsTokens { address } => write!(
                f,
                "will not listen on `{address}` without tokens, as everyone who reaches it could \
                 read and write: give a token file, listen on a loopback address, or allow \
                 anonymous access"
            ),
            Self::ZeroLimit { name } => write!(f, "`{name}` is 0: expected at least 1"),
            Self::Listen { address, source } => write!(f, "cannot listen on `{address}`: {source}"),
            Self::Read { file, source } => write!(f, "cannot read `{}`: {source}", file.display()),
            Self::DataDir { dir, source } => {
                write!(f, "cannot make the data folder `{}`: {source}", dir.display())
            }
            Self::Tokens { file, line, what } => {
                f.write_str("token file")?;
                if let Some(file) = file {
                    write!(f, " `{}`", file.display())?;
                }
                if *line > 0 {
                    write!(f, ", line {line}")?;
                }
                write!(f, ": {what}")
            }
            Self::Tls { file, what } => write!(f, "`{}` cannot be used: {what}", file.display()),
            Self::Store { tenant, source } => write!(f, "data of tenant `{tenant}`: {source}"),
            Self::Runtime { source } => write!(f, "the system gives no means to serve: {source}"),
            Self::Ended => f.write_str("the server ended by itself"),
        }
    }
}

impl Error for ServerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Listen { source, .. }
            | Self::Read { source, .. }
            | Self::DataDir { source, .. }
            | Self::Runtime { source } => Some(source),
            Self::Store { source, .. } => Some(source),
            _ => None,
        }
    }
}
