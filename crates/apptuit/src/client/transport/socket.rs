//! Sockets that are asked for little: the HTTP library's own look twice a request whether they still
//! live, and set two timeouts, with a handful of calls of the system beside the two that are needed.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use apptuit_metrics::{Clock as _, SystemClock};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Error, Timeout};

use super::watch;

/// Sockets take no timeout of zero.
const LEAST_SPAN: Duration = Duration::from_millis(1);

/// Makes [`Socket`]s, where no proxy has made a connection before.
#[derive(Debug)]
pub(super) struct SocketConnector;

impl<In: Transport> Connector<In> for SocketConnector {
    type Out = Either<In, Socket>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(chained) = chained {
            return Ok(Some(Either::A(chained)));
        }
        let (config, until) = (details.config, Until::of(details.timeout));
        let mut failed = Error::ConnectionFailed;
        for (at, address) in details.addrs.iter().enumerate() {
            // Half of the time for the first, and so on: one that is dead leaves time for the others.
            let left = until.left()?;
            let is_last = at + 1 == details.addrs.len();
            let stream = match left.map(|left| if is_last { left } else { left / 2 }) {
                Some(span) => TcpStream::connect_timeout(address, span.max(LEAST_SPAN)),
                None => TcpStream::connect(address),
            };
            match stream {
                Ok(stream) => {
                    stream.set_nodelay(config.no_delay())?;
                    let buffers =
                        LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
                    return Ok(Some(Either::B(Socket::new(stream, buffers))));
                }
                Err(error) if is_timeout(&error) => failed = Error::Timeout(until.reason),
                Err(error) => failed = Error::Io(error),
            }
        }
        Err(failed)
    }
}

#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    buffers: LazyBuffers,
    reading: Armed,
    writing: Armed,
    /// Whether it was not used since it was asked last whether it is open.
    is_idle: bool,
}

