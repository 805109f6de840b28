//! The HTTP API and the web page over a store and a query engine.
//!
//! [`Server::bind`] opens the stores and the port, [`Server::start`] serves in threads of its own,
//! [`Server::run_until_signal`] serves until SIGTERM or SIGINT. All calls block; the asynchronous
//! runtime stays inside.
//!
//! What is promised:
//!
//! * A put is acknowledged once its points are durable, and a point that is refused is named.
//! * Each tenant has a store of its own; the token chooses it before anything is read or written.
//! * What a caller may cost is bounded: bytes, points, series, time, and how many at once. See
//!   [`ServerConfig`].
//!
//! ```
//! use apptuit_server::{Server, ServerConfig};
//!
//! let folder = tempfile::tempdir()?;
//! let config = ServerConfig {
//!     listen: ([127, 0, 0, 1], 0).into(), // any free port
//!     data_dir: folder.path().into(),
//!     ..ServerConfig::default()
//! };
//! let server = Server::bind(config)?.start();
//! println!("http://{}", server.local_addr());
//! server.stop()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod admission;
mod answers;
mod app;
mod auth;
mod body;
mod config;
mod connections;
mod error;
mod intake;
mod loops;
mod names;
mod origin;
mod patience;
mod places;
mod routes;
mod server;
mod server_error;
mod source;
mod spellings;
mod tenants;
mod tls;
mod turns;

pub use auth::TokenFile;
pub use config::{OnTrouble, ServerConfig, TlsFiles};
pub use server::{RunningServer, Server};
pub use server_error::ServerError;
