//! Numbers as the eye reads them.

/// Six significant digits without trailing zeros; with an exponent where the number is very large or
/// very small.
pub(crate) fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.abs().to_string();
    }
    let exponent = value.abs().log10().floor();
    if !(-4.0..15.0).contains(&exponent) {
        let text = format!("{value:.5e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    trimmed(&format!("{value:.0$}", decimals(5.0 - exponent))).to_owned()
}

/// How the labels of an axis are written: with one unit, and with as many decimals as tell two
/// neighbours apart.
#[derive(Debug)]
pub(crate) struct Labels {
    unit: (f64, &'static str),
    decimals: usize,
    exponent: bool,
}

impl Labels {
    /// For an axis between these values, with labels this far apart.
    pub(crate) fn new([low, high]: [f64; 2], step: f64) -> Self {
        const UNITS: [(f64, &str); 4] = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
        let largest = low.abs().max(high.abs());
        let unit = UNITS.into_iter().find(|(size, _)| largest >= *size).unwrap_or((1.0, ""));
        let digits = -(step / unit.0).log10().floor();
        let exponent = largest >= 1e15 || digits > 6.0;
        Self { unit, decimals: decimals(digits), exponent }
    }

    /// One label.
    pub(crate) fn label(&self, value: f64) -> String {
        if self.exponent {
            return format!("{value:.3e}");
        }
        let (size, name) = self.unit;
        // Adding zero turns a negative zero into a plain one.
        let text = format!("{:.*}", self.decimals, value / size + 0.0);
        if value == 0.0 { text } else { text + name }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 20")]
fn decimals(digits: f64) -> usize {
    digits.clamp(0.0, 20.0) as usize
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_count_from_the_first_that_is_not_zero() {
        let shown = [20.0, 22.5, 97.504_951_4, 0.1 + 0.2, -0.5, 0.000_920_647_1, 1_234_567.8, 1e14];
        let expected =
            ["20", "22.5", "97.505", "0.3", "-0.5", "0.000920647", "1234568", "100000000000000"];
        assert_eq!(shown.map(significant), expected);
        let extreme = [0.0, -0.0, 1.2e-7, 1e15, 1e300, -7.25e-6].map(significant);
        assert_eq!(extreme, ["0", "0", "1.2e-7", "1e15", "1e300", "-7.25e-6"]);
    }

    #[test]
    fn labels_differ_where_their_values_do() {
        let labels = |low: f64, high: f64| {
            let step = (high - low) / 4.0;
            let labels = Labels::new([low, high], step);
            [low, low + step, high].map(|value| labels.label(value))
        };
        assert_eq!(labels(0.0, 52.0), ["0", "13", "52"]);
        assert_eq!(labels(0.0, 0.001), ["0.0000", "0.0003", "0.0010"]);
        assert_eq!(labels(1_000_000.0, 1_000_060.0), ["1.00000M", "1.00002M", "1.00006M"]);
        assert_eq!(labels(0.0, 16e9), ["0", "4G", "16G"]);
        assert_eq!(labels(0.0, 1e300), ["0.000e0", "2.500e299", "1.000e300"]);
        assert_eq!(labels(0.0, 4e-9), ["0.000e0", "1.000e-9", "4.000e-9"]);
    }
}
