//! Growing one tree.
//!
//! A leaf is a range of the row list; splitting it parts the range in place, stably. The sums of a large leaf are kept by bin:
//! of two children the smaller one's are added up and the larger one's are what is left of the parent's. Leaves of few rows,
//! and those that see few columns, are added up column by column instead.
//!
//! All sums are of whole numbers, hence the same in any order and for any thread count; the arrays that threads share are
//! atomics used as plain numbers, each element written by one task of a phase and read in later phases.

use std::cell::RefCell;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};

use super::bins::GAP;
use super::matrix::{LANE, Matrix};
use super::split::{Bins, Cell, Judge, NodeSums, Rule, Split, Sums, add, pack, sub, unpack};
use super::team::Team;
use crate::rng::Rng;
use crate::{Result, Run};

/// Rows added up between two looks at the next lane: their bins stay in the second-level cache.
const TILE: usize = 1024;
/// Rows of a task when rows are parted.
const PART: usize = 16_384;
/// Leaves of fewer rows are added up column by column.
const FEW_ROWS: usize = 192;
/// Values of rows that a task looks at, or more: some 10 µs.
const TASK: usize = 4096;
/// Memory for the sums of leaves, in bytes; leaves past it are added up anew.
const POOL_BYTES: usize = 64 << 20;

type Hist = Vec<[Sums; 256]>;

/// How a tree grows.
#[derive(Debug, Clone)]
pub(super) struct Growth {
    pub(super) judge: Judge,
    /// Most leaves; `usize::MAX` for no limit.
    pub(super) max_leaves: usize,
    /// Most questions from root to leaf.
    pub(super) max_depth: usize,
    /// Whether the next leaf to split is the one of least depth, instead of greatest gain.
    pub(super) by_depth: bool,
    /// By column.
    pub(super) rules: Vec<Rule>,
    /// By column: the groups whose members may meet in one branch, and the column's place in them.
    pub(super) groups: Option<Arc<Vec<Vec<bool>>>>,
    /// Share of the features that a node looks at.
    pub(super) node_fraction: f64,
    /// Factor of the leaves' values.
    pub(super) shrink: f64,
}

/// A question of a grown tree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Question {
    pub(super) column: usize,
    pub(super) cut: u8,
    pub(super) gap_left: bool,
    /// A question's place, or `!` a leaf's.
    pub(super) children: [i32; 2],
    pub(super) gain: f32,
    pub(super) weight: f32,
}

/// A grown tree, and where its training rows are.
#[derive(Debug, Clone, Default)]
pub(super) struct Grown {
    pub(super) questions: Vec<Question>,
    pub(super) values: Vec<f32>,
    pub(super) weights: Vec<f32>,
    /// By leaf: its range of the row list.
    pub(super) ranges: Vec<[usize; 2]>,
}

/// What the threads share.
pub(super) struct Shared<'a> {
    pub(super) matrix: &'a Matrix,
    pub(super) weights: Option<&'a [f64]>,
    /// The row list.
    pub(super) rows: Vec<AtomicU32>,
    scratch: Vec<AtomicU32>,
    /// Gradient and second derivative of each row, whole numbers of 32 bits.
    pub(super) packed: Vec<AtomicU64>,
    /// Rows whose packed sums fit 32 bits.
    pub(super) safe_rows: AtomicUsize,
    hists: Vec<Vec<Mutex<Hist>>>,
    /// By part of the row list: rows to either side, or sums; and a weight.
    counts: Vec<[AtomicU64; 2]>,
    lefts: Vec<AtomicU64>,
    /// The best split that each task found.
    found: Vec<Mutex<Option<Split>>>,
}

struct Work {
    packed: Vec<[[u64; 256]; LANE]>,
    tile: Vec<[u8; LANE]>,
    weights: Vec<u64>,
    column: Box<[Sums; 256]>,
    packed_column: Box<[u64; 256]>,
    rows: Vec<(u32, u64)>,
}

thread_local! {
    static WORK: RefCell<Work> = RefCell::new(Work {
        packed: Vec::new(),
        tile: Vec::new(),
        weights: Vec::new(),
        column: Box::new([[0; 2]; 256]),
        packed_column: Box::new([0; 256]),
        rows: Vec::new(),
    });
}

