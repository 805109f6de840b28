//! The text for scrapers: what it says.

use std::time::Duration;

use apptuit_metrics::open_metrics::{Format, text};
use apptuit_metrics::{Description, ManualClock, Registry, Sampling};

use crate::registry;

/// Lines of samples, without what describes them.
fn samples(registry: &Registry) -> Vec<String> {
    let text = text(registry, Format::Prometheus);
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// A registry with every kind of instrument, whose names follow the customs of Prometheus.
pub(crate) fn whole() -> Registry {
    let (registry, clock) = registry();
    registry.describe("orders", Description::new("Orders accepted.").only_grows());
    registry.describe("basket", Description::new("Weight of a basket.").unit("grams"));
    registry.describe("disk", Description::new(r#"Free "space" on C:\."#).unit("bytes"));
    for (city, n) in [("blr", 3), ("say \"hi\"\\\n", 4)] {
        registry.counter(("orders", [("city", city)])).inc_by(n);
    }
    registry.counter("connections.open").dec_by(2);
    registry.counter("retries_total").inc();
    registry.gauge("disk").set(f64::INFINITY);
    registry.gauge("unset");
    registry.meter("http.requests").mark_n(30);
    let basket = registry.histogram(("basket", [("quantile", "a")]));
    for grams in 1..=10 {
        basket.record(grams);
    }
    registry.histogram("empty");
    registry.timer("http.latency").record(Duration::from_millis(250));
    clock.advance(Duration::from_secs(10));
    registry
}

#[test]
fn every_kind_of_instrument_becomes_its_families() {
    assert_eq!(
        text(&whole(), Format::Prometheus),
        r#"# TYPE basket_grams summary
# HELP basket_grams Weight of a basket.
basket_grams{exported_quantile="a",quantile="0.5"} 5.5
basket_grams{exported_quantile="a",quantile="0.75"} 8.25
basket_grams{exported_quantile="a",quantile="0.95"} 10
basket_grams{exported_quantile="a",quantile="0.98"} 10
basket_grams{exported_quantile="a",quantile="0.99"} 10
basket_grams{exported_quantile="a",quantile="0.999"} 10
basket_grams_sum{exported_quantile="a"} 55
basket_grams_count{exported_quantile="a"} 10
# TYPE basket_max_grams gauge
# HELP basket_max_grams Weight of a basket (greatest).
basket_max_grams{exported_quantile="a"} 10
# TYPE basket_min_grams gauge
# HELP basket_min_grams Weight of a basket (least).
basket_min_grams{exported_quantile="a"} 1
# TYPE connections_open gauge
# HELP connections_open The counter connections.open.
connections_open -2
# TYPE disk_bytes gauge
# HELP disk_bytes Free "space" on C:\\.
disk_bytes +Inf
# TYPE empty summary
# HELP empty The histogram empty.
empty_sum 0
empty_count 0
# TYPE http_latency_15m_rate gauge
# HELP http_latency_15m_rate The timer http.latency (per second, over the last 15 minutes).
http_latency_15m_rate 0.1
# TYPE http_latency_1m_rate gauge
# HELP http_latency_1m_rate The timer http.latency (per second, over the last minute).
http_latency_1m_rate 0.1
# TYPE http_latency_5m_rate gauge
# HELP http_latency_5m_rate The timer http.latency (per second, over the last 5 minutes).
http_latency_5m_rate 0.1
# TYPE http_latency_max_seconds gauge
# HELP http_latency_max_seconds The timer http.latency (greatest).
http_latency_max_seconds 0.25
# TYPE http_latency_mean_rate gauge
# HELP http_latency_mean_rate The timer http.latency (per second, since the start).
http_latency_mean_rate 0.1
# TYPE http_latency_min_seconds gauge
# HELP http_latency_min_seconds The timer http.latency (least).
http_latency_min_seconds 0.25
# TYPE http_latency_seconds summary
# HELP http_latency_seconds The timer http.latency.
http_latency_seconds{quantile="0.5"} 0.25
http_latency_seconds{quantile="0.75"} 0.25
http_latency_seconds{quantile="0.95"} 0.25
http_latency_seconds{quantile="0.98"} 0.25
http_latency_seconds{quantile="0.99"} 0.25
http_latency_seconds{quantile="0.999"} 0.25
http_latency_seconds_sum 0.25
http_latency_seconds_count 1
# TYPE http_requests_total counter
# HELP http_requests_total The meter http.requests.
http_requests_total 30
# TYPE http_requests_15m_rate gauge
# HELP http_requests_15m_rate The meter http.requests (per second, over the last 15 minutes).
http_requests_15m_rate 3
# TYPE http_requests_1m_rate gauge
# HELP http_requests_1m_rate The meter http.requests (per second, over the last minute).
http_requests_1m_rate 3
# TYPE http_requests_5m_rate gauge
# HELP http_requests_5m_rate The meter http.requests (per second, over the last 5 minutes).
http_requests_5m_rate 3
# TYPE http_requests_mean_rate gauge
# HELP http_requests_mean_rate The meter http.requests (per second, since the start).
http_requests_mean_rate 3
# TYPE orders_total counter
# HELP orders_total Orders accepted.
orders_total{city="blr"} 3
orders_total{city="say \"hi\"\\\n"} 4
# TYPE retries_total counter
# HELP retries_total The counter retries_total.
retries_total 1
"#
    );
}

#[test]
fn open_metrics_names_counters_without_total_says_units_and_ends() {
    let text = text(&whole(), Format::OpenMetrics);
    for lines in [
        "# TYPE orders counter\n# HELP orders Orders accepted.\norders_total{city=\"blr\"} 3\n",
        "# TYPE disk_bytes gauge\n# UNIT disk_bytes bytes\n",
        "# HELP disk_bytes Free \\\"space\\\" on C:\\\\.\ndisk_bytes +Inf\n",
        "# TYPE http_latency_seconds summary\n# UNIT http_latency_seconds seconds\n",
    ] {
        assert!(text.contains(lines), "{lines}\nis not in\n{text}");
    }
    assert!(text.ends_with("\nretries_total 1\n# EOF\n"), "{text}");
    assert!(!text.contains("_created"), "{text}");
}

/// To OpenMetrics a sum is a counter, and so cannot be below zero.
#[test]
fn a_sum_below_zero_is_no_open_metrics() {
    let registry = Registry::new();
    registry.histogram("x").record(-3);
    assert!(samples(&registry).contains(&"x_sum -3".to_owned()));
    let text = text(&registry, Format::OpenMetrics);
    assert!(text.contains("\nx_count 1\n") && !text.contains("x_sum"), "{text}");
}

#[test]
fn an_empty_registry_is_an_empty_text() {
    assert_eq!(text(&Registry::new(), Format::Prometheus), "");
    assert_eq!(text(&Registry::new(), Format::OpenMetrics), "# EOF\n");
}

#[test]
fn of_kinds_with_one_name_the_later_is_named_after_its_kind() {
    let registry = Registry::new();
    registry.counter("x").inc_by(1);
    registry.gauge("x").set(2.0);
    registry.meter("x").mark_n(3);
    registry.histogram("x").record(4);
    // A line of the histogram's family has this name.
    registry.counter("y.count").inc_by(5);
    registry.histogram("y").record(6);
    let samples = samples(&registry);
    for line in ["x 1", "x_gauge 2", "x_meter_total 3", "x_histogram_sum 4", "y_count 5"] {
        assert!(samples.contains(&line.to_owned()), "{line}: {samples:#?}");
    }
    assert!(samples.contains(&"y_histogram_count 1".to_owned()), "{samples:#?}");
    assert!(!samples.iter().any(|line| line.starts_with("apptuit_left_out")), "{samples:#?}");
}

#[test]
fn a_meter_and_a_timer_of_one_name_keep_their_rates_apart() {
    let (registry, clock) = registry();
    registry.meter("x").mark_n(10);
    registry.timer("x").record(Duration::from_secs(1));
    clock.advance(Duration::from_secs(5));
    let samples = samples(&registry);
    for line in ["x_total 10", "x_1m_rate 2", "x_seconds_sum 1", "x_timer_1m_rate 0.2"] {
        assert!(samples.contains(&line.to_owned()), "{line}: {samples:#?}");
    }
}

#[test]
fn what_cannot_be_shown_is_counted_by_reason() {
    let registry = Registry::new();
    registry.counter("a.b").inc_by(1);
    registry.counter("a_b").inc_by(2);
    registry.counter(("a_b", [("k", "v")])).inc_by(3);
    registry.counter(r#"broken{"k""#);
    registry.counter("").inc();
    registry.counter("down_total").dec();
    registry.gauge_fn("panics", || panic!("expected by the test"));
    registry.gauge("unset");
    registry.histogram(("h", [("k", "v")])).record(f64::NAN);
    registry.histogram(("h", [("k", "w")])).record(f64::INFINITY);
    assert_eq!(
        samples(&registry),
        [
            "a_b 1",
            "a_b{k=\"v\"} 3",
            "apptuit_left_out_series{reason=\"below zero\"} 1",
            "apptuit_left_out_series{reason=\"duplicate\"} 1",
            "apptuit_left_out_series{reason=\"name\"} 2",
            "apptuit_left_out_series{reason=\"panicked\"} 1",
            "apptuit_refused_values_total{metric=\"h\"} 2",
            "h_sum{k=\"v\"} 0",
            "h_count{k=\"v\"} 0",
            "h_sum{k=\"w\"} 0",
            "h_count{k=\"w\"} 0",
        ]
    );
}

#[test]
fn names_and_labels_are_cleaned_and_encoded_tags_are_labels() {
    let registry = Registry::new();
    registry.counter(r#"1st order{"the city": "blr"}"#).inc();
    registry.counter(("c", [("a.b", "1"), ("a_b", "2"), ("__x", "3"), ("", "4")])).inc();
    assert_eq!(samples(&registry), ["_1st_order{the_city=\"blr\"} 1", "c{_x=\"3\",a_b=\"2\"} 1"]);
}

#[test]
fn a_unit_is_the_last_word_once() {
    let registry = Registry::new();
    let in_bytes = || Description::new("Size.").unit("bytes");
    for metric in ["body", "body2_bytes", "bytes", "sent"] {
        registry.describe(metric, in_bytes());
        registry.histogram(metric).record(1);
    }
    registry.describe("sent", in_bytes().only_grows());
    registry.describe("sent", in_bytes());
    registry.counter("sent").inc_by(7);
    let samples = samples(&registry);
    for line in [
        "body_bytes_sum 1",
        "body_min_bytes 1",
        "body2_bytes_sum 1",
        "body2_max_bytes 1",
        "bytes_sum 1",
        "sent_bytes_total 7",
    ] {
        assert!(samples.contains(&line.to_owned()), "{line}: {samples:#?}");
    }
}

/// The total of an interval is no counter: it would seem to start anew at every report.
#[test]
fn a_reservoir_of_the_last_interval_shows_its_totals_as_gauges_and_asking_does_not_end_it() {
    let registry = Registry::builder().sampling(Sampling::log_linear(0.01).per_report()).build();
    let histogram = registry.histogram("x");
    let timer = registry.timer("t");
    for value in [10_u8, 20] {
        histogram.record(value);
        timer.record(Duration::from_secs(value.into()));
    }
    for _ in 0..2 {
        let samples = samples(&registry);
        for line in ["x_count_of_interval 2", "x_sum_of_interval 30", "x_min 10", "x_max 20"] {
            assert!(samples.contains(&line.to_owned()), "{line}: {samples:#?}");
        }
        assert!(samples.contains(&"t_sum_of_interval_seconds 30".to_owned()), "{samples:#?}");
        assert!(samples.iter().any(|line| line.starts_with("x{quantile")), "{samples:#?}");
        let is_total = |line: &String| line.starts_with("x_sum ") || line.starts_with("x_count ");
        assert!(!samples.iter().any(is_total), "{samples:#?}");
    }
    registry.report();
    let samples = samples(&registry);
    let of_x: Vec<_> = samples.iter().filter(|line| line.starts_with("x_")).collect();
    assert_eq!(of_x, ["x_count_of_interval 0", "x_sum_of_interval 0"]);
}

#[test]
fn an_idle_series_is_left_out_until_its_next_use() {
    let clock = ManualClock::new();
    let minute = Duration::from_mins(1);
    let registry = Registry::builder().clock(clock.clone()).idle_timeout(minute).build();
    let (quiet, busy) = (registry.counter("quiet"), registry.counter("busy"));
    quiet.inc();
    assert_eq!(samples(&registry), ["busy 0", "quiet 1"]);
    clock.advance(minute);
    busy.inc();
    assert_eq!(samples(&registry), ["busy 1"]);
    quiet.inc();
    assert_eq!(samples(&registry), ["busy 1", "quiet 2"]);
}

#[test]
fn a_scraper_gets_the_format_it_asks_for() {
    for (accept, format) in [
        ("", Format::Prometheus),
        ("*/*", Format::Prometheus),
        ("text/plain;version=0.0.4", Format::Prometheus),
        ("text/plain, Application/OpenMetrics-Text; version=1.0.0", Format::OpenMetrics),
        ("application/openmetrics-text;version=1.0.0;q=0", Format::Prometheus),
        ("application/openmetrics-text;version=0.0.1;q=0.75", Format::OpenMetrics),
    ] {
        assert_eq!(Format::accepted(accept), format, "{accept}");
    }
    assert_eq!(Format::Prometheus.content_type(), "text/plain; version=0.0.4; charset=utf-8");
    assert!(Format::OpenMetrics.content_type().starts_with("application/openmetrics-text;"));
}
