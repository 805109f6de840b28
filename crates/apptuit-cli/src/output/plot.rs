//! Series drawn in the terminal, in braille dots.

use std::fmt::Write;

use apptuit::{TimeSeries, Timestamp};

use super::canvas::Canvas;
use super::number::{Labels, significant};
use super::time::clock;
use super::{Screen, printable};

/// Told apart on dark and on light ground, and by most colour-blind readers: the terminal's own
/// blue, yellow, green, magenta, cyan and red.
const COLOURS: [u8; 6] = [34, 33, 32, 35, 36, 31];

/// Rows between two labels of the value axis.
const LABEL_EVERY: usize = 4;

/// A chart of the first series, and a key that names them.
pub(crate) fn plot(title: &str, series: &[&TimeSeries], screen: Screen) -> String {
    let with_points = || series.iter().copied().filter(|series| !series.is_empty());
    let drawn: Vec<&TimeSeries> = with_points().take(COLOURS.len()).collect();
    if drawn.is_empty() {
        return format!("{title}: no points in this range\n");
    }
    let all = || drawn.iter().flat_map(|series| series.iter());
    let time = bounds(all().map(|(t, _)| t.as_secs_f64()));
    let value = padded(bounds(all().map(|(_, v)| v)));

    let mut text = format!("{title}\n");
    chart(&mut text, &drawn, time, value, screen);
    for (n, series) in drawn.iter().enumerate() {
        let last = series.values().last().copied().unwrap_or(f64::NAN);
        let mark = paint("━━", n, screen.colours);
        let _ = writeln!(text, "  {mark} {}  now {}", printable(series.name()), significant(last));
    }
    let hidden = with_points().count() - drawn.len();
    if hidden > 0 {
        let _ = writeln!(text, "  and {hidden} more series that are not drawn");
    }
    text
}

fn chart(
    text: &mut String,
    drawn: &[&TimeSeries],
    time: [f64; 2],
    value: [f64; 2],
    screen: Screen,
) {
    let rows = screen.height;
    let scale = (value[1] - value[0]) / (rows - 1) as f64;
    let style = Labels::new(value, scale * LABEL_EVERY as f64);
    let label = |row: usize| style.label(value[1] - scale * row as f64);
    let labels: Vec<String> = (0..rows)
        .map(
            |row| {
                if row % LABEL_EVERY == 0 || row == rows - 1 { label(row) } else { String::new() }
            },
        )
        .collect();
    let gutter = labels.iter().map(String::len).max().unwrap_or(0) + 1;
    let columns = screen.width.saturating_sub(gutter + 1).max(10);

    let mut canvas = Canvas::new(columns, rows);
    let place = |t: Timestamp, v: f64| (share(t.as_secs_f64(), time), share(v, value));
    for (n, series) in drawn.iter().enumerate() {
        let mut previous = None;
        for (timestamp, value) in series.iter() {
            let here = place(timestamp, value);
            canvas.line(previous.unwrap_or(here), here, n);
            previous = Some(here);
        }
    }
    for (cells, label) in canvas.rows().zip(&labels) {
        let axis = if label.is_empty() { '│' } else { '┤' };
        let mut line = format!("{label:>gutter$}{axis}");
        for cell in cells {
            let symbol = cell.symbol();
            let coloured = screen.colours && symbol != ' ';
            line.push_str(&paint(symbol.encode_utf8(&mut [0; 4]), cell.colour, coloured));
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    time_axis(text, gutter, columns, time);
}

/// The line under the chart, and the time at its ends and in its middle.
fn time_axis(text: &mut String, gutter: usize, columns: usize, time: [f64; 2]) {
    let at = |seconds: f64| {
        let instant = Timestamp::from_number(seconds).unwrap_or_default();
        clock(instant, time[1] - time[0])
    };
    let labels = [at(time[0]), at(f64::midpoint(time[0], time[1])), at(time[1])];
    let room = columns.saturating_sub(labels.iter().map(String::len).sum());
    let gap = " ".repeat((room / 2).max(1));
    let _ = writeln!(text, "{:>gutter$}└{}", "", "─".repeat(columns));
    let _ = writeln!(text, "{:>gutter$} {}", "", labels.join(&gap));
}

/// Where `number` lies between the bounds, from 0 to 1; in the middle if they are one.
fn share(number: f64, [low, high]: [f64; 2]) -> f64 {
    if high > low { (number - low) / (high - low) } else { 0.5 }
}

fn paint(text: &str, colour: usize, coloured: bool) -> String {
    let code = COLOURS[colour % COLOURS.len()];
    if coloured { format!("\x1b[{code}m{text}\x1b[39m") } else { text.to_owned() }
}

fn bounds(numbers: impl Iterator<Item = f64>) -> [f64; 2] {
    numbers.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], n| [low.min(n), high.max(n)])
}

/// A little room above and below, and some even where all values are one.
fn padded([low, high]: [f64; 2]) -> [f64; 2] {
    let room = if high > low { (high - low) * 0.05 } else { low.abs().max(1.0) * 0.1 };
    // A line that is never negative should not seem to be.
    let floor = if low >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
    [(low - room).max(floor), high + room]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen { width: 60, height: 12, colours: false };

    fn ramp(metric: &str, slope: f64) -> TimeSeries {
        let points = (0..60_i32).map(|n| (Timestamp::from_secs(n.into()), slope * f64::from(n)));
        TimeSeries::from_points(metric, points)
    }

    #[test]
    fn a_rising_line_goes_from_the_lower_left_to_the_upper_right() {
        let text = plot("ramp", &[&ramp("m", 1.0)], SCREEN);
        let rows: Vec<&str> = text.lines().skip(1).take(12).collect();
        let braille = |row: &str| row.chars().position(|c| ('\u{2801}'..='\u{28ff}').contains(&c));
        let first = rows.iter().find_map(|row| braille(row)).expect("a drawn row");
        let last = rows.iter().rev().find_map(|row| braille(row)).expect("a drawn row");
        assert!(first > last + 20, "{text}");
        assert!(text.contains("00:00:00") && text.contains("00:00:59"), "{text}");
        assert!(text.contains("m{}  now 59"), "{text}");
    }

    #[test]
    fn colours_appear_only_where_they_are_wanted() {
        let series = ramp("m", 1.0);
        assert!(!plot("t", &[&series], SCREEN).contains('\x1b'));
        assert!(plot("t", &[&series], Screen { colours: true, ..SCREEN }).contains("\x1b[34m"));
    }

    #[test]
    fn series_beyond_the_sixth_are_counted() {
        let many: Vec<TimeSeries> = (0..8).map(|n| ramp("m", f64::from(n))).collect();
        let text = plot("t", &many.iter().collect::<Vec<_>>(), SCREEN);
        assert!(text.contains("and 2 more series"), "{text}");
    }

    #[test]
    fn nothing_to_draw_is_said() {
        assert!(plot("t", &[&TimeSeries::new("m")], SCREEN).contains("no points"));
    }
}
