//! The part of a terminal that is painted again and again.
//!
//! Owns: painting over the former picture, with plain ANSI codes. A line that is wider than the terminal is cut, and
//! of a picture that is higher the end is left out, because a line that has wrapped or scrolled away cannot be
//! painted over and would stay.

use super::{
    output::Out,
    style::{Paint, Tone, width},
    terminal::{self, Size},
};

/// A picture below whatever was printed before. Dropping it shows the cursor again.
#[derive(Debug)]
pub(crate) struct Canvas {
    out: Out,
    lines: usize,
    last: String,
}

impl Canvas {
    /// A picture below whatever has been printed.
    pub(crate) fn new(out: Out) -> Self {
        out.raw("\x1b[?25l");
        Self { out, lines: 0, last: String::new() }
    }

    /// Paints the lines over the former picture.
    pub(crate) fn paint(&mut self, lines: &[String]) {
        let lines = fitted(lines, terminal::size(), self.out.paint);
        let text = lines.iter().fold(String::new(), |text, line| text + line + "\x1b[K\n");
        if text == self.last {
            return;
        }
        let up = if self.lines > 0 { format!("\x1b[{}A", self.lines) } else { String::new() };
        self.out.raw(&format!("{up}\r{text}\x1b[J"));
        self.lines = lines.len();
        self.last = text;
    }

    /// Leaves the whole text in place of the picture, whatever its size.
    pub(crate) fn finish(self, text: &str) {
        let up = if self.lines > 0 { format!("\x1b[{}A", self.lines) } else { String::new() };
        self.out.raw(&format!("{up}\r\x1b[J{text}"));
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        self.out.raw("\x1b[?25h");
    }
}

/// The lines that can be painted over again.
fn fitted(lines: &[String], size: Size, paint: Paint) -> Vec<String> {
    let more = lines.len().saturating_sub(size.lines);
    let shown = if more > 0 { size.lines.saturating_sub(1) } else { lines.len() };
    let mut fitted: Vec<String> = lines.iter().take(shown).map(|line| cut_painted(line, size.columns)).collect();
    if more > 0 {
        let words = format!("… {} more lines", lines.len() - shown);
        fitted.push(paint.tone(Tone::Dim, &cut_painted(&words, size.columns)));
    }
    fitted
}

/// The text, cut to so many columns; colours take none, and end where the text ends.
fn cut_painted(text: &str, columns: usize) -> String {
    let mut kept = String::new();
    let (mut taken, mut painted, mut rest) = (0, false, text);
    while let Some(symbol) = rest.chars().next() {
        if let Some(code) = colour(rest) {
            painted = code != "\x1b[0m";
            kept.push_str(code);
            rest = &rest[code.len()..];
            continue;
        }
        let wide = unicode_width::UnicodeWidthChar::width(symbol).unwrap_or(0);
        let ends = bare_width(&rest[symbol.len_utf8()..]) == 0;
        if taken + wide > columns || (taken + wide == columns && !ends) {
            kept.push('…');
            kept.push_str(if painted { "\x1b[0m" } else { "" });
            return kept;
        }
        taken += wide;
        kept.push(symbol);
        rest = &rest[symbol.len_utf8()..];
    }
    kept
}

/// The code of a colour that the text begins with.
fn colour(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("\x1b[")?;
    let end = digits.find(|symbol: char| !symbol.is_ascii_digit() && symbol != ';')?;
    digits[end..].starts_with('m').then(|| &text[.."\x1b[".len() + end + 1])
}

/// The columns that the text takes without its colours.
pub(crate) fn bare_width(text: &str) -> usize {
    let mut bare = String::new();
    let mut rest = text;
    while let Some(symbol) = rest.chars().next() {
        let skipped = colour(rest).map_or(0, str::len);
        if skipped == 0 {
            bare.push(symbol);
        }
        rest = &rest[skipped.max(symbol.len_utf8() * usize::from(skipped == 0))..];
    }
    width(&bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(count: usize) -> Vec<String> {
        (1..=count).map(|number| format!("line {number}")).collect()
    }

    #[test]
    fn colours_take_no_columns_and_end_with_the_text() {
        assert_eq!(cut_painted("\x1b[32mabcdef\x1b[0m", 6), "\x1b[32mabcdef\x1b[0m");
        assert_eq!(cut_painted("\x1b[32mabcdef\x1b[0m", 4), "\x1b[32mabc…\x1b[0m");
        assert_eq!(cut_painted("abcdef", 6), "abcdef");
        assert_eq!(cut_painted("ab日本語", 6), "ab日…");
        assert_eq!(bare_width("\x1b[1;31m日本\x1b[0m!"), 5);
    }

    #[test]
    fn a_picture_is_never_higher_than_the_terminal() {
        let size = Size { columns: 20, lines: 4 };
        assert_eq!(fitted(&lines(4), size, Paint::Plain), lines(4));
        assert_eq!(fitted(&lines(9), size, Paint::Plain), ["line 1", "line 2", "line 3", "… 6 more lines"]);
    }
}
