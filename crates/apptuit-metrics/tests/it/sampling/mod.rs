//! The laws of the reservoirs, against theory.
//!
//! Random numbers are seeded, so that a test does the same each time. A critical value is that of
//! one chance in a thousand; a law that is broken misses it by far.

mod buckets;
mod decaying;
mod window;

/// Pearson's: how far counts are from those expected, in units of their variance.
fn chi_square(observed: &[f64], expected: &[f64], variance: &[f64]) -> f64 {
    assert_eq!((observed.len(), variance.len()), (expected.len(), expected.len()));
    let terms = observed.iter().zip(expected).zip(variance);
    terms.map(|((observed, expected), variance)| (observed - expected).powi(2) / variance).sum()
}

/// Kolmogorov and Smirnov's: the greatest distance of the distributions of two samples.
fn greatest_distance(mut one: Vec<f64>, mut other: Vec<f64>) -> f64 {
    one.sort_by(f64::total_cmp);
    other.sort_by(f64::total_cmp);
    let below = |values: &[f64], x: f64| {
        values.partition_point(|value| *value <= x) as f64 / values.len() as f64
    };
    let distance = |x: &f64| (below(&one, *x) - below(&other, *x)).abs();
    one.iter().chain(&other).map(distance).fold(0.0, f64::max)
}
