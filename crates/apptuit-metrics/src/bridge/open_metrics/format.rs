//! The two formats, and how a scraper asks for one.

/// A format of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4.
    #[default]
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The value of the header `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format for a scraper that sent this header `Accept`: OpenMetrics if it names it,
    /// otherwise Prometheus.
    ///
    /// ```
    /// use apptuit_metrics::open_metrics::Format;
    ///
    /// let scraper = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    /// assert_eq!(Format::accepted(scraper), Format::OpenMetrics);
    /// assert_eq!(Format::accepted("text/html, */*;q=0.8"), Format::Prometheus);
    /// ```
    pub fn accepted(accept: &str) -> Self {
        let named = accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let is_named = parts
                .next()
                .is_some_and(|media| media.eq_ignore_ascii_case("application/openmetrics-text"));
            // A weight of zero means: not this one.
            let is_refused = parts.any(|parameter| {
                parameter.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0))
            });
            is_named && !is_refused
        });
        if named { Self::OpenMetrics } else { Self::Prometheus }
    }
}