/// In single precision; the largest number for what is larger.
fn single(x: f64) -> f32 {
    x.min(f64::from(f32::MAX)) as f32
}

fn zeros<T: Default>(n: usize) -> Vec<T> {
    std::iter::repeat_with(T::default).take(n).collect()
}

/// A leaf that may yet be split.
struct Leaf {
    range: [usize; 2],
    depth: usize,
    node: NodeSums,
    slot: Option<usize>,
    split: Option<Split>,
    /// The question above, and which of its children this is.
    above: Option<(usize, usize)>,
    /// The columns it may look at.
    columns: Option<Arc<Vec<bool>>>,
    /// By group: whether the branch so far lies in it.
    groups: Option<Vec<bool>>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(matrix: &'a Matrix, weights: Option<&'a [f64]>, max_leaves: usize) -> Shared<'a> {
        let n = matrix.n_rows;
        let bytes = matrix.stride * LANE * 256 * size_of::<Sums>();
        let slots = POOL_BYTES.checked_div(bytes).unwrap_or(0).min(max_leaves).min(n / FEW_ROWS + 2);
        Shared {
            matrix,
            weights,
            rows: zeros(n),
            scratch: zeros(n),
            packed: zeros(n),
            safe_rows: AtomicUsize::new(1),
            hists: (0..slots).map(|_| (0..matrix.stride).map(|_| Mutex::new(Vec::new())).collect()).collect(),
            counts: std::iter::repeat_with(Default::default).take(n.div_ceil(PART)).collect(),
            lefts: zeros(n.div_ceil(PART)),
            found: (0..2 * matrix.columns.len().max(1)).map(|_| Mutex::new(None)).collect(),
        }
    }

    fn row(&self, at: usize) -> usize {
        self.rows.get(at).map_or(0, |r| r.load(Relaxed) as usize)
    }

    fn packed(&self, row: usize) -> u64 {
        self.packed.get(row).map_or(0, |p| p.load(Relaxed))
    }

    /// Multiply a row's gradient and second derivative.
    pub(super) fn weigh_up(&self, row: u32, factor: f64) {
        let row = row as usize;
        let [g, h] = self.sums(row).map(|s| (s as f64 * factor).round());
        if let Some(packed) = self.packed.get(row) {
            packed.store(pack(g as i32, h as u32), Relaxed);
        }
    }

    pub(super) fn sums(&self, row: usize) -> Sums {
        unpack(self.packed(row))
    }

    fn weight(&self, row: usize) -> f64 {
        self.weights.map_or(1.0, |w| w.get(row).copied().unwrap_or(0.0))
    }

    fn with_hist<T>(&self, slot: usize, lane: usize, f: impl FnOnce(&mut Hist) -> T) -> Option<T> {
        let lane = self.hists.get(slot)?.get(lane)?;
        let mut hist = lane.lock().unwrap_or_else(PoisonError::into_inner);
        if hist.is_empty() {
            hist.resize(LANE, [[0; 2]; 256]);
        }
        Some(f(&mut hist))
    }

    /// Add rows of the list up into a slot.
    fn add_up(&self, slot: usize, range: [usize; 2]) {
        let stride = self.matrix.stride;
        let safe = self.safe_rows.load(Relaxed);
        if safe < TILE / 2 {
            // Weights so large that 32 bits hold few rows.
            (0..stride).for_each(|lane| self.add_rows(slot, lane, range, add));
            return;
        }
        WORK.with(|work| {
            let mut work = work.borrow_mut();
            let Work { packed, tile, weights, .. } = &mut *work;
            packed.resize(stride, [[0; 256]; LANE]);
            let mut held = 0;
            let mut at = range[0];
            while at < range[1] {
                let n = TILE.min(range[1] - at).min(safe);
                let (first, last) = (self.row(at), self.row(at + n - 1));
                weights.clear();
                let rows = &self.rows[at..at + n];
                weights.extend(rows.iter().map(|r| self.packed[r.load(Relaxed) as usize].load(Relaxed)));
                let lanes = if last >= first && last - first == n - 1 {
                    self.matrix.rows(first, n)
                } else {
                    self.matrix.gather(rows.iter().map(|r| r.load(Relaxed) as usize), tile);
                    &tile[..]
                };
                if held + n > safe {
                    self.flush(slot, packed);
                    held = 0;
                }
                for (lane, sums) in packed.iter_mut().enumerate() {
                    add_lane(lanes, stride, lane, weights, sums);
                }
                held += n;
                at += n;
            }
            self.flush(slot, packed);
        });
    }

    fn flush(&self, slot: usize, packed: &mut [[[u64; 256]; LANE]]) {
        for (lane, packed) in packed.iter_mut().enumerate() {
            self.with_hist(slot, lane, |hist| {
                for (wide, packed) in hist.iter_mut().zip(packed) {
                    for (wide, packed) in wide.iter_mut().zip(packed) {
                        *wide = add(*wide, unpack(*packed));
                        *packed = 0;
                    }
                }
            });
        }
    }

    /// Add rows of the list to one lane of a slot, or take them away, one by one.
    fn add_rows(&self, slot: usize, lane: usize, range: [usize; 2], change: impl Fn(Sums, Sums) -> Sums) {
        self.with_hist(slot, lane, |hist| {
            for at in range[0]..range[1] {
                let row = self.row(at);
                let sums = self.sums(row);
                if let Some(bins) = self.matrix.row(row).get(lane) {
                    for (hist, bin) in hist.iter_mut().zip(bins) {
                        let sum = &mut hist[usize::from(*bin)];
                        *sum = change(*sum, sums);
                    }
                }
            }
        });
    }

    fn keep(&self, task: usize, split: Option<Split>) {
        if let Some(found) = self.found.get(task) {
            *found.lock().unwrap_or_else(PoisonError::into_inner) = split;
        }
    }

    fn kept(&self, task: usize) -> Option<Split> {
        self.found.get(task).and_then(|f| *f.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The best split of a leaf in some columns, added up anew.
    fn best_anew(&self, growth: &Growth, columns: &[usize], range: [usize; 2], node: &NodeSums) -> Option<Split> {
        WORK.with(|work| {
            let mut work = work.borrow_mut();
            let Work { rows, column, packed_column, .. } = &mut *work;
            rows.clear();
            rows.extend((range[0]..range[1]).map(|at| self.row(at)).map(|row| (row as u32, self.packed(row))));
            let is_packed = rows.len() <= self.safe_rows.load(Relaxed);
            columns.iter().fold(None, |best, &c| {
                let of_column = if is_packed {
                    self.best_of_column(growth, c, rows, node, packed_column)
                } else {
                    self.best_of_column(growth, c, rows, node, column)
                };
                Split::better(best, of_column)
            })
        })
    }

    fn best_of_column<C: Cell>(
        &self,
        growth: &Growth,
        column: usize,
        rows: &[(u32, u64)],
        node: &NodeSums,
        hist: &mut [C; 256],
    ) -> Option<Split> {
        let mut occupied = [0u64; 4];
        let bins = self.matrix.column(column);
        for (row, sums) in rows {
            let bin = usize::from(bins.get(*row as usize).copied().unwrap_or(0));
            hist[bin] = hist[bin].with(*sums);
            occupied[bin / 64] |= 1 << (bin % 64);
        }
        let best = self.best(growth, column, hist, &occupied, node);
        for (word, bits) in occupied.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                hist[64 * word + bits.trailing_zeros() as usize] = C::default();
                bits &= bits - 1;
            }
        }
        best
    }

    fn best<C: Cell>(
        &self,
        growth: &Growth,
        column: usize,
        hist: &[C; 256],
        occupied: &[u64; 4],
        node: &NodeSums,
    ) -> Option<Split> {
        let ordered = self.matrix.columns.get(column)?.is_ordered();
        let rule = growth.rules.get(column).copied().unwrap_or_default();
        growth.judge.best(column, rule, Bins { sums: hist, occupied, ordered }, node)
    }

    /// Part rows `at..end` of the list by a table of bins into the scratch: those to the left from its front, the others
    /// from behind.
    fn part(&self, part: usize, range: [usize; 2], column: usize, goes_left: &[bool; 256]) {
        let begin = range[0] + part * PART;
        let end = (begin + PART).min(range[1]);
        let (mut l, mut r) = (begin, end);
        let mut left_weight = 0.0;
        let bins = self.matrix.column(column);
        for row in &self.rows[begin..end] {
            let row = row.load(Relaxed);
            let left = goes_left[usize::from(bins[row as usize])];
            let place = if left { l } else { r - 1 };
            self.scratch[place].store(row, Relaxed);
            l += usize::from(left);
            r -= usize::from(!left);
            if self.weights.is_some() && left {
                left_weight += self.weight(row as usize);
            }
        }
        self.counts[part][0].store((l - begin) as u64, Relaxed);
        self.counts[part][1].store((end - l) as u64, Relaxed);
        self.lefts[part].store(f64::to_bits(left_weight), Relaxed);
    }

    /// Bring a parted piece to its place in the list.
    fn gather(&self, part: usize, range: [usize; 2], to: [usize; 2]) {
        let begin = range[0] + part * PART;
        let end = (begin + PART).min(range[1]);
        let n_left = self.counts[part][0].load(Relaxed) as usize;
        for (from, to) in self.scratch[begin..begin + n_left].iter().zip(&self.rows[to[0]..]) {
            to.store(from.load(Relaxed), Relaxed);
        }
        // Those to the right were written from behind: read from behind they are in order.
        for (from, to) in self.scratch[begin + n_left..end].iter().rev().zip(&self.rows[to[1]..]) {
            to.store(from.load(Relaxed), Relaxed);
        }
    }
}

