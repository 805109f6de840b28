//! Meters and moving averages. Expected numbers are pyformance's, and the law of decay.

use std::time::Duration;

use apptuit_metrics::{Ewma, Meter, Registry};

use crate::{Unsteady, assert_close, assert_same, registry};

const MINUTE: Duration = Duration::from_mins(1);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Three events, a tick after five seconds, then a silent minute at a time.
fn rates_of_silent_minutes(period: Duration) -> [f64; 4] {
    let mut rate = Ewma::new(period, Duration::ZERO);
    rate.add(3.0);
    [5, 65, 125, 185].map(|at| {
        rate.tick(secs(at));
        rate.rate(secs(at))
    })
}

#[test]
fn silent_minutes_decay_as_in_pyformance() {
    let recorded = [
        (1, [0.6, 0.220_727_66, 0.081_201_17, 0.029_872_24]),
        (5, [0.6, 0.491_238_45, 0.402_192_03, 0.329_286_98]),
        (15, [0.6, 0.561_304_19, 0.525_103_99, 0.491_238_45]),
    ];
    for (period, expected) in recorded {
        for (actual, expected) in rates_of_silent_minutes(period * MINUTE).into_iter().zip(expected)
        {
            assert_close(actual, expected, 5e-7);
        }
    }
}

/// After n silent minutes a rate of period p is e^(-n/p) of what it was.
#[test]
fn silence_decays_exponentially() {
    for period in [1_u32, 5, 15] {
        for (minutes, actual) in (0_u32..).zip(rates_of_silent_minutes(period * MINUTE)) {
            assert_same(actual, 0.6 * (-f64::from(minutes) / f64::from(period)).exp());
        }
    }
}

#[test]
fn a_rate_ticks_when_it_is_read_after_five_seconds() {
    let mut rate = Ewma::new(MINUTE, Duration::ZERO);
    rate.add(3.0);
    assert_eq!(rate.rate(Duration::from_millis(4900)), 0.0);
    assert_eq!(rate.rate(secs(5)), 0.6);
    assert_same(rate.rate(secs(10)), 0.552_026_648_777_594);
    rate.add(60.0);
    assert_same(rate.rate(secs(70)), 0.835_199_813_892_603);
}

#[test]
fn a_steady_rate_is_that_rate_in_every_average() {
    let (registry, clock) = registry();
    let meter = registry.meter("steady");
    for _ in 0..200 {
        meter.mark_n(35);
        clock.advance(secs(5));
        for rate in moving_rates(&meter) {
            assert_same(rate, 7.0);
        }
    }
    assert_same(meter.mean_rate(), 7.0);
}

#[test]
fn a_meter_agrees_with_pyformance() {
    let (registry, clock) = registry();
    let meter = registry.meter("requests");
    meter.mark_n(3);
    clock.advance(secs(5));
    assert_eq!((meter.count(), meter.mean_rate()), (3, 0.6));
    assert_eq!(moving_rates(&meter), [0.6; 3]);

    clock.advance(secs(5));
    meter.mark_n(10);
    let expected = [0.711_937_819_518_947_4, 0.623_139_964_649_735_5, 0.607_756_212_793_114_5];
    for (actual, expected) in moving_rates(&meter).into_iter().zip(expected) {
        assert_same(actual, expected);
    }
    assert_same(meter.mean_rate(), 1.3);
}

#[test]
fn a_timer_agrees_with_pyformance() {
    let (registry, clock) = registry();
    let timer = registry.timer("latency");
    for tenths in 1..=4 {
        let running = timer.start();
        clock.advance(Duration::from_millis(100 * tenths));
        assert_eq!(running.stop(), Duration::from_millis(100 * tenths));
    }
    clock.advance(secs(4));
    assert_eq!(timer.count(), 4);
    assert_same(timer.mean(), 0.25);
    assert_same(timer.sum(), 1.0);
    assert_same(timer.std_dev(), 0.129_099_444_873_551_2);
    assert_same(timer.snapshot().median(), 0.25);
    assert_same(timer.snapshot().quantile(0.75), 0.375);
    for rate in [
        timer.mean_rate(),
        timer.one_minute_rate(),
        timer.five_minute_rate(),
        timer.fifteen_minute_rate(),
    ] {
        assert_same(rate, 0.8);
    }
}

#[test]
fn rates_are_zero_while_no_time_has_passed() {
    let (registry, _clock) = registry();
    let meter = registry.meter("requests");
    meter.mark();
    assert_eq!(meter.mean_rate(), 0.0);
    assert_eq!(moving_rates(&meter), [0.0; 3]);
}

#[test]
fn a_clock_turned_back_makes_no_negative_rate_and_no_duration() {
    let clock = Unsteady::default();
    clock.set_secs(100);
    let registry = Registry::with_clock(clock.clone());
    let (meter, timer) = (registry.meter("requests"), registry.timer("latency"));
    meter.mark_n(5);
    let running = timer.start();
    clock.set_secs(40);
    assert_eq!(running.stop(), Duration::ZERO);
    assert_eq!(timer.count(), 0);
    assert_eq!(meter.mean_rate(), 0.0);
    assert_eq!(moving_rates(&meter), [0.0; 3]);
    clock.set_secs(105);
    assert_eq!(moving_rates(&meter), [1.0; 3]);
}

#[test]
fn a_timer_records_what_panics_and_what_is_dropped() {
    let (registry, clock) = registry();
    let timer = registry.timer("latency");
    let moved = clock.clone();
    let work = std::panic::AssertUnwindSafe(|| {
        timer.time(|| {
            moved.advance(secs(2));
            panic!("expected by the test");
        })
    });
    assert!(std::panic::catch_unwind(work).is_err());
    let running = timer.start();
    clock.advance(secs(3));
    drop(running);
    assert_eq!((timer.count(), timer.min(), timer.max()), (2, 2.0, 3.0));
}

#[test]
fn clearing_a_meter_and_a_timer_starts_them_anew() {
    let (registry, clock) = registry();
    let (meter, timer) = (registry.meter("requests"), registry.timer("latency"));
    meter.mark_n(100);
    timer.record(secs(9));
    clock.advance(secs(60));
    meter.clear();
    timer.clear();
    meter.mark_n(5);
    timer.record(secs(1));
    clock.advance(secs(10));
    assert_eq!((meter.count(), meter.mean_rate(), meter.one_minute_rate()), (5, 0.5, 0.5));
    assert_eq!((timer.count(), timer.max(), timer.mean_rate()), (1, 1.0, 0.1));
    assert_eq!(timer.snapshot().values(), [1.0]);
}

fn moving_rates(meter: &Meter) -> [f64; 3] {
    [meter.one_minute_rate(), meter.five_minute_rate(), meter.fifteen_minute_rate()]
}
