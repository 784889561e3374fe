//! What a learner sees: a design of numeric columns and groups of indicators.
//!
//! Notation: `n` rows; `p` features (logical columns). A dense column is one feature; a group of indicators with
//! `k` levels is `k` features, of which at most one is 1 in a row. Feature order is column order, a group's levels
//! in level order.

use std::ops::Range;

/// One column of a [`Design`].
#[derive(Debug, Clone, PartialEq)]
pub enum DesignColumn {
    /// `n` numbers; finite in the linear form, NaN for a gap in the native one.
    Dense(Vec<f64>),
    /// One level a row; a code `>= n_levels` stands for a row in which every indicator is 0.
    Indicators {
        /// `n` level codes.
        codes: Vec<u32>,
        /// `k`, the number of features this group is.
        n_levels: usize,
    },
    /// One level a row as one feature, for learners that know levels; a code `>= n_levels` stands for a gap or a level
    /// that training never saw. In a [`Block`] it is the code as a number, NaN for those.
    Levels {
        /// `n` level codes.
        codes: Vec<u32>,
        /// How many levels there are.
        n_levels: usize,
    },
}

impl DesignColumn {
    /// How many features this column is.
    pub fn n_features(&self) -> usize {
        match self {
            DesignColumn::Dense(_) | DesignColumn::Levels { .. } => 1,
            DesignColumn::Indicators { n_levels, .. } => *n_levels,
        }
    }

    /// Rows.
    pub fn n_rows(&self) -> usize {
        match self {
            DesignColumn::Dense(v) => v.len(),
            DesignColumn::Indicators { codes, .. } | DesignColumn::Levels { codes, .. } => codes.len(),
        }
    }
}

/// What features a learner wants of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// Numbers alone: gaps filled, scaled, categories as indicators.
    #[default]
    Linear,
    /// Numbers as they are, NaN for a gap, and categories as levels: for learners that know gaps and levels. A column
    /// whose settings ask for a step (a scale, an encoding …) gets that step all the same. With a selection of features
    /// it is the linear form, which is what selection looks at.
    Native,
}

/// The training form: whole columns, one-hot groups kept as codes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Design {
    /// Rows.
    pub n_rows: usize,
    /// The columns.
    pub columns: Vec<DesignColumn>,
    /// A name for each feature, e.g. `Age`, `Department=Sales`; `p` of them.
    pub names: Vec<String>,
}

impl Design {
    /// `p`.
    pub fn n_features(&self) -> usize {
        self.columns.iter().map(DesignColumn::n_features).sum()
    }

    /// Standard deviation of each feature, population form, by weight; 0 of a constant.
    pub(crate) fn deviations(&self, w: Option<&[f64]>) -> Vec<f64> {
        self.variances(w).into_iter().map(f64::sqrt).collect()
    }

    /// Variance of each feature, population form, by weight; 0 of a constant.
    pub(super) fn variances(&self, w: Option<&[f64]>) -> Vec<f64> {
        let weight = |i: usize| w.map_or(1.0, |w| w[i]);
        let total: f64 = (0..self.n_rows).map(weight).sum::<f64>().max(f64::MIN_POSITIVE);
        let first = (0..self.n_rows).find(|&i| weight(i) > 0.0).unwrap_or(0);
        let mut out = Vec::with_capacity(self.n_features());
        for column in &self.columns {
            match column {
                DesignColumn::Dense(v) => {
                    // From the first row's value, so that rounding gives a constant no variance.
                    let origin = v.get(first).copied().unwrap_or(0.0);
                    let rows = || v.iter().enumerate().map(|(i, x)| (weight(i), x - origin));
                    let mean = rows().map(|(w, x)| w * x).sum::<f64>() / total;
                    out.push(rows().map(|(w, x)| w * (x - mean) * (x - mean)).sum::<f64>() / total);
                }
                DesignColumn::Indicators { codes, n_levels } => {
                    let mut weights = vec![0.0; *n_levels];
                    for (i, &c) in codes.iter().enumerate() {
                        if let Some(of_level) = weights.get_mut(c as usize) {
                            *of_level += weight(i);
                        }
                    }
                    out.extend(weights.into_iter().map(|x| x / total).map(|s| s * (1.0 - s)));
                }
                // A level is no number.
                DesignColumn::Levels { .. } => out.push(0.0),
            }
        }
        out
    }

