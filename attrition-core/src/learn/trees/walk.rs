//! From a row's features to the sum of its leaves' values.
//!
//! A row's features are turned into bins once; from then on a question compares two bytes. Trees of up to 32 leaves are
//! not walked: every question that a row *passes* strikes the leaves of the side that it does not go to out of a word of
//! 32 bits, those leaves are numbered before the other side's, and so the first leaf that is left is the row's.
//! Questions need no order for that. [`LANES`] rows take each of them at once, eight leaves of a tree at a time. A lone row
//! takes of each column only the questions that it passes: they are sorted by their cuts, and every so often along them
//! the words that all questions up to there leave are kept for all trees.
//!
//! # Reference
//! Lucchese et al.: QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees. SIGIR
//! 2015, <https://doi.org/10.1145/2766462.2767733>.

use std::cell::RefCell;

use super::bins::{Column, GAP, MAX_BINS, NONE, Test, bin_of};
use super::fitted::{Form, TreeForm};
use crate::num::wide::wide;
use crate::preprocess::Block;

/// Rows that take a question at once.
const LANES: usize = 128;
/// Most leaves of a tree that is not walked: bits of a word.
const WORD: usize = 32;
/// Leaves that a question strikes at once.
const PLANE: usize = 8;
/// Planes of a word.
const PLANES: usize = WORD / PLANE;
/// So few rows are taken one by one.
const FEW_ROWS: usize = 16;
/// Edges that are compared with a value at once.
const EDGES: usize = 16;

/// What a byte of a row says; the same bins are asked in two ways where gaps go now left, now right. A question is passed
/// by bytes greater than its cut.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Byte {
    /// The bin; a gap is 255.
    GapRight,
    /// The bin and one; a gap is 0.
    GapLeft,
    /// 1 for this level, 0 for others.
    Level(u8),
}

impl Byte {
    #[inline(always)]
    fn of(self, bin: u8) -> u8 {
        match self {
            Byte::GapRight => bin,
            Byte::GapLeft => bin.wrapping_add(1),
            Byte::Level(level) => u8::from(bin == level),
        }
    }
}

/// Bytes are compared as signed ones.
#[inline(always)]
fn signed(byte: u8) -> i8 {
    (byte ^ 0x80) as i8
}

/// How a column's values become bins.
#[derive(Debug, Clone, PartialEq)]
enum Finder {
    /// By edges in blocks, the last filled up with infinities; `tops` are the blocks' last edges.
    Number { tops: [f64; EDGES], blocks: Vec<[f64; EDGES]> },
    /// By level; the last bin is that of a gap and of any other level.
    Level { bins: Vec<u8> },
    /// By indicators from a feature on.
    Indicators,
}

#[inline(always)]
fn below(edges: &[f64; EDGES], x: f64) -> usize {
    edges.iter().map(|e| u64::from(*e < x)).sum::<u64>() as usize
}

impl Finder {
    fn new(column: &Column) -> Finder {
        let by_edges = |edges: &[f64]| {
            let mut blocks = vec![[f64::INFINITY; EDGES]; edges.len() / EDGES + 1];
            let mut tops = [f64::INFINITY; EDGES];
            for (i, e) in edges.iter().enumerate().take(MAX_BINS) {
                blocks[i / EDGES][i % EDGES] = *e;
                if i % EDGES == EDGES - 1 {
                    tops[i / EDGES] = *e;
                }
            }
            Finder::Number { tops, blocks }
        };
        match &column.test {
            Test::Number { edges } => by_edges(edges),
            Test::Statistic { edges, values, gap } => {
                let gap = bin_of(edges, gap.unwrap_or(f64::NAN));
                Finder::Level { bins: values.iter().map(|v| bin_of(edges, *v)).chain([gap]).collect() }
            }
            Test::Level { n_levels } => {
                Finder::Level { bins: (0..*n_levels).map(|level| level as u8).chain([NONE]).collect() }
            }
            Test::Indicators { .. } => Finder::Indicators,
        }
    }

