//! A plain table: a header, columns as wide as they need to be, two spaces between.
//!
//! Owns: fitting a terminal. Every column says how narrow it can become; a table whose columns at their narrowest take
//! more than 80 does not compile. Ids are never cut. Where no terminal reads, nothing is cut.

use super::style::{Paint, Tone, cut, width};

/// The columns that every table fits in.
const COLUMNS: usize = 80;
/// The spaces between two columns.
const GAP: usize = 2;
/// The fewest columns in which a text that can be left out tells something.
const READABLE: usize = 10;
/// The columns of an id.
const ID: usize = 36;

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    title: &'static str,
    narrowest: usize,
}

/// A column of ids, which are never cut.
pub(crate) const fn id(title: &'static str) -> Column {
    Column { title, narrowest: ID }
}

/// A column that can be cut to so many columns of the terminal. One of zero can be left out.
pub(crate) const fn text(title: &'static str, narrowest: usize) -> Column {
    Column { title, narrowest }
}

/// The columns of a table that fits. Evaluated by the compiler: `Table::new(const { columns([…]) })`.
pub(crate) const fn columns<const N: usize>(columns: [Column; N]) -> [Column; N] {
    let (mut position, mut taken) = (0, 0);
    while position < N {
        let Column { title, narrowest } = columns[position];
        assert!(narrowest == 0 || title.len() <= narrowest, "a column is at least as wide as its title");
        if narrowest > 0 {
            taken += narrowest + if taken > 0 { GAP } else { 0 };
        }
        position += 1;
    }
    assert!(taken <= COLUMNS, "a table fits 80 columns");
    columns
}

/// Rows of cells under a header.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

/// A cell and its tone.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, tone: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl Cell {
    /// A cell in a tone.
    pub(crate) fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone: Some(tone) }
    }
}

impl Table {
    /// An empty table.
    pub(crate) fn new<const N: usize>(columns: [Column; N]) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row; it has a cell for every column.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(cells.into());
    }

    /// The table as text, each line ended, within so many columns if there is a limit.
    pub(crate) fn render(&self, paint: Paint, limit: Option<usize>) -> String {
        let mut widths: Vec<usize> = self.columns.iter().map(|column| width(column.title)).collect();
        for row in &self.rows {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = (*widest).max(width(&cell.text));
            }
        }
        if let Some(limit) = limit {
            narrow(&self.columns, &mut widths, limit.max(COLUMNS));
        }
        let titles: Vec<Cell> = self.columns.iter().map(|column| Cell::toned(Tone::Dim, column.title)).collect();
        std::iter::once(&titles).chain(&self.rows).map(|row| line(row, &widths, paint)).collect()
    }
}

/// Makes the table fit: what can be left out gets what the others leave, if that is enough to be read, and then columns
/// are taken from the one that has most to spare. A width of zero leaves the column out.
fn narrow(columns: &[Column], widths: &mut [usize], limit: usize) {
    for position in (0..widths.len()).rev().filter(|position| columns[*position].narrowest == 0) {
        if taken(widths) > limit {
            let others = taken(widths) - widths[position];
            let room = limit.saturating_sub(others);
            widths[position] = if room < READABLE { 0 } else { room.min(widths[position]) };
        }
    }
    let spare = |widths: &[usize], position: usize| widths[position].saturating_sub(columns[position].narrowest);
    while taken(widths) > limit {
        let Some(position) = (0..widths.len()).filter(|at| spare(widths, *at) > 0).max_by_key(|at| spare(widths, *at))
        else {
            return;
        };
        widths[position] -= 1;
    }
}

/// The columns that a line takes.
fn taken(widths: &[usize]) -> usize {
    let shown = widths.iter().filter(|width| **width > 0);
    shown.map(|width| width + GAP).sum::<usize>().saturating_sub(GAP)
}

fn line(row: &[Cell], widths: &[usize], paint: Paint) -> String {
    let mut line = String::new();
    let shown = || row.iter().zip(widths).filter(|(_, width)| **width > 0);
    let last = shown().enumerate().filter(|(_, (cell, _))| !cell.text.is_empty()).last().map_or(0, |(last, _)| last);
    for (position, (cell, columns)) in shown().enumerate().take(last + 1) {
        let text = cut(&cell.text, *columns);
        line += &cell.tone.map_or_else(|| text.clone(), |tone| paint.tone(tone, &text));
        if position < last {
            line += &" ".repeat(columns - width(&text) + GAP);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table =
            Table::new(const { columns([id("ID"), text("HANDLER", 12), text("STATE", 11), text("NOTE", 0)]) });
        let id = "01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000";
        table.row([id.into(), "logistics.ship_parcel@1.2.0".into(), Cell::toned(Tone::Bad, "error"), "".into()]);
        table.row([id.into(), "default.x@1".into(), "resolved_manually".into(), "printed by hand".into()]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_where_nothing_limits_them() {
        insta::assert_snapshot!(table().render(Paint::Plain, None), @r"
        ID                                    HANDLER                      STATE              NOTE
        01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000  logistics.ship_parcel@1.2.0  error
        01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000  default.x@1                  resolved_manually  printed by hand
        ");
    }

    #[test]
    fn a_table_on_a_terminal_fits_and_keeps_its_ids() {
        for limit in [80, 90, 100, 120] {
            let text = table().render(Paint::Plain, Some(limit));
            let widest = text.lines().map(width).max().unwrap();
            assert!(widest <= limit, "{limit}: {text}");
            assert_eq!(text.matches("01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000").count(), 2, "{text}");
        }
        insta::assert_snapshot!(table().render(Paint::Plain, Some(80)), @r"
        ID                                    HANDLER                  STATE
        01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000  logistics.ship_parcel@…  error
        01932c07-6b1f-7d0e-9d0a-5f2c1d3e0000  default.x@1              resolved_manually
        ");
    }
}