/// Add the bins of one lane of the rows up.
fn add_lane(lanes: &[[u8; LANE]], stride: usize, lane: usize, weights: &[u64], sums: &mut [[u64; 256]; LANE]) {
    for (row, w) in lanes.chunks_exact(stride).zip(weights) {
        let Some(bins) = row.get(lane) else { return };
        for (sums, bin) in sums.iter_mut().zip(bins) {
            let sum = &mut sums[usize::from(*bin)];
            *sum = sum.wrapping_add(*w);
        }
    }
}

/// Which bins a question sends to the left.
pub(super) fn goes_left(ordered: bool, cut: u8, gap_left: bool) -> [bool; 256] {
    std::array::from_fn(|bin| match (ordered, bin == usize::from(GAP)) {
        (true, true) => gap_left,
        (true, false) => bin <= usize::from(cut),
        (false, _) => bin == usize::from(cut),
    })
}

/// Grows trees, one after the other.
pub(super) struct Grower<'s, 'env> {
    pub(super) shared: &'env Shared<'env>,
    pub(super) team: &'s Team<'env>,
    growth: Arc<Growth>,
    free: Vec<usize>,
}

impl<'s, 'env> Grower<'s, 'env> {
    pub(super) fn new(shared: &'env Shared<'env>, team: &'s Team<'env>, growth: Growth) -> Grower<'s, 'env> {
        let free = (0..shared.hists.len()).rev().collect();
        Grower { shared, team, growth: Arc::new(growth), free }
    }