    /// The bin of a feature's value; of indicators' there is none.
    #[inline(always)]
    fn bin(&self, x: f64) -> u8 {
        match self {
            Finder::Number { tops, blocks } => {
                let block = below(tops, x);
                let bin = block * EDGES + blocks.get(block).map_or(0, |b| below(b, x));
                if x.is_nan() { GAP } else { bin as u8 }
            }
            Finder::Level { bins } => {
                let last = bins.len().saturating_sub(1);
                let level = if x >= 0.0 { (x as usize).min(last) } else { last };
                bins.get(level).copied().unwrap_or(NONE)
            }
            Finder::Indicators => NONE,
        }
    }
}

/// A column that is asked.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    /// Its feature; of indicators the first level's.
    feature: usize,
    finder: Finder,
    /// The bytes made of it, by their places.
    bytes: Vec<(usize, Byte)>,
    /// By bin: the questions that a lone row passes.
    passed: Vec<Passed>,
}

/// Questions that a lone row passes: all of a kept point, and those of a range.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Passed {
    /// 1 + the place of the point's words; 0 for none.
    point: u32,
    questions: [u32; 2],
}

/// The trees as they are predicted by.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Walk {
    asked: Vec<Asked>,
    n_bytes: usize,
    trees: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// All trees have at most [`WORD`] leaves.
    Words(Words),
    /// Questions and leaves by tree.
    Nodes(Vec<Nodes>),
}

impl Default for Kind {
    fn default() -> Kind {
        Kind::Nodes(Vec::new())
    }
}

/// A question or a leaf. `next` is where a row goes that does not pass, and one that does; a leaf leads to itself.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Node {
    byte: u16,
    cut: i8,
    next: [u16; 2],
}

/// A tree that is walked.
#[derive(Debug, Clone, PartialEq)]
struct Nodes {
    nodes: Vec<Node>,
    /// By node; 0 where it is none.
    values: Vec<f32>,
}

/// What passing a question strikes of one plane of its tree.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Strike {
    byte: u16,
    cut: i8,
    leaves: u8,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Words {
    /// Plane by plane, tree by tree.
    strikes: Vec<Strike>,
    /// Where the strikes of each tree's planes end.
    ends: Vec<[u32; PLANES]>,
    /// Leaves' values in the order of their numbers, [`WORD`] a tree.
    values: Vec<[f32; WORD]>,
    /// For lone rows, by column: tree, and the leaves that are left to a row that passes.
    questions: Vec<(u32, u32)>,
    /// Words of all trees at the kept points.
    points: Vec<u32>,
}

