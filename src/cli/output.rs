//! The standard output of every subcommand.
//!
//! Owns: the one writer to stdout. A reader that has gone away, as in `tasker list | head`, ends the process
//! quietly. Two formats: text for people, and JSON whose shapes `shape.rs` defines.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

use super::{Output, style::Paint, table::Table, terminal};

/// Where and how a subcommand prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    /// The format.
    pub(crate) format: Output,
    /// Colours.
    pub(crate) paint: Paint,
    /// Whether the standard output is a terminal that can be painted over.
    can_repaint: bool,
    /// The columns that tables have at most.
    columns: Option<usize>,
}

impl Out {
    /// The output of this process in a format.
    pub(crate) fn of(format: Output) -> Self {
        let (can_repaint, columns) = (terminal::can_repaint(), terminal::columns());
        Self { format, paint: Paint::of(&io::stdout()), can_repaint, columns }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(self) -> bool {
        self.format == Output::Json
    }

    /// Whether a person watches and the screen can be repainted; colours say nothing of that.
    pub(crate) fn is_live(self) -> bool {
        self.format == Output::Text && self.can_repaint
    }

    /// The columns of the terminal, if one is written to.
    pub(crate) const fn columns(self) -> Option<usize> {
        self.columns
    }

    /// Prints text with a line end.
    pub(crate) fn line(self, text: &str) {
        self.raw(&format!("{text}\n"));
    }

    /// Prints a table, which fits the terminal.
    pub(crate) fn table(self, table: &Table) {
        self.raw(&self.drawn(table));
    }

    /// The table as text, each line ended.
    pub(crate) fn drawn(self, table: &Table) -> String {
        table.render(self.paint, self.columns)
    }

    /// Prints text as it is.
    pub(crate) fn raw(self, text: &str) {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        if let Err(error) = written {
            let broken = error.kind() == ErrorKind::BrokenPipe;
            if !broken {
                eprintln!("error: cannot write to the standard output: {error}");
            }
            #[expect(clippy::disallowed_methods, reason = "nobody reads what would follow")]
            std::process::exit(i32::from(!broken));
        }
    }

    /// Prints one JSON document, readable.
    pub(crate) fn document(self, value: &impl Serialize) {
        self.line(&serde_json::to_string_pretty(value).expect("our shapes are JSON"));
    }

    /// Prints one JSON document on one line, as part of a stream.
    pub(crate) fn record(self, value: &impl Serialize) {
        self.line(&serde_json::to_string(value).expect("our shapes are JSON"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_terminal_is_painted_over_whatever_the_colours() {
        for paint in [Paint::Plain, Paint::Ansi] {
            let out = |format, can_repaint| Out { format, paint, can_repaint, columns: None };
            assert!(!out(Output::Text, false).is_live(), "a pipe with {paint:?}");
            assert!(!out(Output::Json, true).is_live(), "JSON with {paint:?}");
            assert!(out(Output::Text, true).is_live(), "a terminal with {paint:?}");
        }
    }
}
