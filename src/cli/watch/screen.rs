//! Repaints the live view in place, with plain ANSI codes.

use super::{
    super::{
        output::Out,
        style::{Tone, cut},
    },
    board::Board,
    view::{self, Size},
};
use crate::domain::run::Micros;

/// The part of the terminal that the view covers. Dropping it shows the cursor again.
#[derive(Debug)]
pub(crate) struct Screen {
    /// A line below the view.
    pub(crate) notice: Option<String>,
    out: Out,
    lines: usize,
    last: String,
}

impl Screen {
    /// A view below whatever has been printed.
    pub(crate) fn new(out: Out) -> Self {
        out.raw("\x1b[?25l");
        Self { notice: None, out, lines: 0, last: String::new() }
    }

    /// Paints the board over the former view.
    pub(crate) fn paint(&mut self, board: &Board, now: Micros) {
        let size = terminal();
        let mut lines = view::screen(board, now, self.out.paint, size);
        if let Some(notice) = &self.notice {
            lines.push(self.out.paint.tone(Tone::Warn, &cut(notice, size.columns)));
        }
        let text = lines.iter().fold(String::new(), |text, line| text + line + "\x1b[K\n");
        if text == self.last {
            return;
        }
        let up = if self.lines > 0 { format!("\x1b[{}A", self.lines) } else { String::new() };
        self.out.raw(&format!("{up}\r{text}\x1b[J"));
        self.lines = lines.len();
        self.last = text;
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.out.raw("\x1b[?25h");
    }
}

/// The size of the terminal; 100 by 30 where it does not say.
fn terminal() -> Size {
    let (columns, lines) = terminal_size::terminal_size().map_or((100, 30), |(width, height)| (width.0, height.0));
    Size { columns: usize::from(columns.max(40)), lines: usize::from(lines.max(9)) - 1 }
}
