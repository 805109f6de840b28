//! What can be chosen when a server is started.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::TokenFile;
use crate::server_error::ServerError;

const MIB: usize = 1 << 20;

/// Where a server listens, whom it serves, and what a caller may cost.
///
/// # The limits of a body
///
/// A million points in one body pass by default. In JSON a point takes about 100 to 250 bytes, so a
/// million take 100 to 250 MB: less than [`max_body_bytes`](Self::max_body_bytes) (268 MB) even if
/// they come uncompressed, and less than a quarter of
/// [`max_inflated_bytes`](Self::max_inflated_bytes) (1074 MB, which leaves 1 KiB for each of a
/// million points with very many tags). [`max_points`](Self::max_points) is twice a million.
///
/// # Memory
///
/// The bodies of all callers together are bounded twice. While they arrive and wait they take at
/// most [`max_held_bytes`](Self::max_held_bytes). While they are inflated and read they take at most
/// [`max_inflating_bytes`](Self::max_inflating_bytes): a body may start only when what it could
/// inflate to, at the most, is free, which is 1032 times its size (deflate packs no better) or
/// `max_inflated_bytes`, whichever is less. Of that it gives back what its points do not need, once
/// it is read. A query reads at most [`max_query_points`](Self::max_query_points) of 16 bytes, its
/// intermediate results hold at most [`max_query_bytes`](Self::max_query_bytes), and
/// [`max_concurrent_queries`](Self::max_concurrent_queries) run at a time.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// Address and port; port 0 is any free one. `127.0.0.1:4242` by default.
    pub listen: SocketAddr,
    /// Folder of the databases, one a tenant, made if it is missing. `./apptuit-data` by default.
    pub data_dir: PathBuf,
    /// Who is served. Without it, the default, everyone is, as the tenant `default`.
    pub tokens: Option<TokenFile>,
    /// Listen on an address other machines can reach although there are no tokens. Off by default.
    pub allow_anonymous: bool,
    /// Speak `https`. Off by default.
    pub tls: Option<TlsFiles>,
    /// How long points are kept, each tenant's. For ever by default.
    pub retention: Option<Duration>,
    /// The size of a tenant's database above which its oldest points go. Without a limit by default.
    pub retention_bytes: Option<u64>,
    /// Told of what whoever runs the server should see. Nothing by default.
    pub on_trouble: OnTrouble,

    /// Bytes of one body as it arrives. 256 MiB by default.
    pub max_body_bytes: usize,
    /// Bytes of one body once it is inflated. 1 GiB by default.
    pub max_inflated_bytes: usize,
    /// Points in one body. 2 000 000 by default.
    pub max_points: usize,
    /// Bytes of all bodies that arrive or wait, together; at least `max_body_bytes` are allowed.
    /// 512 MiB by default.
    pub max_held_bytes: usize,
    /// Bytes that all bodies being inflated could need, together; at least `max_inflated_bytes`
    /// are allowed. 2 GiB by default.
    pub max_inflating_bytes: usize,
    /// Series one tenant may have; points of others are refused. 10 million by default.
    pub max_series: usize,
    /// Series one query may touch. 10 000 by default.
    pub max_query_series: usize,
    /// Points one query may touch. 10 000 000 by default.
    pub max_query_points: usize,
    /// Bytes that the intermediate results of one query may hold. 640 MB by default.
    pub max_query_bytes: usize,
    /// How long one query may take, once it runs. 60 s by default.
    pub query_timeout: Duration,

    /// Connections at one time; further ones wait in the system's queue. Of one address at most seven
    /// eighths are taken, the next are closed at once. 1024 by default.
    pub max_connections: usize,
    /// Puts that are read and kept at one time. 128 by default: those that wait for the disk
    /// together share one sync.
    pub max_concurrent_puts: usize,
    /// Queries that run at one time. 4 by default.
    pub max_concurrent_queries: usize,
    /// How long a request waits for its turn before it is told to come back later. 10 s by default.
    pub max_wait: Duration,
    /// How long a connection may take to send the head of a request; so long it may also be idle
    /// between two. 75 s by default, longer than the minute between two reports.
    pub header_timeout: Duration,
    /// How long a body may pause, and so long may the other side take nothing of an answer. 30 s by
    /// default.
    pub body_idle_timeout: Duration,
    /// How long a body may take in all, and so long an answer. 5 minutes by default.
    pub body_timeout: Duration,
    /// How long requests under way may take to finish once the server is told to stop. 10 s by
    /// default.
    pub stop_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 4242)),
            data_dir: PathBuf::from("apptuit-data"),
            tokens: None,
            allow_anonymous: false,
            tls: None,
            retention: None,
            retention_bytes: None,
            on_trouble: OnTrouble::default(),
            max_body_bytes: 256 * MIB,
            max_inflated_bytes: 1024 * MIB,
            max_points: 2_000_000,
            max_held_bytes: 512 * MIB,
            max_inflating_bytes: 2048 * MIB,
            max_series: 10_000_000,
            max_query_series: 10_000,
            max_query_points: 10_000_000,
            max_query_bytes: 640_000_000,
            query_timeout: Duration::from_mins(1),
            max_connections: 1024,
            max_concurrent_puts: 128,
            max_concurrent_queries: 4,
            max_wait: Duration::from_secs(10),
            header_timeout: Duration::from_secs(75),
            body_idle_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_mins(5),
            stop_timeout: Duration::from_secs(10),
        }
    }
}

