//! Head and body of a request in one write: the library hands them out one by one, and each write
//! of its own costs a call of the system, and often a packet and a wake-up of the server.

use ureq::Error;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// What is longer than a head has been written to a socket's content long before its body comes.
const MAX_HEAD_BYTES: usize = 8 * 1024;

/// Makes [`OneWrite`]s of the transports of others.
#[derive(Debug)]
pub(super) struct OneWriteConnector;

impl<In: Transport> Connector<In> for OneWriteConnector {
    type Out = OneWrite<In>;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| OneWrite { inner, held: Vec::new() }))
    }
}

/// Holds the first write back until there is a second, or until an answer is waited for.
#[derive(Debug)]
pub(super) struct OneWrite<T> {
    inner: T,
    held: Vec<u8>,
}

impl<T: Transport> OneWrite<T> {
    /// Writes what was held back. What is in the output buffer stays there.
    fn flush(&mut self, timeout: NextTimeout) -> Result<(), Error> {
        if self.held.is_empty() {
            return Ok(());
        }
        let length = self.held.len();
        let front = &mut self.inner.buffers().output()[..length];
        front.swap_with_slice(&mut self.held);
        let sent = self.inner.transmit_output(length, timeout);
        self.inner.buffers().output()[..length].copy_from_slice(&self.held);
        self.held.clear();
        sent
    }
}

impl<T: Transport> Transport for OneWrite<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = self.inner.buffers().output();
        let held = self.held.len();
        if held == 0 && amount <= MAX_HEAD_BYTES {
            self.held.extend_from_slice(&output[..amount]);
            return Ok(());
        }
        if held + amount > output.len() {
            self.flush(timeout)?;
            return self.inner.transmit_output(amount, timeout);
        }
        output.copy_within(..amount, held);
        output[..held].copy_from_slice(&self.held);
        self.held.clear();
        self.inner.transmit_output(held + amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.flush(timeout)?;
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