    /// The features that a tree uses cost nothing from now on.
    pub(super) fn pay(&mut self, questions: &[Question]) {
        if self.growth.rules.iter().all(|r| r.cost == 0.0) {
            return;
        }
        let columns = &self.shared.matrix.columns;
        let feature = |c: usize| columns.get(c).map(|c| c.feature);
        for (c, rule) in Arc::make_mut(&mut self.growth).rules.iter_mut().enumerate() {
            if questions.iter().any(|q| feature(q.column) == feature(c)) {
                rule.cost = 0.0;
            }
        }
    }

    /// Grow a tree on the first `n` rows of the list, looking at `columns` alone.
    pub(super) fn grow(
        &mut self,
        n: usize,
        columns: Option<Arc<Vec<bool>>>,
        rng: &mut Rng,
        run: &Run,
    ) -> Result<Grown> {
        let mut grown = Grown::default();
        let (sums, weight) = self.total(n)?;
        let mut root = Leaf {
            range: [0, n],
            depth: 0,
            node: NodeSums { sums, weight, bounds: [f64::NEG_INFINITY, f64::INFINITY] },
            slot: None,
            split: None,
            above: None,
            groups: self.growth.groups.as_ref().map(|g| vec![true; g.len()]),
            columns: columns.clone(),
        };
        self.look(&mut root, None, rng)?;
        let mut open = Vec::new();
        self.settle(&mut grown, &mut open, root);
        // Where leaves are as good as unlimited their order does not matter, and the deepest first need the least memory.
        let unlimited = self.growth.max_leaves >= super::params::MAX_LEAVES as usize;
        while !open.is_empty() && (open.len() + grown.values.len()) < self.growth.max_leaves {
            run.check()?;
            let next = self.next(&open, unlimited);
            let mut leaf = open.swap_remove(next);
            let Some(split) = leaf.split else { continue };
            let Some([left_end, left_weight]) = self.part(&leaf, &split)? else {
                // Too few rows after all: the estimate by second derivatives was off. Another column may do.
                let mut mask =
                    leaf.columns.as_deref().cloned().unwrap_or_else(|| vec![true; self.shared.matrix.columns.len()]);
                if let Some(m) = mask.get_mut(split.column) {
                    *m = false;
                }
                leaf.columns = Some(Arc::new(mask));
                self.find(&mut leaf, None)?;
                self.settle(&mut grown, &mut open, leaf);
                continue;
            };
            let place = grown.questions.len();
            grown.questions.push(Question {
                column: split.column,
                cut: split.cut,
                gap_left: split.gap_left,
                children: [0; 2],
                gain: single(split.gain),
                weight: single(leaf.node.weight),
            });
            self.hang(&mut grown, leaf.above, place as i32);
            let [mut left, mut right] =
                self.children(&leaf, &split, left_end as usize, left_weight, place, columns.as_ref());
            // The smaller one is added up, the other one is what is left of the parent's slot.
            let smaller_left = left.range[1] - left.range[0] <= right.range[1] - right.range[0];
            let (small, large) = if smaller_left { (&mut left, &mut right) } else { (&mut right, &mut left) };
            large.slot = leaf.slot;
            self.look(large, Some(small), rng)?;
            self.settle(&mut grown, &mut open, left);
            self.settle(&mut grown, &mut open, right);
        }
        for leaf in open {
            self.close(&mut grown, leaf);
        }
        Ok(grown)
    }

