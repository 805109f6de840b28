//! A server: bound, running, stopped.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use apptuit_metrics::SystemClock;
use tokio::runtime::{self, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::admission::Admission;
use crate::app::{App, Routes};
use crate::config::ServerConfig;
use crate::connections;
use crate::loops::Loops;
use crate::server_error::ServerError;
use crate::tenants::Tenants;
use crate::tls;

/// A server whose stores are open and whose port is taken.
pub struct Server {
    app: Arc<App>,
    runtime: Runtime,
    loops: Loops,
    listener: tokio::net::TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl Server {
    /// Checks the configuration, opens the stores, and takes the port.
    ///
    /// # Errors
    ///
    /// The address can be reached from other machines and there are neither tokens nor consent; the
    /// address is taken; a certificate cannot be used; or the data cannot be opened.
    pub fn bind(config: ServerConfig) -> Result<Self, ServerError> {
        config.check()?;
        let address = config.listen;
        let failed = |source| ServerError::Listen { address, source };
        let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
        let listener = TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let no_threads = |source| ServerError::Runtime { source };
        // It accepts connections, and stops. All else is done by the loops.
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .thread_name("apptuit-server")
            .build()
            .map_err(no_threads)?;
        let loops = Loops::start(Admission::threads(&config)).map_err(no_threads)?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed)?
        };
        let address = listener.local_addr().map_err(failed)?;
        let tenants = Tenants::open(&config)?;
        let app = Arc::new(App::new(config, tenants, Arc::new(SystemClock)));
        Ok(Self { app, runtime, loops, listener, address, tls })
    }

    /// Where it listens; with a real port if it was to be any.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves in threads of its own.
    pub fn start(self) -> RunningServer {
        let Self { app, runtime, loops, listener, address, tls } = self;
        let (stop, stopped) = watch::channel(false);
        let (report, ended) = mpsc::channel();
        runtime.spawn(async move {
            let routes = Routes::new(Arc::clone(&app));
            connections::serve(listener, loops, routes, tls, &app.config, stopped).await;
            app.end();
            // It blocks until what is being written is written.
            let closed = tokio::task::spawn_blocking(move || app.tenants.close()).await;
            // Nobody listens if the server was dropped instead of stopped.
            let _ = report.send(closed.unwrap_or(Err(ServerError::Ended)));
        });
        RunningServer { address, stop, ended: Mutex::new(ended), runtime: Some(runtime) }
    }

    /// Serves until SIGTERM or SIGINT, then finishes what is under way and closes the stores.
    ///
    /// # Errors
    ///
    /// The system does not tell of signals, or the stores could not be closed well.
    pub fn run_until_signal(self) -> Result<(), ServerError> {
        let (told, signalled) = mpsc::channel();
        {
            let _inside = self.runtime.enter();
            let listen = |kind| signal(kind).map_err(|source| ServerError::Runtime { source });
            let mut terminate = listen(SignalKind::terminate())?;
            let mut interrupt = listen(SignalKind::interrupt())?;
            self.runtime.spawn(async move {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                let _ = told.send(());
            });
        }
        let running = self.start();
        signalled.recv().map_err(|_| ServerError::Ended)?;
        running.stop()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// A server that serves. Dropping it stops it too, but tells of no error.
#[must_use = "the server stops when this is dropped"]
pub struct RunningServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    /// The lock only makes this type `Sync`: it is never contended.
    ended: Mutex<mpsc::Receiver<Result<(), ServerError>>>,
    runtime: Option<Runtime>,
}

impl RunningServer {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets requests under way finish within
    /// [`stop_timeout`](ServerConfig::stop_timeout), and closes the stores.
    ///
    /// # Errors
    ///
    /// A store could not be closed well. Acknowledged points are safe nevertheless.
    pub fn stop(mut self) -> Result<(), ServerError> {
        self.finish()
    }

    fn finish(&mut self) -> Result<(), ServerError> {
        let Some(runtime) = self.runtime.take() else { return Ok(()) };
        self.stop.send_replace(true);
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        let ended = ended.recv().unwrap_or(Err(ServerError::Ended));
        // Does not block, so it may be called where a runtime of the caller's runs.
        runtime.shutdown_background();
        ended
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        // Who wants to know calls `stop`.
        let _ = self.finish();
    }
}

impl fmt::Debug for RunningServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningServer").field("address", &self.address).finish_non_exhaustive()
    }
}
