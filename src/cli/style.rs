//! Colours and glyphs.
//!
//! Owns: how a state looks. Colours appear on a terminal without `NO_COLOR`, and elsewhere with `CLICOLOR_FORCE`; the
//! glyphs differ by shape, so that nothing is said by colour alone.

use std::io::IsTerminal;

use crate::domain::state::State;

/// Whether and how to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Plain text.
    Plain,
    /// ANSI colours.
    Ansi,
}

/// A way to set text off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Secondary.
    Dim,
    /// Important.
    Bold,
    /// Done.
    Good,
    /// Running.
    Busy,
    /// Waiting for another attempt.
    Warn,
    /// Failed.
    Bad,
}

impl Paint {
    /// Colours when the stream is a terminal that wants them.
    pub(crate) fn of(stream: &impl IsTerminal) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a convention of terminals, not configuration of the service")]
        let env = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let dumb = env("TERM").is_some_and(|term| term == "dumb");
        let forced = env("CLICOLOR_FORCE").is_some_and(|value| value != "0");
        let wanted = forced || (stream.is_terminal() && !dumb);
        if wanted && env("NO_COLOR").is_none() { Self::Ansi } else { Self::Plain }
    }

    /// The text in this tone.
    pub(crate) fn tone(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Dim => "2",
            Tone::Bold => "1",
            Tone::Good => "32",
            Tone::Busy => "36",
            Tone::Warn => "33",
            Tone::Bad => "31",
        };
        match self {
            _ if text.is_empty() => String::new(),
            Self::Plain => text.to_owned(),
            Self::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// The tone of a state.
pub(crate) const fn tone(state: State) -> Tone {
    match state {
        State::Pending => Tone::Dim,
        State::InProgress => Tone::Busy,
        State::Complete | State::ResolvedManually => Tone::Good,
        State::Error => Tone::Bad,
        State::Cancelled => Tone::Warn,
    }
}

/// The glyph of a state.
pub(crate) const fn glyph(state: State) -> &'static str {
    match state {
        State::Pending => "·",
        State::InProgress => "▶",
        State::Complete => "✔",
        State::Error => "✘",
        State::Cancelled => "⊘",
        State::ResolvedManually => "◆",
    }
}

/// The columns that a text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// The text, cut to at most so many columns; a cut is marked with `…`.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut taken = 1;
    for symbol in text.chars() {
        taken += unicode_width::UnicodeWidthChar::width(symbol).unwrap_or(0);
        if taken > columns {
            break;
        }
        kept.push(symbol);
    }
    kept.push('…');
    kept
}

/// The text without anything that could move the cursor or break the line.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|symbol| if symbol.is_control() { ' ' } else { symbol }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(one_line("a\x1b[2J\nb"), "a [2J b");
    }
}
