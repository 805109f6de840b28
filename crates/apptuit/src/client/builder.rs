//! What a client is told before it is built.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use apptuit_metrics::{Clock, SystemClock};
use apptuit_model::wire::{ContentEncoding, DEFAULT_ENDPOINT, PackEffort};
use apptuit_model::{Sanitizer, Tags};

use super::warning::{WarningHook, Warnings};
use super::{Client, HttpTransport, RetryPolicy, Settings, Transport, Warning, environment};
use crate::{Error, ErrorKind, Result};

const TIMEOUT: Duration = Duration::from_mins(1);
const QUERY_TIMEOUT: Duration = Duration::from_mins(3);

/// What a [`Client`] is told before it is built.
///
/// What is passed goes before the environment, and the environment before the defaults.
pub struct ClientBuilder {
    token: Option<String>,
    endpoint: Option<String>,
    user_agent: String,
    global_tags: Tags,
    reads_environment: bool,
    reads_environment_tags: bool,
    sanitizer: Sanitizer,
    unchecked_series: bool,
    retry: RetryPolicy,
    timeout: Duration,
    query_timeout: Duration,
    transport: Option<Box<dyn Transport>>,
    clock: Box<dyn Clock>,
    compression: ContentEncoding,
    pack_effort: PackEffort,
    on_warning: Option<WarningHook>,
}

impl ClientBuilder {
    /// The API token. Default: the variable `APPTUIT_API_TOKEN`; an empty one counts as none.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// The server's URL. Default: the variable `APPTUIT_API_ENDPOINT`, then
    /// `https://api.apptuit.ai`.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// A tag for every point that has none of this key. Default: the variable `APPTUIT_TAGS`,
    /// which is read only if there is no global tag.
    #[must_use]
    pub fn global_tag(mut self, key: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
        self.global_tags = self.global_tags.with(key, value);
        self
    }

    /// More global tags; those of equal keys are replaced.
    #[must_use]
    pub fn global_tags(mut self, tags: impl Into<Tags>) -> Self {
        self.global_tags = tags.into().merged_over(&self.global_tags);
        self
    }

    /// Reads no variable at all but those of certificates and of proxies.
    #[must_use]
    pub fn ignore_environment(mut self) -> Self {
        self.reads_environment = false;
        self
    }

    /// Takes no tags from the environment.
    #[must_use]
    pub fn ignore_environment_tags(mut self) -> Self {
        self.reads_environment_tags = false;
        self
    }

    /// The rule for metric names and tag keys. Default: [`Sanitizer::Prometheus`], under which
    /// `proc.cpu` is sent, and must be queried, as `proc_cpu`.
    #[must_use]
    pub fn sanitizer(mut self, sanitizer: Sanitizer) -> Self {
        self.sanitizer = sanitizer;
        self
    }

    /// Under [`Sanitizer::Off`], series go out under any metric and tag keys: of their names only
    /// the number of tags is checked. Default: they are checked like those of points.
    #[must_use]
    pub fn unchecked_series(mut self) -> Self {
        self.unchecked_series = true;
        self
    }

    /// What happens after a failure that may pass. Default: [`RetryPolicy::never`].
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// The time a send may take, retries and pauses included. Default: 60 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The time a query may take, retries and pauses included. Default: 180 s.
    #[must_use]
    pub fn query_timeout(mut self, timeout: Duration) -> Self {
        self.query_timeout = timeout;
        self
    }

    /// What the client calls itself. Default: `apptuit-rust/` and the version.
    #[must_use]
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// How requests travel. Default: [`HttpTransport`].
    #[must_use]
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transport = Some(Box::new(transport));
        self
    }

    /// How bodies of points are packed. Default: [`ContentEncoding::Deflate`], which every server of
    /// this service takes.
    #[must_use]
    pub fn compression(mut self, compression: ContentEncoding) -> Self {
        self.compression = compression;
        self
    }

    /// How much time is spent on packing. Default: [`PackEffort::Default`].
    #[must_use]
    pub fn pack_effort(mut self, effort: PackEffort) -> Self {
        self.pack_effort = effort;
        self
    }

    /// The clock timeouts are measured with. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// What is called with each [`Warning`], once, by the thread that comes across it. Default:
    /// nothing; [`Client::warnings`] has them all.
    #[must_use]
    pub fn on_warning(mut self, hook: impl Fn(&Warning) + Send + Sync + 'static) -> Self {
        self.on_warning = Some(Arc::new(hook));
        self
    }

    /// The client. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`]: there is no token, or a setting or a variable of the
    /// environment makes no sense.
    pub fn build(self) -> Result<Client> {
        let mut warnings = Vec::new();
        let token = self.token.filter(|token| !token.trim().is_empty());
        let token = match token {
            None if self.reads_environment => environment::token(&mut warnings),
            token => token,
        };
        let endpoint = match self.endpoint {
            None if self.reads_environment => environment::endpoint(),
            endpoint => endpoint,
        };
        let reads_tags = self.reads_environment && self.reads_environment_tags;
        let global_tags = if self.global_tags.is_empty() && reads_tags {
            environment::tags_with_warnings(&mut warnings)?
        } else {
            self.global_tags
        };
        for (what, timeout) in [("timeout", self.timeout), ("query timeout", self.query_timeout)] {
            if timeout.is_zero() {
                return Err(configuration(format!("the {what} is zero")));
            }
        }
        let warnings = Warnings::new(self.on_warning, &warnings);
        warnings.tags(&global_tags, self.sanitizer);
        Ok(Client(Arc::new(Settings {
            token: checked_token(token)?,
            endpoint: checked_endpoint(endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT))?,
            user_agent: self.user_agent,
            global_tags,
            sanitizer: self.sanitizer,
            unchecked_series: self.unchecked_series,
            retry: Mutex::new(self.retry),
            timeout: self.timeout,
            query_timeout: self.query_timeout,
            transport: match self.transport {
                Some(transport) => transport,
                None => Box::new(HttpTransport::new()?),
            },
            clock: self.clock,
            compression: self.compression,
            pack_effort: self.pack_effort,
            packer: Mutex::new(None),
            warnings,
        })))
    }
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            token: None,
            endpoint: None,
            user_agent: concat!("apptuit-rust/", env!("CARGO_PKG_VERSION")).to_owned(),
            global_tags: Tags::new(),
            reads_environment: true,
            reads_environment_tags: true,
            sanitizer: Sanitizer::default(),
            unchecked_series: false,
            retry: RetryPolicy::default(),
            timeout: TIMEOUT,
            query_timeout: QUERY_TIMEOUT,
            transport: None,
            clock: Box::new(SystemClock),
            compression: ContentEncoding::Deflate,
            pack_effort: PackEffort::Default,
            on_warning: None,
        }
    }
}

