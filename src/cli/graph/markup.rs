//! The graph as text for other programs to draw: Graphviz and Mermaid.

use std::fmt::Write as _;

use super::drawing::{CRITICAL, Drawing, StepStyle};

/// For Graphviz.
pub(super) fn dot(drawing: &Drawing) -> String {
    let mut text = format!(
        "digraph \"{}\" {{\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n",
        quoted(&drawing.title)
    );
    for (at, node) in drawing.nodes.iter().enumerate() {
        let (fill, line) = node.style.colours();
        let (line, pen) = if node.critical { (CRITICAL, 3) } else { (line, 1) };
        let label = format!("{}\\n{} {}", quoted(&node.name), quoted(&node.words), node.takes);
        let _ = writeln!(
            text,
            "  n{at} [label=\"{}\", fillcolor=\"{fill}\", color=\"{line}\", penwidth={pen}];",
            label.trim_end()
        );
    }
    for edge in &drawing.edges {
        let style = if edge.critical { format!(" [color=\"{CRITICAL}\", penwidth=3]") } else { String::new() };
        let _ = writeln!(text, "  n{} -> n{}{style};", edge.from, edge.to);
    }
    text + "}\n"
}

/// For Mermaid.
pub(super) fn mermaid(drawing: &Drawing) -> String {
    let mut text = "flowchart LR\n".to_owned();
    for (at, node) in drawing.nodes.iter().enumerate() {
        let label = format!("{}<br/>{} {}", coded(&node.name), coded(&node.words), node.takes);
        let _ = writeln!(text, "  n{at}[\"{}\"]:::{}", label.trim_end(), node.style.label());
    }
    for edge in &drawing.edges {
        let arrow = if edge.critical { "==>" } else { "-->" };
        let _ = writeln!(text, "  n{} {arrow} n{}", edge.from, edge.to);
    }
    for style in StepStyle::ALL {
        if drawing.nodes.iter().any(|node| node.style == style) {
            let (fill, line) = style.colours();
            let _ = writeln!(text, "  classDef {} fill:{fill},stroke:{line},color:#212529", style.label());
        }
    }
    let of = |wanted: &dyn Fn(usize) -> bool, count: usize| {
        (0..count).filter(|at| wanted(*at)).map(|at| at.to_string()).collect::<Vec<_>>().join(",")
    };
    let edges = of(&|at| drawing.edges[at].critical, drawing.edges.len());
    if !edges.is_empty() {
        let _ = writeln!(text, "  linkStyle {edges} stroke:{CRITICAL},stroke-width:3px");
    }
    for (at, _) in drawing.nodes.iter().enumerate().filter(|(_, node)| node.critical) {
        let _ = writeln!(text, "  style n{at} stroke:{CRITICAL},stroke-width:3px");
    }
    text
}

/// Text between quotation marks of Graphviz.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace(char::is_control, " ")
}

/// Text between quotation marks of Mermaid: what could mean something there, as its number.
fn coded(text: &str) -> String {
    let mut coded = String::new();
    for sign in text.chars() {
        match sign {
            '"' | '#' | '<' | '>' | '&' | ';' | '`' | '[' | ']' | '{' | '}' | '\\' | '|' => {
                let _ = write!(coded, "#{};", u32::from(sign));
            }
            sign if sign.is_control() => coded.push(' '),
            sign => coded.push(sign),
        }
    }
    coded
}