    /// Sums and weight of the first `n` rows of the list.
    fn total(&self, n: usize) -> Result<(Sums, f64)> {
        let shared = self.shared;
        let parts = n.div_ceil(PART);
        self.team.run(parts, move |part| {
            let (mut sums, mut weight) = ([0; 2], 0.0);
            for at in part * PART..(part * PART + PART).min(n) {
                let row = shared.row(at);
                sums = add(sums, shared.sums(row));
                weight += shared.weight(row);
            }
            shared.counts[part][0].store(sums[0] as u64, Relaxed);
            shared.counts[part][1].store(sums[1] as u64, Relaxed);
            shared.lefts[part].store(f64::to_bits(weight), Relaxed);
        })?;
        Ok((0..parts).fold(([0; 2], 0.0), |(sums, weight), p| {
            let of_part = [shared.counts[p][0].load(Relaxed) as i64, shared.counts[p][1].load(Relaxed) as i64];
            (add(sums, of_part), weight + f64::from_bits(shared.lefts[p].load(Relaxed)))
        }))
    }

    fn next(&self, open: &[Leaf], unlimited: bool) -> usize {
        let mut best = open.len() - 1;
        if unlimited {
            return best;
        }
        let key = |l: &Leaf| (l.depth, l.split.map_or(0.0, |s| s.gain), l.above);
        for (i, leaf) in open.iter().enumerate() {
            let (a, b) = (key(leaf), key(&open[best]));
            // Ties go by place in the tree, which does not depend on the order of the list.
            let first = if self.growth.by_depth && a.0 != b.0 {
                a.0 < b.0
            } else if a.1 != b.1 {
                a.1 > b.1
            } else {
                a.2 < b.2
            };
            if first {
                best = i;
            }
        }
        best
    }

    /// Point the question above at a question or (`!`) a leaf.
    fn hang(&self, grown: &mut Grown, above: Option<(usize, usize)>, child: i32) {
        if let Some((question, side)) = above
            && let Some(q) = grown.questions.get_mut(question)
        {
            q.children[side] = child;
        }
    }

