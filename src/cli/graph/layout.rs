//! Where steps stand in a picture: a column for each level, rows so that few edges cross.
//!
//! An edge that spans levels takes a place of its own on each level between, so that it goes around steps and not
//! through them. Rows come from a few sweeps over the columns, each ordering one column by the middle of its
//! neighbours in the next.

use std::collections::HashMap;

use super::drawing::Drawing;

/// Sweeps down and up.
const SWEEPS: usize = 6;

/// Places beyond this are not made; long edges of huge graphs go straight.
const PLACES_MAX: usize = 20_000;

/// A place in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Place {
    /// The column.
    pub(super) level: usize,
    /// The row, from 0.
    pub(super) row: f64,
}

/// Where everything stands.
#[derive(Debug)]
pub(super) struct Layout {
    /// The places of the steps.
    pub(super) nodes: Vec<Place>,
    /// The places that each edge goes through, both ends included.
    pub(super) edges: Vec<Vec<Place>>,
    /// The most places in a column.
    pub(super) rows: usize,
}

/// Lays a drawing out.
pub(super) fn lay_out(drawing: &Drawing) -> Layout {
    let mut level: Vec<usize> = drawing.nodes.iter().map(|node| node.level).collect();
    let mut ways: Vec<Vec<usize>> = Vec::with_capacity(drawing.edges.len());
    for edge in &drawing.edges {
        let (from, to) = (drawing.nodes[edge.from].level, drawing.nodes[edge.to].level);
        let mut way = vec![edge.from];
        for between in from + 1..to {
            if level.len() < drawing.nodes.len() + PLACES_MAX {
                way.push(level.len());
                level.push(between);
            }
        }
        way.push(edge.to);
        ways.push(way);
    }
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); drawing.depth()];
    for (at, level) in level.iter().enumerate() {
        columns[*level].push(at);
    }
    order(&mut columns, &ways, level.len());
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0);
    let mut places = vec![Place { level: 0, row: 0.0 }; level.len()];
    for (level, column) in columns.iter().enumerate() {
        // Columns stand in the middle.
        let above = (rows - column.len()) as f64 / 2.0;
        for (row, at) in column.iter().enumerate() {
            places[*at] = Place { level, row: above + row as f64 };
        }
    }
    Layout {
        nodes: places[..drawing.nodes.len()].to_vec(),
        edges: ways.iter().map(|way| way.iter().map(|at| places[*at]).collect()).collect(),
        rows,
    }
}

fn order(columns: &mut [Vec<usize>], ways: &[Vec<usize>], places: usize) {
    let (mut above, mut below) = (vec![Vec::new(); places], vec![Vec::new(); places]);
    for two in ways.iter().flat_map(|way| way.windows(2)) {
        below[two[0]].push(two[1]);
        above[two[1]].push(two[0]);
    }
    for sweep in 0..SWEEPS {
        let (down, last) = (sweep % 2 == 0, columns.len().saturating_sub(1));
        for step in 1..columns.len() {
            let (at, beside, neighbours) =
                if down { (step, step - 1, &above) } else { (last - step, last - step + 1, &below) };
            let rows: HashMap<usize, usize> =
                columns[beside].iter().enumerate().map(|(row, place)| (*place, row)).collect();
            let middle = |place: usize, row: usize| {
                let near: Vec<f64> =
                    neighbours[place].iter().filter_map(|other| rows.get(other)).map(|row| *row as f64).collect();
                if near.is_empty() { row as f64 } else { near.iter().sum::<f64>() / near.len() as f64 }
            };
            let mut ranked: Vec<(f64, usize)> =
                columns[at].iter().enumerate().map(|(row, place)| (middle(*place, row), *place)).collect();
            ranked.sort_by(|one, other| one.0.total_cmp(&other.0));
            columns[at] = ranked.into_iter().map(|(_, place)| place).collect();
        }
    }
}
