//! The terminal that a subcommand prints to.
//!
//! Owns: its size, and whether it can be painted over.

use std::io::{self, IsTerminal as _};

/// The columns and lines that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Columns.
    pub(crate) columns: usize,
    /// Lines.
    pub(crate) lines: usize,
}

/// The size where a terminal does not tell it.
const UNTOLD: Size = Size { columns: 80, lines: 24 };

/// The size of the standard output; 80 by 24 where it does not say. The last line is left to the cursor.
pub(crate) fn size() -> Size {
    let told = terminal_size::terminal_size().map(|(width, height)| (usize::from(width.0), usize::from(height.0)));
    // A pseudoterminal whose size nobody has set tells zero.
    let (columns, lines) = told.filter(|told| told.0 > 0 && told.1 > 0).unwrap_or((UNTOLD.columns, UNTOLD.lines));
    Size { columns, lines: lines.saturating_sub(1).max(1) }
}

/// The columns of a table: those of the terminal, and no limit where a program or a file takes the lines.
pub(crate) fn columns() -> Option<usize> {
    io::stdout().is_terminal().then(|| size().columns)
}

/// Whether the standard output is a terminal that understands how to move the cursor.
pub(crate) fn can_repaint() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a convention of terminals, not configuration of the service")]
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
    io::stdout().is_terminal() && !dumb
}