impl ServerConfig {
    /// Refuses what could not work, or would not be safe.
    pub(crate) fn check(&self) -> Result<(), ServerError> {
        let address = self.listen;
        let local = address.ip().to_canonical().is_loopback();
        if !local && self.tokens.is_none() && !self.allow_anonymous {
            return Err(ServerError::NeedsTokens { address });
        }
        for (name, limit) in [
            ("max_body_bytes", self.max_body_bytes),
            ("max_inflated_bytes", self.max_inflated_bytes),
            ("max_points", self.max_points),
            ("max_series", self.max_series),
            ("max_query_series", self.max_query_series),
            ("max_query_points", self.max_query_points),
            ("max_query_bytes", self.max_query_bytes),
            ("max_connections", self.max_connections),
            ("max_concurrent_puts", self.max_concurrent_puts),
            ("max_concurrent_queries", self.max_concurrent_queries),
        ] {
            if limit == 0 {
                return Err(ServerError::ZeroLimit { name });
            }
        }
        Ok(())
    }
}

/// Told of what whoever runs the server should see, as the server prints nothing itself.
///
/// It is called once for each tenant whose data becomes read-only because a write failed, with one
/// line that names the tenant, the cause with the path of the database, and what to do. The request
/// whose write failed waits for it.
///
/// ```
/// use apptuit_server::{OnTrouble, ServerConfig};
///
/// let on_trouble = OnTrouble::new(|what| eprintln!("error: {what}"));
/// let config = ServerConfig { on_trouble, ..ServerConfig::default() };
/// ```
#[derive(Clone, Default)]
pub struct OnTrouble(Option<Arc<Tell>>);

type Tell = dyn Fn(&str) + Send + Sync;

impl OnTrouble {
    /// Calls `tell`, from any thread.
    pub fn new(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(crate) fn tell(&self, what: &str) {
        if let Some(tell) = &self.0 {
            tell(what);
        }
    }
}

impl fmt::Debug for OnTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "OnTrouble(set)" } else { "OnTrouble(unset)" })
    }
}

/// Where the certificate of an `https` server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those above it, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening(address: &str) -> ServerConfig {
        let listen = address.parse().expect("an address of the test");
        ServerConfig { listen, ..ServerConfig::default() }
    }

    #[test]
    fn beyond_this_machine_tokens_or_consent_are_needed() {
        for address in ["127.0.0.1:0", "127.9.9.9:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
            assert!(listening(address).check().is_ok(), "{address}");
        }
        for address in ["0.0.0.0:4242", "[::]:0", "192.168.1.1:0", "[::ffff:10.0.0.1]:0"] {
            let refused = listening(address).check().expect_err(address).to_string();
            assert!(refused.contains("without tokens"), "{refused}");
        }
        let consent = ServerConfig { allow_anonymous: true, ..listening("0.0.0.0:0") };
        assert!(consent.check().is_ok());
        let tokens = TokenFile::parse("secret a").expect("a token file");
        assert!(ServerConfig { tokens: Some(tokens), ..listening("0.0.0.0:0") }.check().is_ok());
    }

    #[test]
    fn a_limit_of_zero_is_named() {
        let config = ServerConfig { max_points: 0, ..ServerConfig::default() };
        let refused = config.check().expect_err("nothing could be sent").to_string();
        assert_eq!(refused, "`max_points` is 0: expected at least 1");
    }
}
