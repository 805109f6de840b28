//! Arguments that are looked at as they are: what counters and meters count, and any object.

use pyo3::prelude::*;
use pyo3::types::PyInt;

/// An amount: nothing said, a whole number that fits, or any other object.
#[derive(Clone, Copy)]
pub(crate) enum Amount<'a, 'py> {
    One,
    Whole(i64),
    Other(Borrowed<'a, 'py, PyAny>),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Amount<'a, 'py> {
    type Error = PyErr;

    #[inline]
    fn extract(given: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if given.is_exact_instance_of::<PyInt>()
            && let Ok(number) = given.extract()
        {
            return Ok(Self::Whole(number));
        }
        Ok(Self::Other(given))
    }
}

impl<'py> Amount<'_, 'py> {
    /// The amount as Python's number.
    pub(crate) fn object(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        match self {
            Self::One => PyInt::new(py, 1).into_any(),
            Self::Whole(number) => PyInt::new(py, *number).into_any(),
            Self::Other(other) => Bound::clone(other),
        }
    }
}

/// Any argument, or none: `None` is one.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a, 'py>(pub(crate) Option<Borrowed<'a, 'py, PyAny>>);

impl<'a, 'py> FromPyObject<'a, 'py> for Said<'a, 'py> {
    type Error = std::convert::Infallible;

    #[inline]
    fn extract(given: Borrowed<'a, 'py, PyAny>) -> Result<Self, Self::Error> {
        Ok(Self(Some(given)))
    }
}
