//! The native half of the Python package `apptuit`, private as `apptuit._native`.
//!
//! Arguments become the values of the crate `apptuit` under the interpreter's lock; encoding,
//! sending, retrying, reporting and parsing happen without it.

mod call;
mod client;
mod clock;
mod columns;
mod encoded;
mod errors;
mod exit;
mod fork;
mod frame;
mod instruments;
mod log;
mod names;
mod objects;
mod once;
mod outgoing;
mod pickle;
mod points;
mod process;
mod registry;
mod report_clock;
mod reporter;
mod samples;
mod series;
mod shared;
mod signals;
mod sketch;
mod snapshot;
mod source;
mod texts;
mod transport;
mod values;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::client::{Client, environment_tags};
    #[pymodule_export]
    use super::encoded::{decode_metric, encode_metric};
    #[pymodule_export]
    use super::fork::{after_fork_in_child, after_fork_in_parent, before_fork};
    #[pymodule_export]
    use super::frame::{arrow_stream, frame};
    #[pymodule_export]
    use super::instruments::{
        CallbackGauge, Counter, Gauge, Histogram, HistogramSample, Meter, SimpleGauge, Timer,
        TimerContext,
    };
    #[pymodule_export]
    use super::names::{TimeSeriesName, is_valid_name, sanitize};
    #[pymodule_export]
    use super::points::DataPoint;
    #[pymodule_export]
    use super::process::process_usage;
    #[pymodule_export]
    use super::registry::MetricsRegistry;
    #[pymodule_export]
    use super::reporter::{Reporter, stop_all};
    #[pymodule_export]
    use super::samples::{ExpDecayingSample, ExpWeightedMovingAvg, SlidingTimeWindowSample};
    #[pymodule_export]
    use super::series::TimeSeries;
    #[pymodule_export]
    use super::sketch::sketch;
    #[pymodule_export]
    use super::snapshot::Snapshot;

    use pyo3::exceptions::{PyImportError, PyRuntimeError};
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        // A module that needs the lock would be given it, for the whole program, with no more than a
        // warning.
        let version: String = module.py().import("sys")?.getattr("version")?.extract()?;
        if version.contains("free-threading") {
            let text = "apptuit does not work on free-threaded builds of Python: expected one with \
                        the interpreter's lock";
            return Err(PyImportError::new_err(text));
        }
        if is_subinterpreter(module.py())? {
            let text = "apptuit does not work in subinterpreters: expected the main interpreter";
            return Err(PyImportError::new_err(text));
        }
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        let endpoint = super::client::default_endpoint();
        let endpoint = endpoint.map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        module.add("DEFAULT_ENDPOINT", endpoint)?;
        super::once::make_all(module)
    }

    /// Whether this is not the main interpreter; from 3.12 on, Python refuses others itself.
    fn is_subinterpreter(py: Python<'_>) -> PyResult<bool> {
        if py.version_info() >= (3, 12) {
            return Ok(false);
        }
        let Ok(known) = py.import("_xxsubinterpreters") else { return Ok(false) };
        known.call_method0("get_current")?.ne(known.call_method0("get_main")?)
    }
}
