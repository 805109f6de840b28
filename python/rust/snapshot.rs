//! A sample at one moment.

use apptuit::metrics;
use pyo3::prelude::*;

use crate::errors::value_error;
use crate::values::{self, Real};

/// A sample of a histogram's or a timer's values, at one moment.
#[pyclass(frozen, subclass, module = "apptuit.metrics")]
pub(crate) struct Snapshot(metrics::Snapshot);

impl Snapshot {
    pub(crate) fn of(native: metrics::Snapshot) -> Self {
        Self(native)
    }
}

#[pymethods]
impl Snapshot {
    #[classattr]
    const MEDIAN: f64 = 0.5;
    #[classattr]
    const P75_Q: f64 = 0.75;
    #[classattr]
    const P95_Q: f64 = 0.95;
    #[classattr]
    const P99_Q: f64 = 0.99;
    #[classattr]
    const P999_Q: f64 = 0.999;

    #[new]
    fn new(values: &Bound<'_, PyAny>) -> PyResult<Self> {
        let numbers = values.try_iter()?.map(|value| values::float(&value?));
        Ok(Self(numbers.collect::<PyResult<Vec<_>>>()?.into()))
    }

    /// The values, from least to greatest.
    #[getter]
    fn values(&self) -> &[f64] {
        self.0.values()
    }

    /// The number of values.
    #[pyo3(name = "get_size")]
    pub(crate) fn size(&self) -> usize {
        self.0.len()
    }

    /// The sum of the values.
    fn get_sum(&self) -> f64 {
        self.0.sum()
    }

    /// The least value; zero if there are none.
    fn get_min(&self) -> f64 {
        self.0.min()
    }

    /// The greatest value; zero if there are none.
    fn get_max(&self) -> f64 {
        self.0.max()
    }

    /// The mean of the values.
    fn get_mean(&self) -> f64 {
        self.0.mean()
    }

    /// The standard deviation of the values (divided by n - 1).
    fn get_stddev(&self) -> f64 {
        self.0.std_dev()
    }

    /// The variance of the values (divided by n - 1).
    fn get_var(&self) -> f64 {
        self.0.variance()
    }

    /// The value below which this share of the values lies; `ValueError` unless 0 to 1.
    fn get_percentile(&self, percentile: Real) -> PyResult<f64> {
        let Real(percentile) = percentile;
        if !(0.0..=1.0).contains(&percentile) {
            return Err(value_error(format!("`{percentile}` is no percentile: expected 0 to 1")));
        }
        Ok(self.0.quantile(percentile))
    }

    /// The value in the middle.
    fn get_median(&self) -> f64 {
        self.0.quantile(Self::MEDIAN)
    }

    /// The value below which 75 % of the values lie.
    fn get_75th_percentile(&self) -> f64 {
        self.0.quantile(Self::P75_Q)
    }

    /// The value below which 95 % of the values lie.
    fn get_95th_percentile(&self) -> f64 {
        self.0.quantile(Self::P95_Q)
    }

    /// The value below which 99 % of the values lie.
    fn get_99th_percentile(&self) -> f64 {
        self.0.quantile(Self::P99_Q)
    }

    /// The value below which 99.9 % of the values lie.
    fn get_999th_percentile(&self) -> f64 {
        self.0.quantile(Self::P999_Q)
    }
}
