//! Mergeable summaries of a table.
//!
//! A [`Profile`] keeps, for every column, counts, exact moments, the ends, and how the values are spread; no row. It
//! is what a saved model knows of its training data, and what drift is measured against.
//!
//! Everything is counted in whole numbers, summed without rounding and chosen without regard to order: the profile of
//! parts, merged in any order, is the profile of the whole to the last byte. A cluster makes one a partition.

mod column;
mod facts;
mod levels;
mod score;
mod sketch;

pub use column::{ColumnProfile, Numbers, Summary};
pub use facts::{ColumnFacts, ProfileFacts, ScoreFacts};
pub use levels::{Levels, MAX_LEVELS};
pub use score::{SCORE_BINS, ScoreProfile};
pub use sketch::{Bucket, MAX_BUCKETS, MAX_EXACT, Quantile, Sketch};

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::error::Place;
use crate::table::{Columns, Source};
use crate::{Error, Result, Run, Table};

/// The summary of a table's columns.
///
/// | values | kept |
/// |---|---|
/// | numbers, times (in days) | exact sum and sum of squares, smallest and largest, counts of at most [`MAX_EXACT`] different values, else of at most [`MAX_BUCKETS`] buckets of the values' own bits |
/// | strings | counts of at most [`MAX_LEVELS`] levels (see [`Levels`]) |
/// | truth values | two counts |
///
/// The names of levels are kept: leave out columns of names or ids.
///
/// # Example
/// ```
/// use attrition_core::{Run, datasets, profile::Profile};
/// let run = Run::new();
/// let table = datasets::employees(2000, 0)?;
/// let whole = Profile::of(&table, &run)?;
/// let mut parts = Profile::of(&table.take(&(900..2000).collect::<Vec<_>>()), &run)?;
/// parts.update(&table.take(&(0..900).collect::<Vec<_>>()), &run)?;
/// assert_eq!(parts.to_bytes()?, whole.to_bytes()?);
/// let age = whole.column("Age").unwrap();
/// assert!(age.mean().unwrap() > 30.0 && age.missing_rate() == 0.0);
/// # Ok::<(), attrition_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    columns: BTreeMap<String, ColumnProfile>,
    /// The scores of a model on these rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scores: Option<ScoreProfile>,
}

/// Rows a piece, at least.
const PIECE_ROWS: usize = 65_536;
/// Pieces a column, at most: bounds the memory of a long table.
const MAX_PIECES: usize = 16;

