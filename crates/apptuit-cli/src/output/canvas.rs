//! Lines in braille: each character cell holds two by four dots.

/// Dot bits of one cell, `[column][row]` from the upper left (Unicode block U+2800).
const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// A field of dots. The origin is at the lower left.
#[derive(Debug)]
pub(super) struct Canvas {
    columns: usize,
    rows: usize,
    cells: Vec<Cell>,
}

/// One character: its dots, and the colour of the line drawn last.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    dots: u8,
    pub(super) colour: usize,
}

impl Cell {
    /// The braille character, or a blank where there is no dot.
    pub(super) fn symbol(self) -> char {
        if self.dots == 0 {
            return ' ';
        }
        char::from_u32(0x2800 + u32::from(self.dots)).unwrap_or(' ')
    }
}

impl Canvas {
    /// An empty field of so many characters.
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows, cells: vec![Cell::default(); columns * rows] }
    }

    /// The characters of each row, from above.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[Cell]> {
        self.cells.chunks(self.columns)
    }

    /// A line between two places, each from 0 to 1 in both directions.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: usize) {
        let (width, height) = self.extent();
        let (dx, dy) = ((to.0 - from.0) * width, (to.1 - from.1) * height);
        // As many steps as dots in the longer direction, so that none is left out.
        let steps = dx.abs().max(dy.abs()).ceil().max(1.0);
        let mut step = 0.0;
        while step <= steps {
            let share = step / steps;
            self.dot(from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share, colour);
            step += 1.0;
        }
    }

    /// Dots in each direction, less one: the far edge is in the field.
    fn extent(&self) -> (f64, f64) {
        ((self.columns * 2 - 1) as f64, (self.rows * 4 - 1) as f64)
    }

    fn dot(&mut self, x: f64, y: f64, colour: usize) {
        if !(0.0..=1.0).contains(&x) || !(0.0..=1.0).contains(&y) {
            return;
        }
        let (width, height) = self.extent();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the field, which was checked above"
        )]
        let (x, y) = ((x * width).round() as usize, ((1.0 - y) * height).round() as usize);
        if let Some(cell) = self.cells.get_mut(y / 4 * self.columns + x / 2) {
            cell.dots |= DOTS[x % 2][y % 4];
            cell.colour = colour;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(canvas: &Canvas) -> Vec<String> {
        canvas.rows().map(|row| row.iter().map(|cell| cell.symbol()).collect()).collect()
    }

    #[test]
    fn a_level_line_fills_its_row_of_dots() {
        let mut canvas = Canvas::new(3, 2);
        canvas.line((0.0, 0.0), (1.0, 0.0), 0);
        assert_eq!(text(&canvas), ["   ", "⣀⣀⣀"]);
    }

    #[test]
    fn a_diagonal_joins_two_corners() {
        let mut canvas = Canvas::new(2, 1);
        canvas.line((0.0, 1.0), (1.0, 0.0), 0);
        assert_eq!(text(&canvas), ["⠑⢄"]);
    }

    #[test]
    fn what_lies_outside_is_not_drawn() {
        let mut canvas = Canvas::new(2, 1);
        canvas.line((1.5, 0.5), (2.0, 0.5), 0);
        canvas.line((f64::NAN, 0.5), (f64::NAN, 0.5), 0);
        assert_eq!(text(&canvas), ["  "]);
    }
}
