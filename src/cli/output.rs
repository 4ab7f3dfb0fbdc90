//! The standard output of every subcommand.
//!
//! Owns: the one writer to stdout. A reader that has gone away, as in `tasker list | head`, ends the process
//! quietly. Two formats: text for people, and JSON whose shapes `shape.rs` defines.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::{Output, style::Paint};

/// Where and how a subcommand prints.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Out {
    /// The format.
    pub(crate) format: Output,
    /// Colours.
    pub(crate) paint: Paint,
}

impl Out {
    /// The output of this process in a format.
    pub(crate) fn of(format: Output) -> Self {
        Self { format, paint: Paint::of(&io::stdout()) }
    }

    /// Whether programs read it.
    pub(crate) fn is_json(self) -> bool {
        self.format == Output::Json
    }

    /// Whether a person watches and the screen can be repainted.
    pub(crate) fn is_live(self) -> bool {
        self.format == Output::Text && self.paint == Paint::Ansi || self.is_plain_terminal()
    }

    fn is_plain_terminal(self) -> bool {
        #[expect(clippy::disallowed_methods, reason = "a convention of terminals, not configuration of the service")]
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
        self.format == Output::Text && io::stdout().is_terminal() && !dumb
    }

    /// Prints text with a line end.
    pub(crate) fn line(self, text: &str) {
        self.raw(&format!("{text}\n"));
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