impl Socket {
    fn new(stream: TcpStream, buffers: LazyBuffers) -> Self {
        Self { stream, buffers, reading: Armed(None), writing: Armed(None), is_idle: false }
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.is_idle = false;
        let until = Until::of(timeout.for_write());
        self.writing
            .arm(watch::slice(until.left()?), |span| self.stream.set_write_timeout(span))?;
        let mut output = &self.buffers.output()[..amount];
        while !output.is_empty() {
            match (&self.stream).write(output) {
                Ok(0) => return Err(Error::Io(io::ErrorKind::WriteZero.into())),
                Ok(written) => output = &output[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => watch::check()?,
                Err(error) if is_timeout(&error) => {
                    watch::check()?;
                    let left = watch::slice(until.left()?);
                    self.writing.set(left, |span| self.stream.set_write_timeout(span))?;
                }
                Err(error) => return Err(Error::Io(error)),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.is_idle = false;
        let until = Until::of(timeout.for_read());
        self.reading.arm(watch::slice(until.left()?), |span| self.stream.set_read_timeout(span))?;
        let input = self.buffers.input_append_buf();
        loop {
            match (&self.stream).read(input) {
                Ok(amount) => {
                    self.buffers.input_appended(amount);
                    return Ok(amount > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => watch::check()?,
                Err(error) if is_timeout(&error) => {
                    watch::check()?;
                    let left = watch::slice(until.left()?);
                    self.reading.set(left, |span| self.stream.set_read_timeout(span))?;
                }
                Err(error) => return Err(Error::Io(error)),
            }
        }
    }

    /// Asked when an answer was read, and again before the next request, which is what counts.
    fn is_open(&mut self) -> bool {
        !std::mem::replace(&mut self.is_idle, true) || is_silent(&self.stream)
    }
}

/// When an operation is to be over.
struct Until {
    reason: Timeout,
    /// On the system's clock; `None` if it may take as long as it does.
    end: Option<Duration>,
}

impl Until {
    fn of(timeout: NextTimeout) -> Self {
        let after = (!timeout.after.is_not_happening()).then_some(*timeout.after);
        let end = after.map(|after| SystemClock.now().saturating_add(after));
        Self { reason: timeout.reason, end }
    }

    /// The time until then, which is an error once it is over.
    fn left(&self) -> Result<Option<Duration>, Error> {
        let left = self.end.map(|end| end.saturating_sub(SystemClock.now()));
        if left == Some(Duration::ZERO) { Err(Error::Timeout(self.reason)) } else { Ok(left) }
    }
}

/// The timeout that a socket has.
#[derive(Debug)]
struct Armed(Option<Duration>);

impl Armed {
    /// Has the socket come back before `left` is over: then it is looked how much is left.
    ///
    /// So the timeout of an earlier operation is as good, unless it is much shorter.
    fn arm(&mut self, left: Option<Duration>, set: impl Set) -> io::Result<()> {
        match left {
            Some(left) if self.0.is_some_and(|armed| left / 4 <= armed && armed <= left) => Ok(()),
            // Elsewhere a timeout may leave a socket unusable, so it is to be the last.
            Some(left) if cfg!(unix) => self.set(Some(left.mul_f64(0.75)), set),
            left => self.set(left, set),
        }
    }

    fn set(&mut self, span: Option<Duration>, set: impl Set) -> io::Result<()> {
        let span = span.map(|span| span.max(LEAST_SPAN));
        if span != self.0 {
            set(span)?;
            self.0 = span;
        }
        Ok(())
    }
}

/// Sets a timeout of a socket.
trait Set: FnOnce(Option<Duration>) -> io::Result<()> {}
impl<F: FnOnce(Option<Duration>) -> io::Result<()>> Set for F {}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Whether the other end has neither closed the connection nor sent what nobody asked for.
#[cfg(unix)]
fn is_silent(stream: &TcpStream) -> bool {
    use std::os::fd::AsRawFd as _;

    use nix::errno::Errno;
    use nix::sys::socket::{MsgFlags, recv};

    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    recv(stream.as_raw_fd(), &mut [0], flags) == Err(Errno::EAGAIN)
}

/// As above, in three calls.
#[cfg(not(unix))]
fn is_silent(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).is_ok()
        && stream.peek(&mut [0]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        && stream.set_nonblocking(false).is_ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn armed(spans: &[u64]) -> Vec<u64> {
        let mut set = Vec::new();
        let mut armed = Armed(None);
        for left in spans {
            let left = Some(Duration::from_millis(*left));
            armed
                .arm(left, |span| {
                    set.push(u64::try_from(span.unwrap_or_default().as_millis()).unwrap());
                    Ok(())
                })
                .unwrap();
        }
        set
    }

    #[test]
    #[cfg(unix)]
    fn a_timeout_is_set_again_only_if_another_is_needed() {
        assert_eq!(armed(&[10_000, 9_999, 8_000, 7_500, 30_000]), [7_500]);
        assert_eq!(armed(&[10_000, 7_000]), [7_500, 5_250]);
        assert_eq!(armed(&[10_000, 60_000]), [7_500, 45_000]);
    }

    fn pair() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (Socket::new(stream, LazyBuffers::new(1024, 1024)), listener.accept().unwrap().0)
    }

    fn within(millis: u64) -> NextTimeout {
        NextTimeout { after: Duration::from_millis(millis).into(), ..NextTimeout::default() }
    }

    #[test]
    fn an_answer_is_waited_for_until_the_time_is_over_and_no_longer() {
        let (mut socket, mut other) = pair();
        let late = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(450));
            other.write_all(b"late").map(|()| other)
        });
        assert!(socket.await_input(within(500)).unwrap(), "after nine tenths of its time");
        let _other = late.join().unwrap().unwrap();
        for millis in [100, 400] {
            let began = SystemClock.now();
            let error = socket.await_input(within(millis)).unwrap_err();
            let took = SystemClock.now().saturating_sub(began);
            assert!(matches!(error, Error::Timeout(_)), "{error}");
            assert!(took >= Duration::from_millis(millis) && took < Duration::from_secs(3));
        }
    }

    #[test]
    fn a_body_nobody_reads_is_written_until_the_time_is_over() {
        let (mut socket, _other) = pair();
        let error = (0..100_000).find_map(|_| socket.transmit_output(1024, within(200)).err());
        assert!(matches!(error, Some(Error::Timeout(_))), "{error:?}");
    }

    #[test]
    fn a_kept_connection_is_open_until_the_other_end_closes_it_or_speaks() {
        for speaks in [true, false] {
            let (mut socket, mut other) = pair();
            socket.buffers().output()[0] = b'?';
            socket.transmit_output(1, within(1000)).unwrap();
            other.read_exact(&mut [0]).unwrap();
            // After an answer, and before a request.
            assert!(socket.is_open() && socket.is_open());
            if speaks {
                other.write_all(b"!").unwrap();
            } else {
                drop(other);
            }
            assert!((0..1000).any(|_| {
                std::thread::sleep(Duration::from_millis(1));
                !socket.is_open()
            }));
        }
    }
}