/// Kept for its memory: nothing is allocated once a block has been as large before.
#[derive(Debug, Default)]
struct Scratch {
    bytes: Vec<i8>,
    passed: Vec<Passed>,
    /// The leaves that are left, by tree.
    left: Vec<u32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A question as it is asked.
struct Question {
    column: usize,
    byte: Byte,
    /// Greater bytes pass.
    cut: u8,
    /// Where a row goes that does not pass, and one that does.
    next: [i32; 2],
}

impl Question {
    fn new(form: &Form, tree: &TreeForm, i: usize) -> Question {
        let (column, cut) = (usize::from(tree.columns[i]), tree.cuts[i]);
        let [left, right] = [tree.left[i], tree.right[i]];
        match (form.columns.get(column).is_some_and(Column::is_ordered), tree.gaps_left[i] != 0) {
            // A level is passed by few rows.
            (false, _) => Question { column, byte: Byte::Level(cut), cut: 0, next: [right, left] },
            (true, false) => Question { column, byte: Byte::GapRight, cut, next: [left, right] },
            (true, true) => Question { column, byte: Byte::GapLeft, cut: cut + 1, next: [left, right] },
        }
    }
}

impl Walk {
    /// Of trees that were checked.
    pub(super) fn new(form: &Form) -> Walk {
        let mut trees: Vec<Vec<Question>> = Vec::with_capacity(form.trees.len());
        let mut found: Vec<Vec<Byte>> = vec![Vec::new(); form.columns.len()];
        for tree in &form.trees {
            let questions: Vec<Question> = (0..tree.columns.len()).map(|i| Question::new(form, tree, i)).collect();
            for q in &questions {
                if !found[q.column].contains(&q.byte) {
                    found[q.column].push(q.byte);
                }
            }
            trees.push(questions);
        }
        let mut walk = Walk::default();
        // By column its place among those that are asked.
        let mut places = vec![0; form.columns.len()];
        for (c, (bytes, column)) in found.into_iter().zip(&form.columns).enumerate().filter(|(_, f)| !f.0.is_empty()) {
            places[c] = walk.asked.len();
            let feature = column.feature + if let Test::Indicators { first, .. } = column.test { first } else { 0 };
            let bytes: Vec<_> = (walk.n_bytes..).zip(bytes).collect();
            walk.n_bytes += bytes.len();
            walk.asked.push(Asked { feature, finder: Finder::new(column), bytes, passed: Vec::new() });
        }
        for q in trees.iter_mut().flatten() {
            q.column = places[q.column];
        }
        let byte_of = |q: &Question| {
            let bytes = walk.asked.get(q.column).map_or(&[][..], |a| &a.bytes);
            bytes.iter().find(|(_, byte)| *byte == q.byte).map_or(0, |(place, _)| *place as u16)
        };
        if form.trees.iter().all(|t| t.values.len() <= WORD) {
            let mut words = Words::default();
            // By column: the questions, each with its tree and the leaves it strikes.
            let mut by_column: Vec<Vec<(&Question, u32, u32)>> = vec![Vec::new(); walk.asked.len()];
            for (t, (questions, tree)) in trees.iter().zip(&form.trees).enumerate() {
                let struck = words.push(questions, &tree.values, byte_of);
                for (q, struck) in questions.iter().zip(struck) {
                    by_column[q.column].push((q, t as u32, struck));
                }
            }
            for (asked, questions) in walk.asked.iter_mut().zip(by_column) {
                asked.passed = words.passed(questions);
            }
            walk.trees = Kind::Words(words);
        } else {
            let nodes = |(questions, tree): (&Vec<Question>, &TreeForm)| {
                let n = questions.len();
                let node = |child: i32| if child >= 0 { child as u16 } else { (n + !child as usize) as u16 };
                let asked =
                    questions.iter().map(|q| Node { byte: byte_of(q), cut: signed(q.cut), next: q.next.map(node) });
                let leaves =
                    (n..n + tree.values.len()).map(|own| Node { byte: 0, cut: i8::MAX, next: [own as u16; 2] });
                let values = std::iter::repeat_n(0.0, n).chain(tree.values.iter().copied());
                Nodes { nodes: asked.chain(leaves).collect(), values: values.collect() }
            };
            walk.trees = Kind::Nodes(trees.iter().zip(&form.trees).map(nodes).collect());
        }
        walk
    }

    /// Add every tree's value to every row's score, tree by tree.
    pub(super) fn sum(&self, x: &Block, out: &mut [f64]) {
        SCRATCH.with(|scratch| match scratch.try_borrow_mut() {
            Ok(mut scratch) => self.sum_with(x, out, &mut scratch),
            Err(_) => self.sum_with(x, out, &mut Scratch::default()),
        });
    }

