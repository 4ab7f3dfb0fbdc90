//! The form of a DAG, without regard to any run.

use std::collections::VecDeque;

use sha2::{Digest, Sha256};

use super::PathCount;
use crate::domain::{ids::StepNo, template::Template};

/// A DAG of named steps and what follows from its edges alone.
///
/// Made once per handler version, in time by its edges, and shared by all its tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    parents: Adjacency,
    children: Adjacency,
    order: Vec<StepNo>,
    levels: Vec<StepNo>,
    widths: Vec<StepNo>,
    roots: Vec<StepNo>,
    leaves: Vec<StepNo>,
    ranks: Vec<StepNo>,
    paths: String,
    fingerprint: [u8; 16],
}

/// The neighbours of every step in one direction, in one piece of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjacency {
    /// Where the neighbours of each step begin, and the end of the last.
    begins: Vec<usize>,
    neighbours: Vec<StepNo>,
}

impl Shape {
    /// The shape of a compiled handler version.
    pub fn of(template: &Template) -> Self {
        let names: Vec<&str> = template.steps.iter().map(|step| &*step.name).collect();
        let parents: Vec<&[StepNo]> = template.steps.iter().map(|step| step.parents.as_slice()).collect();
        Self::new(&names, &parents).expect("a template has no circles")
    }

    /// The shape of steps with these names that wait for these steps; `None` when some wait for one another in a
    /// circle. Names differ, and every parent is the number of a step.
    pub fn new(names: &[&str], parents: &[&[StepNo]]) -> Option<Self> {
        let parents = Adjacency::of(parents);
        let children = parents.turned();
        let order = topological(&parents, &children);
        if order.len() < names.len() {
            return None;
        }
        let levels = levels(&order, &parents);
        let mut widths = vec![0; levels.iter().max().map_or(0, |deepest| usize::from(*deepest) + 1)];
        for level in &levels {
            widths[usize::from(*level)] += 1;
        }
        let without =
            |adjacency: &Adjacency| numbers(names.len()).filter(|no| adjacency.of_step(*no).is_empty()).collect();
        Some(Self {
            roots: without(&parents),
            leaves: without(&children),
            ranks: ranks(names),
            paths: count_paths(&order, &parents, &children).to_string(),
            fingerprint: fingerprint(names, &parents),
            parents,
            children,
            order,
            levels,
            widths,
        })
    }

    /// How many steps there are.
    pub const fn steps(&self) -> usize {
        self.order.len()
    }

    /// How many edges there are.
    pub const fn edges(&self) -> usize {
        self.children.neighbours.len()
    }

    /// The steps that this one waits for, ascending.
    pub fn parents(&self, no: StepNo) -> &[StepNo] {
        self.parents.of_step(no)
    }

    /// The steps that wait for this one, ascending.
    pub fn children(&self, no: StepNo) -> &[StepNo] {
        self.children.of_step(no)
    }

    /// Every step after all that it waits for: Kahn's order, begun with the roots as declared.
    pub fn order(&self) -> &[StepNo] {
        &self.order
    }

    /// The longest way from a root to this step; 0 for roots.
    pub fn level(&self, no: StepNo) -> StepNo {
        self.levels[usize::from(no)]
    }

    /// How many steps each level has.
    pub fn widths(&self) -> &[StepNo] {
        &self.widths
    }

    /// The steps on the longest path.
    pub const fn depth(&self) -> usize {
        self.widths.len()
    }

    /// The most steps on one level: as many could run side by side.
    pub fn width(&self) -> usize {
        self.widths.iter().copied().max().map_or(0, usize::from)
    }

    /// Steps that wait for nothing, as declared.
    pub fn roots(&self) -> &[StepNo] {
        &self.roots
    }

    /// Steps that nothing waits for, as declared.
    pub fn leaves(&self) -> &[StepNo] {
        &self.leaves
    }

    /// The position of a step among all, ordered by name: what decides ties.
    pub fn rank(&self, no: StepNo) -> StepNo {
        self.ranks[usize::from(no)]
    }

