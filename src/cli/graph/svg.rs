//! The graph as a picture.

use std::fmt::Write as _;

use super::{
    super::style::{cut, one_line, width},
    drawing::{CRITICAL, Drawing},
    layout::{Layout, Place, lay_out},
};

const HEIGHT: f64 = 44.0;
const ROW: f64 = 64.0;
const GAP: f64 = 72.0;
const MARGIN: f64 = 24.0;
/// A letter of the font is about so wide.
const LETTER: f64 = 7.5;
const NAME_LETTERS_MIN: usize = 10;
const NAME_LETTERS_MAX: usize = 36;

/// Draws a graph.
pub(super) fn draw(drawing: &Drawing) -> String {
    let layout = lay_out(drawing);
    let columns = Columns::of(drawing);
    let (wide, high) = (columns.end() + MARGIN, layout.rows as f64 * ROW + 2.0 * MARGIN);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide:.0}\" height=\"{high:.0}\" viewBox=\"0 0 {wide:.0} \
         {high:.0}\" font-family=\"ui-monospace, monospace\" font-size=\"12\">\n  <title>{}</title>\n  <defs>\n{}{}  \
         </defs>\n",
        escaped(&drawing.title),
        arrow("arrow", "#868e96"),
        arrow("critical", CRITICAL)
    );
    edges(drawing, &layout, &columns, &mut text);
    nodes(drawing, &layout, &columns, &mut text);
    text + "</svg>\n"
}

fn arrow(id: &str, colour: &str) -> String {
    format!(
        "    <marker id=\"{id}\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
         markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"{colour}\"/></marker>\n"
    )
}

/// Edges that are not critical first, so that the critical path lies above them.
fn edges(drawing: &Drawing, layout: &Layout, columns: &Columns, text: &mut String) {
    for critical in [false, true] {
        for (edge, places) in drawing.edges.iter().zip(&layout.edges).filter(|(edge, _)| edge.critical == critical) {
            let (colour, wide, marker) =
                if edge.critical { (CRITICAL, 2.5, "critical") } else { ("#868e96", 1.2, "arrow") };
            let _ = writeln!(
                text,
                "  <path d=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{wide}\" \
                 marker-end=\"url(#{marker})\"/>",
                curve(places, columns)
            );
        }
    }
}

/// From the right side of the first place through the middle of those between to the left side of the last.
fn curve(places: &[Place], columns: &Columns) -> String {
    let (first, last) = (places[0], places[places.len() - 1]);
    let y = |place: Place| MARGIN + place.row * ROW + ROW / 2.0;
    let mut at = (columns.right(first.level), y(first));
    let mut path = format!("M{:.1} {:.1}", at.0, at.1);
    let mut to = |path: &mut String, x: f64, y: f64| {
        let bend = (x - at.0) / 2.0;
        let _ = write!(path, "C{:.1} {:.1} {:.1} {:.1} {x:.1} {y:.1}", at.0 + bend, at.1, x - bend, y);
        at = (x, y);
    };
    for place in &places[1..places.len() - 1] {
        to(&mut path, columns.left(place.level), y(*place));
        to(&mut path, columns.right(place.level), y(*place));
    }
    to(&mut path, columns.left(last.level), y(last));
    path
}

fn nodes(drawing: &Drawing, layout: &Layout, columns: &Columns, text: &mut String) {
    for (node, place) in drawing.nodes.iter().zip(&layout.nodes) {
        let (fill, line) = node.style.colours();
        let (line, pen) = if node.critical { (CRITICAL, 2.5) } else { (line, 1.2) };
        let (x, y) = (columns.left(place.level), MARGIN + place.row * ROW + (ROW - HEIGHT) / 2.0);
        let (wide, middle) = (columns.right(place.level) - x, (columns.right(place.level) + x) / 2.0);
        let name = one_line(&node.name);
        let second = format!("{} {}", node.words, node.takes);
        let _ = writeln!(
            text,
            "  <g class=\"{}\"><title>{}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" \
             height=\"{HEIGHT}\" rx=\"6\" fill=\"{fill}\" stroke=\"{line}\" stroke-width=\"{pen}\"/><text \
             x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" font-weight=\"bold\">{}</text><text \
             x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#495057\">{}</text></g>",
            node.style.label(),
            escaped(&name),
            y + 18.0,
            escaped(&cut(&name, NAME_LETTERS_MAX)),
            y + 34.0,
            escaped(second.trim_end()),
        );
    }
}

/// Where the columns stand: each as wide as its longest name.
struct Columns(Vec<(f64, f64)>);

impl Columns {
    fn of(drawing: &Drawing) -> Self {
        let mut letters = vec![NAME_LETTERS_MIN; drawing.depth()];
        for node in &drawing.nodes {
            let longest = width(&one_line(&node.name)).max(width(&node.words) + width(&node.takes) + 1);
            letters[node.level] = letters[node.level].max(longest).min(NAME_LETTERS_MAX);
        }
        let mut x = MARGIN;
        let sides = letters.iter().map(|letters| {
            let left = x;
            let right = left + *letters as f64 * LETTER + 24.0;
            x = right + GAP;
            (left, right)
        });
        Self(sides.collect())
    }

    fn left(&self, level: usize) -> f64 {
        self.0[level].0
    }

    fn right(&self, level: usize) -> f64 {
        self.0[level].1
    }

    fn end(&self) -> f64 {
        self.0.last().map_or(MARGIN, |(_, right)| *right)
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