/// Without the token.
impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("endpoint", &self.endpoint.as_deref().map(without_user))
            .field("global_tags", &self.global_tags)
            .field("sanitizer", &self.sanitizer)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

/// The endpoint without a user name and a password, which are refused only when the client is built.
fn without_user(endpoint: &str) -> Cow<'_, str> {
    let host = endpoint.rsplit_once('@').map(|(_, host)| format!("…@{host}"));
    host.map_or(Cow::Borrowed(endpoint), Cow::Owned)
}

fn configuration(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

fn checked_token(token: Option<String>) -> Result<String> {
    let token = token.ok_or_else(|| {
        configuration(format!("there is no API token: pass one or set {}", environment::TOKEN))
    })?;
    // It travels in a header. The text itself stays out of the message.
    if token.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(token)
    } else {
        Err(configuration("the API token has a blank or a character outside ASCII"))
    }
}

/// The URL without slashes at the end.
fn checked_endpoint(endpoint: &str) -> Result<String> {
    // Before anything is quoted: it would be a secret.
    let authority = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest).split('/').next();
    if authority.is_some_and(|authority| authority.contains('@')) {
        let message = "the endpoint has a user name or a password, expected a host: the token is \
                       what identifies the caller";
        return Err(configuration(message));
    }
    let expected = |what: &str| {
        let variable = environment::ENDPOINT;
        configuration(format!(
            "the endpoint (argument or {variable}) is `{endpoint}`, expected {what}"
        ))
    };
    let trimmed = endpoint.trim().trim_end_matches('/');
    let (scheme, host) =
        trimmed.split_once("://").ok_or_else(|| expected("a URL such as `http://host:4242`"))?;
    match scheme {
        "http" | "https" if host.is_empty() || host.contains([' ', '?', '#']) => {
            Err(expected("a host and nothing but a path after it"))
        }
        "https" if cfg!(not(feature = "tls")) => {
            Err(expected("`http://`, since this build has no TLS (feature `tls`)"))
        }
        "http" | "https" => Ok(trimmed.to_owned()),
        _ => Err(expected("`http://` or `https://`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_the_endpoint_is_refused_and_not_shown() {
        let builder = Client::builder().token("t").endpoint("http://joe:s3cret@127.0.0.1:4242");
        let error = builder.ignore_environment().build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
    }

    #[test]
    fn a_missing_token_names_the_variable() {
        for builder in [Client::builder(), Client::builder().token("")] {
            let error = builder.ignore_environment().build().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().contains("APPTUIT_API_TOKEN"), "{error}");
        }
    }

    #[test]
    fn a_token_that_fits_no_header_is_refused_without_showing_it() {
        let error = checked_token(Some("s3cret\n".to_owned())).unwrap_err();
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }

    #[test]
    fn slashes_at_the_end_of_an_endpoint_are_dropped() {
        let client = Client::builder().token("t").ignore_environment().endpoint("http://x/a//");
        assert_eq!(client.build().unwrap().endpoint(), "http://x/a");
    }

    #[test]
    fn an_endpoint_that_is_no_url_is_quoted() {
        for endpoint in ["", "localhost:4242", "ftp://x", "http://", "http://x?y", "http://a b"] {
            let error = checked_endpoint(endpoint).unwrap_err().to_string();
            assert!(error.contains(&format!("is `{endpoint}`, expected")), "{error}");
        }
    }

    #[test]
    fn zero_timeouts_are_refused() {
        let builder = || Client::builder().token("t").endpoint("http://x").ignore_environment();
        builder().build().unwrap();
        for builder in [builder().timeout(Duration::ZERO), builder().query_timeout(Duration::ZERO)]
        {
            let error = builder.build().unwrap_err();
            assert!(error.to_string().ends_with("timeout is zero"), "{error}");
        }
    }

    #[test]
    fn later_global_tags_replace_earlier_ones() {
        let builder = Client::builder().global_tag("a", "1").global_tags([("a", "2"), ("b", "3")]);
        assert_eq!(builder.global_tags, Tags::from([("a", "2"), ("b", "3")]));
    }
}