    /// The exact number of paths from a root to a leaf, in decimal digits.
    pub fn paths(&self) -> &str {
        &self.paths
    }

    /// Equal for equal names and edges, and for nothing else.
    pub const fn fingerprint(&self) -> [u8; 16] {
        self.fingerprint
    }

    /// About how many bytes the shape takes.
    pub const fn bytes(&self) -> usize {
        self.order.len() * 32 + self.edges() * 4 + self.paths.len()
    }
}

impl Adjacency {
    fn of(lists: &[&[StepNo]]) -> Self {
        let mut begins = Vec::with_capacity(lists.len() + 1);
        let mut neighbours = Vec::with_capacity(lists.iter().map(|list| list.len()).sum());
        for list in lists {
            begins.push(neighbours.len());
            neighbours.extend_from_slice(list);
        }
        begins.push(neighbours.len());
        Self { begins, neighbours }
    }

    /// The neighbours of a step.
    pub fn of_step(&self, no: StepNo) -> &[StepNo] {
        let no = usize::from(no);
        &self.neighbours[self.begins[no]..self.begins[no + 1]]
    }

    /// The same edges in the other direction, ascending for each step.
    fn turned(&self) -> Self {
        let steps = self.begins.len() - 1;
        let mut begins = vec![0; steps + 1];
        for to in &self.neighbours {
            begins[usize::from(*to) + 1] += 1;
        }
        for step in 0..steps {
            begins[step + 1] += begins[step];
        }
        let mut next = begins.clone();
        let mut neighbours = vec![0; self.neighbours.len()];
        for from in numbers(steps) {
            for to in self.of_step(from) {
                let at = &mut next[usize::from(*to)];
                neighbours[*at] = from;
                *at += 1;
            }
        }
        Self { begins, neighbours }
    }
}

/// The numbers of so many steps.
fn numbers(steps: usize) -> impl Iterator<Item = StepNo> {
    0..StepNo::try_from(steps).expect("there are fewer steps than numbers")
}

/// Kahn's order; shorter than the steps when some wait for one another in a circle.
fn topological(parents: &Adjacency, children: &Adjacency) -> Vec<StepNo> {
    let steps = parents.begins.len() - 1;
    let mut unmet: Vec<usize> = numbers(steps).map(|no| parents.of_step(no).len()).collect();
    let mut queue: VecDeque<StepNo> = numbers(steps).filter(|no| unmet[usize::from(*no)] == 0).collect();
    let mut order = Vec::with_capacity(steps);
    while let Some(no) = queue.pop_front() {
        order.push(no);
        for child in children.of_step(no) {
            let unmet = &mut unmet[usize::from(*child)];
            *unmet -= 1;
            if *unmet == 0 {
                queue.push_back(*child);
            }
        }
    }
    order
}

fn levels(order: &[StepNo], parents: &Adjacency) -> Vec<StepNo> {
    let mut levels = vec![0; order.len()];
    for no in order {
        let above = parents.of_step(*no).iter().map(|parent| levels[usize::from(*parent)] + 1);
        levels[usize::from(*no)] = above.max().unwrap_or(0);
    }
    levels
}

fn ranks(names: &[&str]) -> Vec<StepNo> {
    let mut by_name: Vec<StepNo> = numbers(names.len()).collect();
    by_name.sort_unstable_by_key(|no| names[usize::from(*no)]);
    let mut ranks = vec![0; names.len()];
    for (rank, no) in numbers(names.len()).zip(by_name) {
        ranks[usize::from(no)] = rank;
    }
    ranks
}

/// From each step as many paths lead to leaves as from its children together. A count is forgotten with the last
/// parent that asks for it, because counts can have thousands of digits.
fn count_paths(order: &[StepNo], parents: &Adjacency, children: &Adjacency) -> PathCount {
    let mut total = PathCount::default();
    let mut counts = vec![PathCount::default(); order.len()];
    let mut asking: Vec<usize> = numbers(order.len()).map(|no| parents.of_step(no).len()).collect();
    for no in order.iter().rev() {
        let mut count = if children.of_step(*no).is_empty() { PathCount::one() } else { PathCount::default() };
        for child in children.of_step(*no) {
            let child = usize::from(*child);
            count.add(&counts[child]);
            asking[child] -= 1;
            if asking[child] == 0 {
                counts[child] = PathCount::default();
            }
        }
        if parents.of_step(*no).is_empty() {
            total.add(&count);
        } else {
            counts[usize::from(*no)] = count;
        }
    }
    total
}