    fn sum_with(&self, x: &Block, out: &mut [f64], scratch: &mut Scratch) {
        let bytes = &mut scratch.bytes;
        match &self.trees {
            Kind::Words(w) => {
                // The last few rows are taken one by one.
                let mut lone = out.len() % LANES;
                if lone >= FEW_ROWS {
                    lone = 0;
                }
                let (many, few) = out.split_at_mut(out.len() - lone);
                let width = many.len().next_multiple_of(LANES);
                if width > 0 {
                    answer(self, x, many.len(), width, bytes);
                }
                for (first, out) in (0..).step_by(LANES).zip(many.chunks_mut(LANES)) {
                    many_rows(w, bytes, width, first, out);
                }
                for (row, out) in (many.len()..).zip(few) {
                    lone_row(&self.asked, w, x, row, scratch, out);
                }
            }
            Kind::Nodes(trees) => {
                let width = out.len();
                answer(self, x, width, width, bytes);
                for tree in trees {
                    for (row, o) in out.iter_mut().enumerate() {
                        *o += f64::from(tree.walk(|byte| bytes.get(byte * width + row).copied()));
                    }
                }
            }
        }
    }
}

wide! {
    /// The bytes of a block's first rows, byte by byte, each for `width` rows.
    fn answer(walk: &Walk, x: &Block, n_rows: usize, width: usize, out: &mut Vec<i8>) {
        out.clear();
        // Behind the bytes, room for a column's bins.
        out.resize(width * (walk.n_bytes + 1), 0);
        let (out, bins) = out.split_at_mut(width * walk.n_bytes);
        for Asked { feature, finder, bytes, .. } in &walk.asked {
            if let Finder::Indicators = finder {
                for (at, byte) in bytes {
                    let Byte::Level(level) = byte else { continue };
                    let values = x.column(feature + usize::from(*level));
                    out[at * width..].iter_mut().zip(&values[..n_rows]).for_each(|(o, x)| *o = signed(u8::from(*x > 0.5)));
                }
                continue;
            }
            bins.iter_mut().zip(&x.column(*feature)[..n_rows]).for_each(|(bin, x)| *bin = finder.bin(*x) as i8);
            for (at, byte) in bytes {
                let of_byte = out[at * width..].iter_mut().zip(&bins[..n_rows]);
                match *byte {
                    Byte::GapRight => of_byte.for_each(|(o, bin)| *o = signed(Byte::GapRight.of(*bin as u8))),
                    Byte::GapLeft => of_byte.for_each(|(o, bin)| *o = signed(Byte::GapLeft.of(*bin as u8))),
                    Byte::Level(l) => of_byte.for_each(|(o, bin)| *o = signed(Byte::Level(l).of(*bin as u8))),
                }
            }
        }
    }

    /// One row: of each column the questions that it passes.
    fn lone_row(asked: &[Asked], words: &Words, x: &Block, row: usize, scratch: &mut Scratch, out: &mut f64) {
        let Scratch { passed: found, left, .. } = scratch;
        // All columns are looked up before any question is, so that none waits for another.
        found.clear();
        for Asked { feature, finder, passed, .. } in asked {
            if let Finder::Indicators = finder {
                let levels = passed.iter().enumerate().filter(|(_, p)| **p != Passed::default());
                found.extend(levels.filter(|(level, _)| x.column(feature + level)[row] > 0.5).map(|(_, p)| *p));
            } else {
                found.extend(passed.get(usize::from(finder.bin(x.column(*feature)[row]))));
            }
        }
        left.clear();
        left.resize(words.values.len(), u32::MAX);
        for Passed { point, .. } in found.iter() {
            if let Some(point) = point.checked_sub(1) {
                let first = point as usize * left.len();
                let kept = words.points.get(first..first + left.len()).unwrap_or_default();
                left.iter_mut().zip(kept).for_each(|(word, kept)| *word &= kept);
            }
        }
        for Passed { questions: [first, end], .. } in found.iter() {
            for &(tree, rest) in words.questions.get(*first as usize..*end as usize).unwrap_or_default() {
                if let Some(word) = left.get_mut(tree as usize) {
                    *word &= rest;
                }
            }
        }
        for (word, values) in left.iter().zip(&words.values) {
            *out += f64::from(values[word.trailing_zeros() as usize % WORD]);
        }
    }

    /// Up to [`LANES`] rows from `first` on, tree by tree.
    fn many_rows(words: &Words, bytes: &[i8], width: usize, first: usize, out: &mut [f64]) {
        let Some(bytes) = bytes.get(first..) else { return };
        let mut begin = 0;
        for (ends, values) in words.ends.iter().zip(&words.values) {
            let mut struck = [[0; LANES]; PLANES];
            for (plane, end) in struck.iter_mut().zip(ends) {
                *plane = strike(words.strikes.get(begin..*end as usize).unwrap_or_default(), bytes, width);
                begin = *end as usize;
            }
            let mut leaves = [0; LANES];
            for k in 0..LANES {
                leaves[k] = first_left(struck[0][k], struck[1][k], struck[2][k], struck[3][k]);
            }
            for (o, leaf) in out.iter_mut().zip(&leaves) {
                *o += f64::from(values[usize::from(*leaf) % WORD]);
            }
        }
    }
}

/// What questions strike of one plane, by row.
#[inline(always)]
fn strike(strikes: &[Strike], bytes: &[i8], width: usize) -> [u8; LANES] {
    let mut struck = [0; LANES];
    for &Strike { byte, cut, leaves } in strikes {
        let lanes = bytes.get(usize::from(byte) * width..).and_then(|b| b.first_chunk::<LANES>());
        let Some(lanes) = lanes else { continue };
        for k in 0..LANES {
            struck[k] |= if lanes[k] > cut { leaves } else { 0 };
        }
    }
    struck
}

/// The first bit of four bytes that is not set, the lowest first; in operations on bytes, many of which go at once.
#[inline(always)]
fn first_left(a: u8, b: u8, c: u8, d: u8) -> u8 {
    let all = |byte: u8| if byte == 0xFF { 0xFF } else { 0u8 };
    let in_b = all(a);
    let in_c = in_b & all(b);
    let in_d = in_c & all(c);
    let byte = (a & !in_b) | (b & in_b & !in_c) | (c & in_c & !in_d) | (d & in_d);
    let bit = !byte & byte.wrapping_add(1);
    let half = |mask: u8, n: u8| if bit & mask != 0 { n } else { 0 };
    (in_b & 8) + (in_c & 8) + (in_d & 8) + half(0xF0, 4) + half(0xCC, 2) + half(0xAA, 1)
}

impl Words {
    /// One more tree; by question the leaves that it strikes.
    fn push(&mut self, questions: &[Question], leaves: &[f32], byte_of: impl Fn(&Question) -> u16) -> Vec<u32> {
        // Leaves are numbered along the side of those that do not pass first: those below a question are a range, and
        // those that it strikes are its first part.
        let mut values = [0.0; WORD];
        let mut below = vec![[0usize; 2]; questions.len()];
        let mut next = 0;
        let mut open = vec![(if questions.is_empty() { !0 } else { 0 }, false)];
        while let Some((at, seen)) = open.pop() {
            if at < 0 {
                if let (Some(v), Some(value)) = (values.get_mut(next), leaves.get(!at as usize)) {
                    *v = *value;
                }
                next += 1;
                continue;
            }
            let Some(q) = questions.get(at as usize) else { continue };
            let edge = usize::from(seen);
            below[at as usize][edge] = next;
            if !seen {
                open.push((at, true));
            }
            open.push((q.next[edge], false));
        }
        let upto = |n: usize| if n >= WORD { u32::MAX } else { (1u32 << n) - 1 };
        let struck: Vec<u32> = below.into_iter().map(|[first, end]| upto(end) & !upto(first)).collect();
        let mut ends = [0; PLANES];
        for (plane, end) in ends.iter_mut().enumerate() {
            for (q, struck) in questions.iter().zip(&struck) {
                let leaves = (struck >> (plane * PLANE)) as u8;
                if leaves != 0 {
                    self.strikes.push(Strike { byte: byte_of(q), cut: signed(q.cut), leaves });
                }
            }
            *end = self.strikes.len() as u32;
        }
        self.ends.push(ends);
        self.values.push(values);
        struck
    }

