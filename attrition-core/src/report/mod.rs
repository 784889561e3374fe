//! Results for people: a table, a schema, a model, an evaluation as a small document, and that document as HTML.
//!
//! A [`Report`] is a list of [`Block`]s that hold plain texts and numbers. Only the renderer writes markup, and it escapes every
//! text: a column or a label of any name cannot break out of the page. What it writes is a fragment for a notebook or a page: no
//! script, no style sheet, nothing fetched, colours taken from the text around it, so that it can be read on light and dark.

mod html;
mod results;
#[cfg(test)]
mod tests;

use serde::Serialize;

/// Rows of a grid that are shown; the rest is counted.
pub const MAX_ROWS: usize = 20;
/// Columns of a grid that are shown; the rest is counted.
pub const MAX_COLUMNS: usize = 40;
/// Characters of one text that are shown.
pub const MAX_TEXT: usize = 120;

/// A small document.
///
/// # Example
/// ```
/// use attrition_core::{Run, Table, report::Report, table::CsvOptions};
/// let table = Table::from_csv_bytes(b"<b>Age</b>,Left\n41,Yes\n", &CsvOptions::default(), &Run::new())?;
/// let html = Report::from(&table).to_html();
/// assert!(html.contains("&lt;b&gt;Age&lt;/b&gt;"));
/// # Ok::<(), attrition_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Report {
    /// What it says, from top to bottom.
    pub blocks: Vec<Block>,
}

/// A part of a document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block {
    /// A heading.
    Heading {
        /// The text.
        text: String,
    },
    /// A line of text.
    Text {
        /// The text.
        text: String,
    },
    /// Names and texts.
    Facts {
        /// `(name, text)`.
        facts: Vec<(String, String)>,
    },
    /// A grid of texts.
    Grid(Grid),
    /// Curves on the unit square, side by side.
    Charts {
        /// One a picture.
        charts: Vec<Chart>,
    },
}

/// A grid of texts, cut to [`MAX_ROWS`] and [`MAX_COLUMNS`].
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Grid {
    /// Heads: a name, and a few words under it where there are some.
    pub columns: Vec<(String, String)>,
    /// One text a column; a row that has fewer is filled with empty ones.
    pub rows: Vec<Vec<String>>,
    /// Rows there are beyond those listed.
    pub n_more_rows: usize,
    /// Columns there are beyond those listed.
    pub n_more_columns: usize,
}

impl Grid {
    /// The first rows and columns of what has `n_rows` and these `columns`; `cell(row, column)` gives the texts.
    pub fn of(columns: Vec<(String, String)>, n_rows: usize, cell: impl Fn(usize, usize) -> String) -> Grid {
        let (n_shown, width) = (n_rows.min(MAX_ROWS), columns.len().min(MAX_COLUMNS));
        let n_more_columns = columns.len() - width;
        let rows = (0..n_shown).map(|row| (0..width).map(|column| cell(row, column)).collect()).collect();
        let columns = columns.into_iter().take(width).collect();
        Grid { columns, rows, n_more_rows: n_rows - n_shown, n_more_columns }
    }
}

/// A curve on the unit square.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// What goes to the right.
    pub x_label: String,
    /// What goes up.
    pub y_label: String,
    /// Points in [0, 1]; others are left out.
    pub points: Vec<(f64, f64)>,
    /// Whether the line from (0, 0) to (1, 1) is drawn for comparison.
    pub diagonal: bool,
    /// Whether the points are marked.
    pub markers: bool,
}