fn fingerprint(names: &[&str], parents: &Adjacency) -> [u8; 16] {
    let mut hash = Sha256::new();
    for (no, name) in numbers(names.len()).zip(names) {
        hash.update(name.as_bytes());
        hash.update([0]);
        for parent in parents.of_step(no) {
            hash.update((parent + 1).to_be_bytes());
        }
        hash.update([0, 0]);
    }
    let digest = hash.finalize();
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a; b <- a; c <- a b`
    fn shape(dag: &str) -> Option<Shape> {
        let lines: Vec<(&str, &str)> = dag.split(';').map(|line| line.split_once("<-").unwrap_or((line, ""))).collect();
        let names: Vec<&str> = lines.iter().map(|(name, _)| name.trim()).collect();
        let number = |parent: &str| StepNo::try_from(names.iter().position(|name| *name == parent).unwrap()).unwrap();
        let parents: Vec<Vec<StepNo>> =
            lines.iter().map(|(_, parents)| parents.split_whitespace().map(number).collect()).collect();
        let parents: Vec<&[StepNo]> = parents.iter().map(Vec::as_slice).collect();
        Shape::new(&names, &parents)
    }

    fn check(dag: &str, expected: &str) {
        let shape = shape(dag).unwrap();
        let found = format!(
            "order {:?} widths {:?} roots {:?} leaves {:?} paths {} edges {}",
            shape.order(),
            shape.widths(),
            shape.roots(),
            shape.leaves(),
            shape.paths(),
            shape.edges()
        );
        assert_eq!(found, expected, "{dag}");
    }

    #[test]
    fn what_follows_from_the_edges() {
        check("a", "order [0] widths [1] roots [0] leaves [0] paths 1 edges 0");
        check(
            "a; b <- a; c <- a; d <- b c; e <- d",
            "order [0, 1, 2, 3, 4] widths [1, 2, 1, 1] roots [0] leaves [4] paths 2 edges 5",
        );
        check(
            "a <- b; b; c <- b a; d",
            "order [1, 3, 0, 2] widths [2, 1, 1] roots [1, 3] leaves [2, 3] paths 3 edges 3",
        );
    }

    #[test]
    fn circles_have_no_shape() {
        assert_eq!(shape("a; b <- a c; c <- b"), None);
    }

    #[test]
    fn ties_go_by_name_and_equal_shapes_are_told_by_their_fingerprints() {
        let one = shape("zeta; alpha <- zeta; mid <- zeta").unwrap();
        assert_eq!([one.rank(0), one.rank(1), one.rank(2)], [2, 0, 1]);
        let prints =
            ["zeta; alpha <- zeta; mid <- zeta", "zeta; alpha <- zeta; mid <- alpha", "zeta; alpha; mid <- zeta"];
        let prints: Vec<bool> =
            prints.iter().map(|dag| shape(dag).unwrap().fingerprint() == one.fingerprint()).collect();
        assert_eq!(prints, [true, false, false]);
    }

    #[test]
    fn paths_are_counted_and_not_walked() {
        let names: Vec<String> = (0..300).map(|no| format!("s{no:03}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let layers: Vec<Vec<StepNo>> = (0..30).map(|layer| (layer * 10..layer * 10 + 10).collect()).collect();
        let parents: Vec<&[StepNo]> =
            (0..300).map(|no| if no < 10 { &[][..] } else { layers[no / 10 - 1].as_slice() }).collect();
        let shape = Shape::new(&names, &parents).unwrap();
        assert_eq!(shape.paths(), format!("1{}", "0".repeat(30)));
    }
}
