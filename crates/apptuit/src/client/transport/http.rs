//! The network as it is: HTTP over sockets, and nowhere else in this crate.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ureq::Proxy;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
#[cfg(feature = "tls")]
use ureq::unversioned::transport::RustlsConnector;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector as _, NextTimeout};

use super::one_write::OneWriteConnector;
use super::proxy::Proxies;
use super::socket::SocketConnector;
#[cfg(feature = "tls")]
use super::tls;
use super::watch::{self, KeptOnly};
use super::{Method, Request, Response, Transport, TransportError};
use crate::{ErrorKind, Result};

/// Bytes of an answer that are read; a longer one is an error.
const MAX_ANSWER_BYTES: u64 = 256 << 20;

/// Longer timeouts are cut to it: the library adds them to an instant, which must not overflow.
const MAX_TIMEOUT: Duration = Duration::from_hours(100 * 365 * 24);

/// Bytes that are handed to a socket at once, and read from one.
const BUFFER_BYTES: usize = 64 * 1024;

/// HTTP/1.1 over kept connections, through the proxies that the environment names, by `CONNECT`.
///
/// `~/.netrc` is not read: the token is the only credential sent.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    agent: ureq::Agent,
    proxies: Proxies,
}

impl HttpTransport {
    /// A pool of connections, still empty.
    ///
    /// # Errors
    ///
    /// The file or folder that a variable names as certificates cannot be read or holds none.
    pub fn new() -> Result<Self> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(BUFFER_BYTES);
        #[cfg(feature = "tls")]
        let config = config.tls_config(tls::config()?);
        // Chosen by request.
        let config = config.proxy(None);
        let connector =
            ().chain(KeptOnly).chain(ConnectProxyConnector::default()).chain(SocketConnector);
        #[cfg(feature = "tls")]
        let connector = connector.chain(RustlsConnector::default());
        let connector = connector.chain(OneWriteConnector);
        let agent = ureq::Agent::with_parts(config.build(), connector, AddressFirst::default());
        let transport = Self { agent, proxies: Proxies::of_environment() };
        transport.warm_up();
        Ok(transport)
    }

    /// Has the library make here what it makes at the first request of a process: a child that is forked
    /// in the middle of that would wait for it for ever. Nothing is sent, since no connection is kept.
    fn warm_up(&self) {
        let request = Request {
            method: Method::Get,
            url: "http://127.0.0.1".to_owned(),
            headers: Vec::new(),
            body: Arc::default(),
            timeout: Duration::from_secs(1),
        };
        let _ = watch::on_kept(|| false, || self.exchange(&request, None));
    }

    /// [Sends](Transport::send) a request on a connection that is kept from an earlier one; `None` if
    /// there is none, and then nothing is sent.
    ///
    /// For a thread that cannot be woken, such as one on which the handlers of signals are to run:
    /// while it waits it asks about every 50 ms whether it is over, and when a signal has come. If so,
    /// the request fails, and what became of it is not known.
    pub fn send_kept(
        &self,
        request: &Request,
        is_over: fn() -> bool,
    ) -> Option<Result<Response, TransportError>> {
        watch::on_kept(is_over, || self.send(request))
    }

    fn exchange(&self, request: &Request, proxy: Option<Proxy>) -> Result<Response, ureq::Error> {
        let timeout = Some(request.timeout.min(MAX_TIMEOUT));
        let headers = request.headers.iter();
        let answer = match request.method {
            Method::Get => {
                let get = self.agent.get(&request.url).config();
                let get = get.timeout_global(timeout).proxy(proxy).build();
                headers.fold(get, |get, (key, value)| get.header(*key, value)).call()
            }
            Method::Post => {
                let post = self.agent.post(&request.url).config();
                let post = post.timeout_global(timeout).proxy(proxy).build();
                headers
                    .fold(post, |post, (key, value)| post.header(*key, value))
                    .send(&request.body[..])
            }
        }?;
        let (head, body) = answer.into_parts();
        let text = |value: &ureq::http::HeaderValue| {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        Ok(Response {
            status: head.status.as_u16(),
            headers: head
                .headers
                .iter()
                .map(|(key, value)| (key.to_string(), text(value)))
                .collect(),
            body: body.into_with_config().limit(MAX_ANSWER_BYTES).read_to_vec()?,
        })
    }
}

impl Transport for HttpTransport {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        let proxy = self.proxies.on_the_way_to(&request.url);
        let proxy = proxy.map_err(|error| TransportError::new(error.kind(), error.to_string()))?;
        self.exchange(request, proxy).map_err(|error| {
            let kind = kind_of(&error);
            match kind {
                ErrorKind::Timeout => TransportError::new(
                    kind,
                    format!("no answer within {:.1} s", request.timeout.as_secs_f64()),
                ),
                _ => TransportError::new(kind, with_hint(cause(&error), &request.url)),
            }
        })
    }
}