    /// An open leaf, or a closed one where there is no split.
    fn settle(&mut self, grown: &mut Grown, open: &mut Vec<Leaf>, leaf: Leaf) {
        if leaf.split.is_some() { open.push(leaf) } else { self.close(grown, leaf) }
    }

    fn close(&mut self, grown: &mut Grown, leaf: Leaf) {
        self.free.extend(leaf.slot);
        self.hang(grown, leaf.above, !(grown.values.len() as i32));
        grown.values.push((self.growth.judge.value(leaf.node.sums, leaf.node.bounds) * self.growth.shrink) as f32);
        grown.weights.push(single(leaf.node.weight));
        grown.ranges.push(leaf.range);
    }

    /// Part the leaf's rows; where the left ones end and their weight. `None` if a side has too few.
    fn part(&self, leaf: &Leaf, split: &Split) -> Result<Option<[f64; 2]>> {
        let (shared, range, column) = (self.shared, leaf.range, split.column);
        let ordered = shared.matrix.columns.get(column).is_some_and(super::bins::Column::is_ordered);
        let table = goes_left(ordered, split.cut, split.gap_left);
        let parts = (range[1] - range[0]).div_ceil(PART);
        self.team.run(parts, move |part| shared.part(part, range, column, &table))?;
        let n_left: usize = (0..parts).map(|p| shared.counts[p][0].load(Relaxed) as usize).sum();
        let left_weight = match shared.weights {
            None => n_left as f64,
            Some(_) => (0..parts).map(|p| f64::from_bits(shared.lefts[p].load(Relaxed))).sum(),
        };
        let few = self.growth.judge.min_leaf_rows;
        let n = range[1] - range[0];
        if left_weight < few || leaf.node.weight - left_weight < few || n_left == 0 || n_left == n {
            return Ok(None);
        }
        let mut to = [range[0], range[0] + n_left];
        let starts: Vec<[usize; 2]> = (0..parts)
            .map(|p| {
                let start = to;
                to[0] += shared.counts[p][0].load(Relaxed) as usize;
                to[1] += shared.counts[p][1].load(Relaxed) as usize;
                start
            })
            .collect();
        self.team.run(parts, move |part| {
            if let Some(start) = starts.get(part) {
                shared.gather(part, range, *start);
            }
        })?;
        Ok(Some([(range[0] + n_left) as f64, left_weight]))
    }

    fn children(
        &self,
        leaf: &Leaf,
        split: &Split,
        middle: usize,
        left_weight: f64,
        place: usize,
        columns: Option<&Arc<Vec<bool>>>,
    ) -> [Leaf; 2] {
        let judge = &self.growth.judge;
        let sums = [split.left, sub(leaf.node.sums, split.left)];
        let mut bounds = [leaf.node.bounds; 2];
        let direction = self.growth.rules.get(split.column).map_or(0, |r| r.direction);
        if direction != 0 {
            let [l, r] = sums.map(|s| judge.value(s, leaf.node.bounds));
            let between = 0.5 * l + 0.5 * r;
            let (low, high) = if direction > 0 { (0, 1) } else { (1, 0) };
            bounds[low][1] = between;
            bounds[high][0] = between;
        }
        let groups = leaf.groups.as_ref().zip(self.growth.groups.as_ref()).map(|(in_group, groups)| {
            let holds = |g: &Vec<bool>| g.get(split.column).copied().unwrap_or(false);
            in_group.iter().zip(groups.iter()).map(|(i, g)| *i && holds(g)).collect::<Vec<bool>>()
        });
        let columns = match (&groups, self.growth.groups.as_ref()) {
            (Some(in_group), Some(all)) => {
                let n = self.shared.matrix.columns.len();
                let drawn = |c: usize| columns.is_none_or(|m| m.get(c).copied().unwrap_or(false));
                let meets =
                    |c: usize| in_group.iter().zip(all.iter()).any(|(i, g)| *i && g.get(c).copied().unwrap_or(false));
                Some(Arc::new((0..n).map(|c| drawn(c) && meets(c)).collect()))
            }
            _ => columns.cloned(),
        };
        let child = |side: usize, range, weight| Leaf {
            range,
            depth: leaf.depth + 1,
            node: NodeSums { sums: sums[side], weight, bounds: bounds[side] },
            slot: None,
            split: None,
            above: Some((place, side)),
            columns: columns.clone(),
            groups: groups.clone(),
        };
        [
            child(0, [leaf.range[0], middle], left_weight),
            child(1, [middle, leaf.range[1]], leaf.node.weight - left_weight),
        ]
    }