    /// The questions of one column, `(question, tree, struck leaves)`, by the bins that pass them; after all trees.
    fn passed(&mut self, mut questions: Vec<(&Question, u32, u32)>) -> Vec<Passed> {
        // A kept point costs about as much as so many questions one by one; fewer questions cost memory.
        let stretch = (self.values.len() / 10).max(16);
        let pass = |bin: u8| move |(q, ..): &&(&Question, u32, u32)| q.byte.of(bin) > q.cut;
        if questions.first().is_some_and(|(q, ..)| matches!(q.byte, Byte::Level(_))) {
            // Each level has its own.
            return (0..=GAP).map(|level| self.range(questions.iter().filter(pass(level)))).collect();
        }
        // The bins pass more and more of the questions; gaps have their own.
        let bin_cut = |q: &Question| q.cut - u8::from(q.byte == Byte::GapLeft);
        questions.sort_by_key(|(q, tree, _)| (bin_cut(q), *tree));
        let first = self.range(questions.iter()).questions[0];
        let mut out = Vec::with_capacity(usize::from(GAP) + 1);
        let (mut point, mut from) = (0, 0);
        for bin in 0..GAP {
            let n = questions.partition_point(|(q, ..)| bin_cut(q) < bin);
            if n - from >= stretch {
                (point, from) = (self.point(&questions[..n]), n);
            }
            out.push(Passed { point, questions: [first + from as u32, first + n as u32] });
        }
        let of_gap: Vec<_> = questions.iter().filter(pass(GAP)).copied().collect();
        out.push(if of_gap.len() < stretch {
            self.range(of_gap.iter())
        } else {
            Passed { point: self.point(&of_gap), questions: [0; 2] }
        });
        out
    }

