//! Paints the live view over and over.

use super::{
    super::{
        canvas::Canvas,
        output::Out,
        style::{Paint, Tone, cut},
        terminal,
    },
    board::Board,
    view,
};
use crate::domain::run::Micros;

/// The part of the terminal that the view covers.
#[derive(Debug)]
pub(crate) struct Screen {
    /// A line below the view.
    pub(crate) notice: Option<String>,
    canvas: Canvas,
    paint: Paint,
}

impl Screen {
    /// A view below whatever has been printed.
    pub(crate) fn new(out: Out) -> Self {
        Self { notice: None, canvas: Canvas::new(out), paint: out.paint }
    }

    /// Paints the board over the former view.
    pub(crate) fn paint(&mut self, board: &Board, now: Micros) {
        let size = terminal::size();
        let mut lines = view::screen(board, now, self.paint, size);
        if let Some(notice) = &self.notice {
            lines.push(self.paint.tone(Tone::Warn, &cut(notice, size.columns)));
        }
        self.canvas.paint(&lines);
    }
}