    fn is_splittable(&self, leaf: &Leaf) -> bool {
        let few = self.growth.judge.min_leaf_rows;
        leaf.depth < self.growth.max_depth && leaf.range[1] - leaf.range[0] >= 2 && leaf.node.weight >= 2.0 * few
    }

    /// The features a node looks at, drawn among those it may look at.
    fn draw(&self, leaf: &mut Leaf, rng: &mut Rng) {
        if self.growth.node_fraction < 1.0 {
            let columns = &self.shared.matrix.columns;
            leaf.columns = Some(Arc::new(draw(columns, leaf.columns.as_deref(), self.growth.node_fraction, rng)));
        }
    }

    /// Find the best split of a leaf, and of its smaller sibling; `large` may hold the parent's slot.
    fn look(&mut self, large: &mut Leaf, small: Option<&mut Leaf>, rng: &mut Rng) -> Result<()> {
        let mut leaves: Vec<&mut Leaf> = Vec::with_capacity(2);
        let mut parent = large.slot.take();
        let large_open = self.is_splittable(large);
        if large_open {
            self.draw(large, rng);
        }
        let small_rows = small.as_ref().map(|s| s.range);
        if let Some(small) = small
            && self.is_splittable(small)
        {
            self.draw(small, rng);
            leaves.push(small);
        }
        let n = self.shared.matrix.columns.len();
        let by_columns = |leaf: &Leaf| {
            let seen = leaf.columns.as_ref().map_or(n, |m| m.iter().filter(|c| **c).count());
            leaf.range[1] - leaf.range[0] < FEW_ROWS || seen * 5 <= n * 2
        };
        // Large ones by slot, together where one is what is left of the other.
        let mut small_slot = None;
        if let (Some(_), Some(range)) = (parent, small_rows)
            && large_open
            && !by_columns(large)
        {
            let few = range[1] - range[0] < FEW_ROWS;
            if !few {
                small_slot = self.free.pop();
            }
            match small_slot {
                Some(slot) => self.add_up(slot, range)?,
                None if few => {
                    let (shared, from) = (self.shared, parent.unwrap_or(0));
                    self.team.run(shared.matrix.stride, move |lane| shared.add_rows(from, lane, range, sub))?;
                }
                // No room for the smaller one: the larger one is added up anew.
                None => self.free.extend(parent.take()),
            }
            large.slot = parent.take();
        }
        self.free.extend(parent);
        if large_open && large.slot.is_none() && !by_columns(large) {
            large.slot = self.free.pop();
            if let Some(slot) = large.slot {
                self.add_up(slot, large.range)?;
            }
        }
        let less = small_slot.filter(|_| large.slot.is_some());
        let mut few = Vec::with_capacity(2);
        if large.slot.is_some() {
            self.find(large, less)?;
        } else if large_open {
            few.push(large);
        }
        match leaves.pop() {
            Some(small) => {
                small.slot = small_slot;
                if small.slot.is_none() && !by_columns(small) {
                    small.slot = self.free.pop();
                    if let Some(slot) = small.slot {
                        self.add_up(slot, small.range)?;
                    }
                }
                if small.slot.is_some() { self.find(small, None)? } else { few.push(small) }
            }
            None => self.free.extend(small_slot),
        }
        self.find_anew(&mut few)
    }

    fn add_up(&self, slot: usize, range: [usize; 2]) -> Result<()> {
        let shared = self.shared;
        for lane in 0..shared.matrix.stride {
            shared.with_hist(slot, lane, |h| h.fill([[0; 2]; 256]));
        }
        let n = range[1] - range[0];
        // Results do not depend on the size of the pieces.
        let piece = (n / (4 * self.team.threads())).clamp(4096, 65_536);
        self.team.run(n.div_ceil(piece), move |i| {
            let begin = range[0] + i * piece;
            shared.add_up(slot, [begin, (begin + piece).min(range[1])]);
        })
    }