impl Profile {
    /// The summary of all columns.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn of(table: &Table, run: &Run) -> Result<Profile> {
        let names: Vec<&str> = table.names().collect();
        Profile::of_columns(table, &names, run)
    }

    /// The summary of the named columns.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a name that is not there; [`Error::Cancelled`].
    pub fn of_columns(table: &Table, names: &[&str], run: &Run) -> Result<Profile> {
        Profile::of_rows(table.into(), names, None, run)
    }

    /// The summary of some rows of the named columns; of all rows where none are given.
    pub(crate) fn of_rows(columns: Columns<'_>, names: &[&str], rows: Option<&[usize]>, run: &Run) -> Result<Profile> {
        if let Some(name) = names.iter().find(|n| columns.outline(n).is_none()) {
            return Err(Error::not_found("column", *name, columns.names()));
        }
        let n = rows.map_or(columns.n_rows(), <[usize]>::len);
        // Any cut gives the same result; this one bounds pieces and memory.
        let size = PIECE_ROWS.max(n.div_ceil(MAX_PIECES));
        let pieces = n.div_ceil(size).max(1);
        let parts = run.map(names.len() * pieces, |i| {
            let (name, first) = (names[i / pieces], i % pieces * size);
            let mut part = ColumnProfile::empty();
            for start in (first..(first + size).min(n)).step_by(PIECE_ROWS) {
                run.check()?;
                let range = start..(start + PIECE_ROWS).min(first + size).min(n);
                let (column, range) = match rows {
                    None => columns.piece(name, range)?,
                    Some(rows) => (Cow::Owned(columns.take(name, &rows[range.clone()])?), 0..range.len()),
                };
                part.merge(&ColumnProfile::of(&column, range), name)?;
            }
            Ok(part)
        })?;
        let mut profile = Profile { columns: BTreeMap::new(), scores: None };
        for (name, parts) in names.iter().zip(parts.chunks(pieces)) {
            let mut whole = ColumnProfile::empty();
            for part in parts {
                whole.merge(part, name)?;
            }
            profile.columns.insert((*name).to_owned(), whole);
        }
        Ok(profile)
    }

    /// The summary of all columns of a source, batch by batch: memory is that of a batch and of the summary, which is that of
    /// the whole table to the last byte.
    ///
    /// # Errors
    /// The source's; [`Error::InvalidData`] for a source without a batch, and for a column that changes its kind.
    pub fn of_source(source: &mut dyn Source, run: &Run) -> Result<Profile> {
        Profile::gather(source, None, run)
    }

    /// The summary of the named columns of a source; see [`Profile::of_source`].
    ///
    /// # Errors
    /// As [`Profile::of_source`]; [`Error::NotFound`] for a name that is not there.
    pub fn of_source_columns(source: &mut dyn Source, names: &[&str], run: &Run) -> Result<Profile> {
        Profile::gather(source, Some(names), run)
    }

    fn gather(source: &mut dyn Source, names: Option<&[&str]>, run: &Run) -> Result<Profile> {
        let mut whole: Option<Profile> = None;
        while let Some(batch) = source.next_batch(run)? {
            match (&mut whole, names) {
                (Some(whole), _) => whole.update(&batch, run)?,
                (None, None) => whole = Some(Profile::of(&batch, run)?),
                (None, Some(names)) => whole = Some(Profile::of_columns(&batch, names, run)?),
            }
        }
        whole.ok_or_else(|| Error::data(Place::none(), "no batch", "at least one batch", "check the source"))
    }

    /// Adds a table's rows. The profile's columns are read, others passed over.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a column that is not there, [`Error::InvalidData`] for one that changed its kind
    /// (the profile is then as before), [`Error::Cancelled`].
    pub fn update(&mut self, batch: &Table, run: &Run) -> Result<()> {
        let names: Vec<&str> = self.columns.keys().map(String::as_str).collect();
        let other = Profile::of_columns(batch, &names, run)?;
        self.merge(&other)
    }

    /// Adds the rows of another profile of the same columns.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a column that only one has, [`Error::InvalidData`] for one that changed its kind, and for more
    /// rows than can be counted; the profile is then as before.
    pub fn merge(&mut self, other: &Profile) -> Result<()> {
        let mut columns = self.columns.clone();
        for name in other.columns.keys() {
            if !columns.contains_key(name) {
                return Err(Error::not_found("column", name, self.names()));
            }
        }
        for (name, column) in &mut columns {
            let part = other.columns.get(name).ok_or_else(|| Error::not_found("column", name, other.names()))?;
            column.merge(part, name)?;
        }
        if let (Some(mine), Some(others)) = (&self.scores, &other.scores)
            && mine.n().checked_add(others.n()).is_none()
        {
            return Err(too_many(Place::none()));
        }
        self.columns = columns;
        if let Some(scores) = &other.scores {
            self.scores.get_or_insert_default().merge(scores);
        }
        Ok(())
    }

    /// With the scores of a model on these rows.
    pub fn with_scores(mut self, scores: ScoreProfile) -> Profile {
        self.scores = Some(scores);
        self
    }

    /// The scores of a model on these rows, where they were added.
    pub fn scores(&self) -> Option<&ScoreProfile> {
        self.scores.as_ref()
    }
    /// Rows seen; 0 without columns.
    pub fn n_rows(&self) -> u64 {
        self.columns.values().next().map_or(0, ColumnProfile::n_rows)
    }
    /// The summary of a column.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.get(name)
    }
    /// The columns, by name.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = (&str, &ColumnProfile)> {
        self.columns.iter().map(|(n, c)| (n.as_str(), c))
    }
    /// The columns' names, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.keys().map(String::as_str)
    }

    /// As bytes (JSON). The same rows give the same bytes, in whatever order and parts they came.
    ///
    /// # Errors
    /// [`Error::Internal`] if the serialiser fails.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(|e| Error::Internal(format!("a profile could not be written: {e}")))
    }

    /// From [`Profile::to_bytes`].
    ///
    /// # Errors
    /// [`Error::Artifact`] when the bytes are not a profile.
    pub fn from_bytes(bytes: &[u8]) -> Result<Profile> {
        let refused = |why: String| {
            let hint = "read it with the version that wrote it, or a later one";
            Error::artifact(format!("the profile cannot be read: {why}"), hint)
        };
        let profile: Profile = serde_json::from_slice(bytes).map_err(|e| refused(e.to_string()))?;
        let n_rows = profile.n_rows();
        if let Some((name, _)) = profile.columns().find(|(_, c)| !c.is_counted() || c.n_rows() != n_rows) {
            return Err(refused(format!("the counts of column `{name}` do not add up")));
        }
        Ok(profile)
    }
}

/// Counts that a merge would carry past `u64`: only of forged profiles.
fn too_many(place: Place) -> Error {
    Error::data(place, "more rows than can be counted", "fewer than 2^64 rows", "check where the profile came from")
}

#[cfg(test)]
mod tests;