    /// The given rows, in the given order, repeated where they are named again.
    pub(super) fn take(&self, rows: &[usize]) -> Design {
        let columns = self.columns.iter().map(|c| match c {
            DesignColumn::Dense(v) => DesignColumn::Dense(rows.iter().map(|&r| v[r]).collect()),
            DesignColumn::Indicators { codes, n_levels } => {
                DesignColumn::Indicators { codes: rows.iter().map(|&r| codes[r]).collect(), n_levels: *n_levels }
            }
            DesignColumn::Levels { codes, n_levels } => {
                DesignColumn::Levels { codes: rows.iter().map(|&r| codes[r]).collect(), n_levels: *n_levels }
            }
        });
        Design { n_rows: rows.len(), columns: columns.collect(), names: self.names.clone() }
    }

    /// More rows, features expanded as [`Design::block`] does.
    pub(super) fn extend(&mut self, block: &Block) {
        let mut feature = 0;
        for column in &mut self.columns {
            let n_features = column.n_features();
            match column {
                DesignColumn::Dense(v) => v.extend_from_slice(block.column(feature)),
                DesignColumn::Indicators { codes, n_levels } => codes.extend((0..block.n_rows()).map(|i| {
                    let level = (0..*n_levels).find(|l| block.column(feature + l)[i] != 0.0);
                    level.map_or(u32::MAX, |l| l as u32)
                })),
                DesignColumn::Levels { codes, .. } => {
                    codes.extend(block.column(feature).iter().map(|x| if x.is_nan() { u32::MAX } else { *x as u32 }));
                }
            }
            feature += n_features;
        }
        self.n_rows += block.n_rows();
    }

    /// The given rows as a column-major block, features expanded.
    pub fn block(&self, rows: Range<usize>, out: &mut Block) {
        out.reset(self.n_features(), rows.len());
        let mut feature = 0;
        for column in &self.columns {
            match column {
                DesignColumn::Dense(v) => out.column_mut(feature).copy_from_slice(&v[rows.clone()]),
                DesignColumn::Indicators { codes, n_levels } => {
                    for (i, &c) in codes[rows.clone()].iter().enumerate() {
                        if (c as usize) < *n_levels {
                            out.column_mut(feature + c as usize)[i] = 1.0;
                        }
                    }
                }
                DesignColumn::Levels { codes, n_levels } => {
                    let known = |c: u32| if (c as usize) < *n_levels { f64::from(c) } else { f64::NAN };
                    let cells = out.column_mut(feature).iter_mut().zip(&codes[rows.clone()]);
                    cells.for_each(|(o, &c)| *o = known(c));
                }
            }
            feature += column.n_features();
        }
    }
}

/// A column-major block of a few rows, reused from block to block: `p` columns of `n_rows` numbers.
#[derive(Debug, Clone, Default)]
pub struct Block {
    values: Vec<f64>,
    n_rows: usize,
    n_columns: usize,
    /// A column on the way, kept for its memory.
    spare: Vec<f64>,
}

impl Block {
    /// Resize to `n_columns × n_rows` zeros, without allocating once it has been as large before.
    pub fn reset(&mut self, n_columns: usize, n_rows: usize) {
        self.values.clear();
        self.values.resize(n_columns * n_rows, 0.0);
        self.n_columns = n_columns;
        self.n_rows = n_rows;
    }
    /// Column `j` becomes what `f` makes of the block, in the place it was given. Without allocating once it has been as
    /// large before.
    pub(super) fn set_column(&mut self, j: usize, f: impl FnOnce(&Block, &mut [f64])) {
        let mut column = std::mem::take(&mut self.spare);
        column.clear();
        column.resize(self.n_rows, 0.0);
        f(self, &mut column);
        self.column_mut(j).copy_from_slice(&column);
        self.spare = column;
    }
    /// Rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }
    /// Columns.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }
    /// Column `j`.
    pub fn column(&self, j: usize) -> &[f64] {
        &self.values[j * self.n_rows..(j + 1) * self.n_rows]
    }
    /// Column `j`, to write.
    pub fn column_mut(&mut self, j: usize) -> &mut [f64] {
        &mut self.values[j * self.n_rows..(j + 1) * self.n_rows]
    }
}