    /// The best split of a leaf by its slot; `less` is a slot to take away from it first.
    fn find(&self, leaf: &mut Leaf, less: Option<usize>) -> Result<()> {
        let Some(slot) = leaf.slot else { return self.find_anew(&mut [leaf]) };
        let (shared, growth) = (self.shared, Arc::clone(&self.growth));
        let (node, columns) = (leaf.node, leaf.columns.clone());
        let sees = move |c: usize| columns.as_ref().is_none_or(|m| m.get(c).copied().unwrap_or(false));
        let n = shared.matrix.columns.len();
        self.team.run(shared.matrix.stride, move |lane| {
            let best = shared.with_hist(slot, lane, |hist| {
                if let Some(less) = less {
                    shared.with_hist(less, lane, |less| {
                        for (a, b) in hist.iter_mut().flatten().zip(less.iter().flatten()) {
                            *a = sub(*a, *b);
                        }
                    });
                }
                let mut best = None;
                for (c, hist) in (lane * LANE..).zip(hist.iter()).take(n - lane * LANE).filter(|(c, _)| sees(*c)) {
                    best = Split::better(best, shared.best(&growth, c, hist, &[u64::MAX; 4], &node));
                }
                best
            });
            shared.keep(lane, best.flatten());
        })?;
        self.choose(leaf, 0..shared.matrix.stride);
        Ok(())
    }

    /// The best splits of up to two leaves, added up anew, in one phase.
    fn find_anew(&self, leaves: &mut [&mut Leaf]) -> Result<()> {
        let (shared, growth) = (self.shared, Arc::clone(&self.growth));
        let n = shared.matrix.columns.len();
        let mut tasks: Vec<([usize; 2], NodeSums, Vec<usize>)> = Vec::new();
        let mut ends = [0; 2];
        for (leaf, end) in leaves.iter().zip(&mut ends) {
            let rows = (leaf.range[1] - leaf.range[0]).max(1);
            let sees = |c: &usize| leaf.columns.as_ref().is_none_or(|m| m.get(*c).copied().unwrap_or(false));
            let seen: Vec<usize> = (0..n).filter(sees).collect();
            // Not so few that the rows' gradients are fetched for a column or two each time.
            let together = TASK.div_ceil(rows).max(seen.len().div_ceil(2 * self.team.threads()));
            tasks.extend(seen.chunks(together).map(|columns| (leaf.range, leaf.node, columns.to_vec())));
            *end = tasks.len();
        }
        let n_tasks = tasks.len();
        self.team.run(n_tasks, move |task| {
            if let Some((range, node, columns)) = tasks.get(task) {
                shared.keep(task, shared.best_anew(&growth, columns, *range, node));
            }
        })?;
        let mut first = 0;
        for (leaf, end) in leaves.iter_mut().zip(ends) {
            self.choose(leaf, first..end);
            first = end;
        }
        Ok(())
    }

    /// The best of the splits that tasks found for a leaf.
    fn choose(&self, leaf: &mut Leaf, tasks: std::ops::Range<usize>) {
        let shared = self.shared;
        leaf.split = tasks.fold(None, |best, task| Split::better(best, shared.kept(task)));
        if let Some(split) = &mut leaf.split
            && !shared.matrix.has_gap.get(split.column).copied().unwrap_or(false)
        {
            // Where training saw no gap, gaps go with the many.
            split.gap_left = 2 * split.left[1] >= leaf.node.sums[1];
        }
    }
}

/// So large a share of the features, at least one, among those allowed; columns of one feature go together.
pub(super) fn draw(
    columns: &[super::bins::Column],
    allowed: Option<&Vec<bool>>,
    fraction: f64,
    rng: &mut Rng,
) -> Vec<bool> {
    let may = |c: usize| allowed.is_none_or(|m| m.get(c).copied().unwrap_or(false));
    let mut features: Vec<usize> = (0..columns.len()).filter(|c| may(*c)).map(|c| columns[c].feature).collect();
    features.dedup();
    let n = ((features.len() as f64 * fraction).round() as usize).clamp(1, features.len().max(1));
    // The first n of a shuffle.
    for i in 0..n.min(features.len()) {
        let other = i + rng.below(features.len() - i);
        features.swap(i, other);
    }
    features.truncate(n);
    (0..columns.len()).map(|c| may(c) && features.contains(&columns[c].feature)).collect()
}