/// The message without the library's prefix.
fn cause(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// The message, and what may be behind one that does not tell.
fn with_hint(message: String, url: &str) -> String {
    let encrypted = url.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    let says = |words: &str| message.contains(words);
    let hint = if encrypted && says("corrupt message") {
        "does the server speak http?"
    } else if !encrypted && says("http parse fail") {
        "does the server speak https?"
    } else if says("UnknownIssuer") {
        "SSL_CERT_FILE can name a file of certificates to trust"
    } else if says("CaUsedAsEndEntity") {
        "expected one for servers, which a certificate of SSL_CERT_FILE vouches for"
    } else {
        return message;
    };
    format!("{message}, {hint}")
}

fn kind_of(error: &ureq::Error) -> ErrorKind {
    use std::io::ErrorKind as Io;

    use ureq::Error as E;
    match error {
        E::Timeout(_) => ErrorKind::Timeout,
        E::Io(io) => match io.kind() {
            Io::TimedOut => ErrorKind::Timeout,
            // rustls hands its refusals through `io::Error` as invalid data.
            Io::InvalidData if cfg!(feature = "tls") => ErrorKind::Tls,
            _ => ErrorKind::Unreachable,
        },
        E::Tls(_) | E::TlsRequired => ErrorKind::Tls,
        #[cfg(feature = "tls")]
        E::Rustls(_) | E::Pem(_) => ErrorKind::Tls,
        E::Http(_) | E::BadUri(_) | E::InvalidProxyUrl => ErrorKind::Configuration,
        E::Protocol(_) | E::BodyExceedsLimit(_) | E::LargeResponseHeader(..) => ErrorKind::Answer,
        _ => ErrorKind::Unreachable,
    }
}

/// The library's resolver, but for endpoints that are addresses: to keep the time it may take, it
/// asks for names on a thread of its own, at each request.
#[derive(Debug, Default)]
struct AddressFirst(DefaultResolver);

impl Resolver for AddressFirst {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        // Nobody connects to it then.
        let unused = || watch::is_on().then_some(SocketAddr::from(([0, 0, 0, 0], 0)));
        let Some(address) = address_in(uri).or_else(unused) else {
            return self.0.resolve(uri, config, timeout);
        };
        let mut found = self.empty();
        found.push(address);
        Ok(found)
    }
}

fn address_in(uri: &Uri) -> Option<SocketAddr> {
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = host.parse().ok()?;
    let port = match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("http")) => 80,
        (None, Some("https")) => 443,
        (None, _) => return None,
    };
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use apptuit_metrics::{Clock as _, SystemClock};

    use super::*;

    #[test]
    fn only_addresses_are_known_without_asking() {
        for (uri, expected) in [
            ("http://127.0.0.1:4242/x", Some("127.0.0.1:4242")),
            ("http://127.0.0.1", Some("127.0.0.1:80")),
            ("https://[::1]/", Some("[::1]:443")),
            ("http://[::1]:8/", Some("[::1]:8")),
            ("http://localhost:1", None),
            ("http://1.example.com", None),
        ] {
            let uri: Uri = uri.parse().expect("a URI");
            let expected = expected.map(|address| address.parse().expect("an address"));
            assert_eq!(address_in(&uri), expected, "{uri}");
        }
    }

    /// Answers so many requests, and then says nothing more.
    fn server(answers: usize) -> (String, thread::JoinHandle<TcpStream>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url =
            format!("http://localhost:{}/", listener.local_addr().expect("an address").port());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            for _ in 0..answers {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).expect("a request");
                    request.extend(byte);
                }
                stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").expect("a caller");
            }
            stream
        });
        (url, server)
    }

    fn get(url: &str) -> Request {
        let timeout = Duration::from_secs(20);
        Request {
            method: Method::Get,
            url: url.to_owned(),
            headers: Vec::new(),
            body: Arc::default(),
            timeout,
        }
    }

    #[test]
    fn a_request_that_is_watched_uses_a_kept_connection_or_none() {
        let (url, server) = server(2);
        let (transport, request) = (HttpTransport::new().expect("no certificates"), get(&url));
        assert!(transport.send_kept(&request, || false).is_none());
        assert_eq!(transport.send(&request).expect("an answer").status(), 204);
        let kept = transport.send_kept(&request, || false).expect("a kept connection");
        assert_eq!(kept.expect("an answer").status(), 204);
        drop(server.join().expect("a server"));
        assert!(transport.send_kept(&request, || false).is_none(), "the server has hung up");
        assert_eq!(transport.send(&request).expect_err("nobody").kind(), ErrorKind::Unreachable);
    }

    #[test]
    fn a_request_that_is_watched_is_given_up() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let (url, server) = server(1);
        let (transport, request) = (HttpTransport::new().expect("no certificates"), get(&url));
        assert_eq!(transport.send(&request).expect("an answer").status(), 204);
        let began = SystemClock.now();
        let is_over = || ASKED.fetch_add(1, Ordering::Relaxed) == 3;
        let error = transport.send_kept(&request, is_over).expect("a connection").expect_err("no");
        let took = SystemClock.now().saturating_sub(began);
        assert_eq!((error.kind(), ASKED.load(Ordering::Relaxed)), (ErrorKind::Unreachable, 4));
        assert!(took >= Duration::from_millis(120) && took < Duration::from_secs(10), "{took:?}");
        assert!(
            transport.send_kept(&request, || false).is_none(),
            "its connection is not used again"
        );
        drop(server.join());
    }
}