    /// Keep questions one by one.
    fn range<'q>(&mut self, questions: impl Iterator<Item = &'q (&'q Question, u32, u32)>) -> Passed {
        let first = self.questions.len() as u32;
        self.questions.extend(questions.map(|(_, tree, struck)| (*tree, !struck)));
        let end = self.questions.len() as u32;
        Passed { point: 0, questions: if end > first { [first, end] } else { [0; 2] } }
    }

    /// Keep the words that questions leave.
    fn point(&mut self, questions: &[(&Question, u32, u32)]) -> u32 {
        let first = self.points.len();
        self.points.resize(first + self.values.len(), u32::MAX);
        for (_, tree, struck) in questions {
            self.points[first + *tree as usize] &= !struck;
        }
        (first / self.values.len().max(1)) as u32 + 1
    }
}

impl Nodes {
    fn walk(&self, byte: impl Fn(usize) -> Option<i8>) -> f32 {
        let mut at = 0;
        while let Some(node) = self.nodes.get(usize::from(at)) {
            let passes = byte(usize::from(node.byte)).is_some_and(|b| b > node.cut);
            let next = node.next[usize::from(passes)];
            if next == at {
                break;
            }
            at = next;
        }
        self.values.get(usize::from(at)).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bit_that_is_left() {
        for i in 0..32u32 {
            for above in [0u32, 0xA5A5_A5A5, u32::MAX] {
                let struck = ((1u32 << i) - 1) | (above & !(1u32 << i)) & !((1u32 << i) - 1);
                let [a, b, c, d] = struck.to_le_bytes();
                assert_eq!(u32::from(first_left(a, b, c, d)), i, "{struck:032b}");
            }
        }
    }

    #[test]
    fn bins_are_those_of_a_search() {
        for n in [0, 1, 15, 16, 17, 253, 254] {
            let edges: Vec<f64> = (0..n).map(|i| f64::from(i * i) - 100.0).collect();
            let finder = Finder::new(&Column { feature: 0, test: Test::Number { edges: edges.clone() } });
            let near = edges.iter().flat_map(|e| [*e, e.next_up(), e.next_down()]);
            for x in near.chain([f64::MIN, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 0.0, -0.0]) {
                assert_eq!(finder.bin(x), bin_of(&edges, x), "{n} edges, {x}");
            }
        }
    }
}
