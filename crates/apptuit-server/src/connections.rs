//! Connections: accepted, served, and let finish at the end.

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use crate::answers::Answers;
use crate::app::Routes;
use crate::config::ServerConfig;
use crate::loops::Loops;
use crate::patience::{Patience, Patient};
use crate::places::{Place, Places};

/// Pause after a connection could not be accepted, as when there are no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long, and how far, what a caller still sends is read after the answer.
const LINGER: Duration = Duration::from_secs(3);
const LINGER_BYTES: usize = 64 << 20;

/// Who is at the other side of a connection. Each request is given it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) address: IpAddr,
    /// The way of answers to the tasks of the connection.
    pub(crate) answers: Answers,
}

/// Everything a connection needs.
#[derive(Clone)]
struct Host {
    routes: Routes,
    tls: Option<TlsAcceptor>,
    header_timeout: Duration,
    patience: Patience,
    stop: watch::Receiver<bool>,
}

/// Serves until `stop`, then lets what is under way finish, within the time it has for that.
pub(crate) async fn serve(
    listener: TcpListener,
    mut loops: Loops,
    routes: Routes,
    tls: Option<TlsAcceptor>,
    config: &ServerConfig,
    mut stop: watch::Receiver<bool>,
) {
    let places = Places::new(config.max_connections);
    let host = Host {
        routes,
        tls,
        header_timeout: config.header_timeout,
        patience: Patience { idle: config.body_idle_timeout, total: config.body_timeout },
        stop: stop.clone(),
    };
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = told(&mut stop) => break,
            Some(_) = open.join_next() => {}
            (stream, address, place) = accept(&listener, &places) => {
                let (host, here) = (host.clone(), loops.next());
                let caller = Caller { address, answers: here.answers.clone() };
                let receive = async move {
                    // The loop has to watch it from now on.
                    if let Ok(stream) = stream.into_std().and_then(TcpStream::from_std) {
                        host.receive(stream, caller).await;
                    }
                    drop(place);
                };
                open.spawn_on(receive, &here.handle);
            }
        }
    }
    drop(listener);
    let finished = async { while open.join_next().await.is_some() {} };
    // Who has not finished by then is cut off.
    let _ = timeout(config.stop_timeout, finished).await;
    open.shutdown().await;
}

/// The next connection, once there is a place for it.
async fn accept(listener: &TcpListener, places: &Arc<Places>) -> (TcpStream, IpAddr, Place) {
    loop {
        let place = places.free().await;
        match listener.accept().await {
            Ok((stream, address)) => {
                let address = address.ip();
                // Who has as many as it may have is closed at once: to wait here would take a place.
                if let Some(place) = places.take(place, address) {
                    return (stream, address, place);
                }
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Waits until the server is told to stop, or nobody is left to tell it.
async fn told(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Host {
    async fn receive(mut self, stream: TcpStream, caller: Caller) {
        // Small answers should not wait for more to come.
        let _ = stream.set_nodelay(true);
        // Who has said nothing yet need not be waited for when the server stops.
        let mut first = [0];
        let spoke = tokio::select! {
            spoke = timeout(self.header_timeout, stream.peek(&mut first)) => spoke,
            () = told(&mut self.stop) => return,
        };
        if !matches!(spoke, Ok(Ok(1))) {
            return;
        }
        match self.tls.take() {
            None => self.converse(stream, caller).await,
            Some(tls) => {
                if let Ok(Ok(stream)) = timeout(self.header_timeout, tls.accept(stream)).await {
                    self.converse(stream, caller).await;
                }
            }
        }
    }

    /// Answers requests until one side ends the connection.
    async fn converse(
        mut self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        caller: Caller,
    ) {
        let routes = self.routes;
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            routes.answer(&caller, request.map(Body::new))
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .serve_connection(TokioIo::new(Patient::new(stream, self.patience)), service);
        let stopped = {
            let ended = poll_fn(|context| connection.poll_without_shutdown(context));
            tokio::select! {
                // A connection that breaks is the caller's affair.
                _ = ended => false,
                () = told(&mut self.stop) => true,
            }
        };
        if stopped {
            Pin::new(&mut connection).graceful_shutdown();
            let _ = poll_fn(|context| connection.poll_without_shutdown(context)).await;
        }
        let stream = connection.into_parts().io.into_inner().into_inner();
        let _ = timeout(LINGER, linger(stream)).await;
    }
}

/// Closes a connection so that the caller can read the answer.
///
/// If a body is refused before its end, the caller may still be sending. A connection closed with
/// unread data is reset, and the answer is lost with it; so the rest is read and thrown away.
async fn linger(stream: impl AsyncRead + AsyncWrite) {
    let mut stream = pin!(stream);
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut rest = vec![0; 16 * 1024];
    let mut seen = 0;
    while let Ok(read @ 1..) = stream.read(&mut rest).await {
        seen += read;
        if seen > LINGER_BYTES {
            return;
        }
    }
}
