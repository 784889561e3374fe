//! The binned training rows: row by row for adding up, column by column for parting.
//!
//! Adding up reads all columns of a row, so its bins lie together; parting reads one column of many rows, a megabyte per
//! million of them, which the caches hold. Either reading from the other's layout takes about twice the time of a fit.

use super::bins::{Binned, Column, GAP};

/// Columns that are added up together: their sums, 16 KB, stay in the first-level cache.
pub(super) const LANE: usize = 8;

/// `n × p` bins, twice.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) n_rows: usize,
    pub(super) columns: Vec<Column>,
    /// Whether a training row has a gap in the column.
    pub(super) has_gap: Vec<bool>,
    by_row: Vec<[u8; LANE]>,
    by_column: Vec<Vec<u8>>,
    /// Lanes of a row.
    pub(super) stride: usize,
}

impl Matrix {
    pub(super) fn new(n_rows: usize, binned: Vec<Binned>, w: Option<&[f64]>) -> Matrix {
        // A row of weight 0 is no row.
        let counts = |row: usize| w.is_none_or(|w| w.get(row).is_some_and(|w| *w > 0.0));
        let stride = binned.len().div_ceil(LANE);
        let mut by_row = vec![[0; LANE]; n_rows * stride];
        let mut matrix = Matrix {
            n_rows,
            columns: Vec::with_capacity(binned.len()),
            has_gap: Vec::with_capacity(binned.len()),
            by_row: Vec::new(),
            by_column: Vec::with_capacity(binned.len()),
            stride,
        };
        for (c, Binned { column, bins }) in binned.into_iter().enumerate() {
            let gap = |(row, bin): (usize, &u8)| *bin == GAP && counts(row);
            matrix.has_gap.push(column.is_ordered() && bins.iter().enumerate().any(gap));
            for (lane, bin) in by_row.iter_mut().skip(c / LANE).step_by(stride.max(1)).zip(&bins) {
                lane[c % LANE] = *bin;
            }
            matrix.columns.push(column);
            matrix.by_column.push(bins);
        }
        Matrix { by_row, ..matrix }
    }

    /// The lanes of consecutive rows.
    pub(super) fn rows(&self, first: usize, n: usize) -> &[[u8; LANE]] {
        self.by_row.get(first * self.stride..(first + n) * self.stride).unwrap_or_default()
    }

    /// The lanes of one row.
    pub(super) fn row(&self, row: usize) -> &[[u8; LANE]] {
        self.rows(row, 1)
    }

    /// The lanes of some rows, one after the other.
    pub(super) fn gather(&self, rows: impl Iterator<Item = usize>, out: &mut Vec<[u8; LANE]>) {
        // A copy of known length is a few instructions, of any other a call.
        fn known<const N: usize>(all: &[[u8; LANE]], rows: impl Iterator<Item = usize>, out: &mut Vec<[u8; LANE]>) {
            let all = all.as_chunks::<N>().0;
            rows.for_each(|r| out.extend_from_slice(all.get(r).unwrap_or(&[[0; LANE]; N])));
        }
        out.clear();
        let all = &self.by_row;
        match self.stride {
            1 => known::<1>(all, rows, out),
            2 => known::<2>(all, rows, out),
            3 => known::<3>(all, rows, out),
            4 => known::<4>(all, rows, out),
            5 => known::<5>(all, rows, out),
            6 => known::<6>(all, rows, out),
            _ => rows.for_each(|r| out.extend_from_slice(self.row(r))),
        }
    }

    /// The bins of one column.
    pub(super) fn column(&self, column: usize) -> &[u8] {
        self.by_column.get(column).map_or(&[], Vec::as_slice)
    }

    /// One bin.
    pub(super) fn bin(&self, row: usize, column: usize) -> u8 {
        self.column(column).get(row).copied().unwrap_or(0)
    }
}
