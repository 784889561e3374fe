//! Errors: what went wrong, what was got, what was expected, what to do next, and where.
//!
//! [`Error`] carries the facts; [`ErrorKind`] is the small closed list that both bindings map without a wildcard
//! arm, so that a new kind does not compile until Python and Node have a class and a code for it.
//!
//! Rows are counted from 0 (a row of a table), lines from 1 (a line of a file).

use std::fmt;

/// The result of every fallible call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The closed list of what can go wrong, for callers that branch on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A parameter has a value outside its range, or an unknown name.
    InvalidParam,
    /// The data set cannot be read or cannot be learned from.
    InvalidData,
    /// A table or a record does not fit the schema.
    SchemaMismatch,
    /// A named thing (a column, a term) is not there.
    NotFound,
    /// The operating system refused a file.
    Io,
    /// The bytes are not an artifact, or are damaged, or are of a newer format.
    Artifact,
    /// The arithmetic does not end: no convergence, a singular system.
    Numeric,
    /// The combination is understood and not offered.
    Unsupported,
    /// The caller's cancel token was set.
    Cancelled,
    /// A defect of this library.
    Internal,
}

impl ErrorKind {
    /// Every kind, in a fixed order; the bindings' tests walk it.
    pub const ALL: [ErrorKind; 10] = [
        ErrorKind::InvalidParam,
        ErrorKind::InvalidData,
        ErrorKind::SchemaMismatch,
        ErrorKind::NotFound,
        ErrorKind::Io,
        ErrorKind::Artifact,
        ErrorKind::Numeric,
        ErrorKind::Unsupported,
        ErrorKind::Cancelled,
        ErrorKind::Internal,
    ];

    /// The stable code, `ATTRITION_…`, that Node shows as `err.code`.
    pub fn code(self) -> &'static str {
        match self {
            ErrorKind::InvalidParam => "ATTRITION_INVALID_PARAM",
            ErrorKind::InvalidData => "ATTRITION_INVALID_DATA",
            ErrorKind::SchemaMismatch => "ATTRITION_SCHEMA_MISMATCH",
            ErrorKind::NotFound => "ATTRITION_NOT_FOUND",
            ErrorKind::Io => "ATTRITION_IO",
            ErrorKind::Artifact => "ATTRITION_ARTIFACT",
            ErrorKind::Numeric => "ATTRITION_NUMERIC",
            ErrorKind::Unsupported => "ATTRITION_UNSUPPORTED",
            ErrorKind::Cancelled => "ATTRITION_CANCELLED",
            ErrorKind::Internal => "ATTRITION_INTERNAL",
        }
    }
}

/// Where in the data an error stands. All parts are optional.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// File name or other name of the source.
    pub source: Option<String>,
    /// Line of the file, from 1.
    pub line: Option<u64>,
    /// Row of the table, from 0.
    pub row: Option<usize>,
    /// Column name.
    pub column: Option<String>,
}

impl Place {
    /// No place known.
    pub fn none() -> Place {
        Place::default()
    }
    /// A column.
    pub fn column(name: impl Into<String>) -> Place {
        Place { column: Some(name.into()), ..Place::default() }
    }
    /// A row, counted from 0.
    pub fn row(row: usize) -> Place {
        Place { row: Some(row), ..Place::default() }
    }
    /// A cell: row counted from 0, and the column's name.
    pub fn cell(row: usize, column: impl Into<String>) -> Place {
        Place { row: Some(row), column: Some(column.into()), ..Place::default() }
    }
    /// A file, or any other named source.
    pub fn source(name: impl Into<String>) -> Place {
        Place { source: Some(name.into()), ..Place::default() }
    }
    /// The same place in the named source.
    pub fn in_source(mut self, name: impl Into<String>) -> Place {
        self.source = Some(name.into());
        self
    }
    /// The same place with a line, counted from 1.
    pub fn at_line(mut self, line: u64) -> Place {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(source) = &self.source {
            parts.push(format!("`{source}`"));
        }
        if let Some(line) = self.line {
            parts.push(format!("line {line}"));
        }
        if let Some(row) = self.row {
            parts.push(format!("row {row}"));
        }
        if let Some(column) = &self.column {
            parts.push(format!("column `{column}`"));
        }
        if parts.is_empty() { Ok(()) } else { write!(f, " in {}", parts.join(", ")) }
    }
}

/// One way in which a table or a record does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The column.
    pub column: String,
    /// The row, from 0, where one value is meant rather than the column.
    pub row: Option<usize>,
    /// What stands there.
    pub got: String,
    /// What the schema wants.
    pub expected: String,
    /// What to do.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column `{}`", self.column)?;
        if let Some(row) = self.row {
            write!(f, ", row {row}")?;
        }
        write!(f, ": got {}, expected {}", self.got, self.expected)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "; {}", self.hint) }
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(|p| format!("\n  - {p}")).collect()
}

/// Everything that can go wrong, with its facts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parameter is out of range or unknown.
    #[error("invalid parameter `{name}`: got {got}, expected {expected}; {hint}")]
    InvalidParam {
        /// Its name.
        name: String,
        /// The value got.
        got: String,
        /// The range.
        expected: String,
        /// What to do.
        hint: String,
    },
    /// The data cannot be read or learned from.
    #[error("invalid data{place}: got {got}, expected {expected}; {hint}")]
    InvalidData {
        /// Where.
        place: Place,
        /// What stands there.
        got: String,
        /// What was expected.
        expected: String,
        /// What to do.
        hint: String,
    },
    /// A table does not fit the schema; all problems at once.
    #[error("the data does not fit the schema ({} problem{}):{}", .problems.len(), if .problems.len() == 1 { "" } else { "s" }, list(.problems))]
    SchemaMismatch {
        /// Every problem found.
        problems: Vec<Problem>,
    },
    /// A name that is not there.
    #[error("no {what} named `{name}`; there is: {available}")]
    NotFound {
        /// The sort of thing.
        what: &'static str,
        /// The name asked for.
        name: String,
        /// The names there are (a few of them).
        available: String,
    },
    /// The operating system refused.
    #[error("cannot {action} `{path}`: {source}; {hint}")]
    Io {
        /// What was tried: "read", "write", "create" …
        action: &'static str,
        /// On which path.
        path: String,
        /// What to do.
        hint: &'static str,
        /// The system's error.
        source: std::io::Error,
    },
    /// Bytes that are not a whole, known artifact.
    #[error("not a readable attrition artifact: {what}; {hint}")]
    Artifact {
        /// What is wrong.
        what: String,
        /// What to do.
        hint: String,
    },
    /// The arithmetic failed.
    #[error("{what} failed: {why}; {hint}")]
    Numeric {
        /// The computation.
        what: &'static str,
        /// Why.
        why: String,
        /// What to do.
        hint: String,
    },
    /// Understood, not offered.
    #[error("{what} is not supported: {why}; {hint}")]
    Unsupported {
        /// The combination.
        what: String,
        /// Why.
        why: String,
        /// What to do.
        hint: String,
    },
    /// The cancel token was set.
    #[error("cancelled by the caller")]
    Cancelled,
    /// A defect here.
    #[error("internal error: {0}; this is a defect of attrition, please report it with the call that led here")]
    Internal(String),
}

impl Error {
    /// The kind, for branching.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::InvalidParam { .. } => ErrorKind::InvalidParam,
            Error::InvalidData { .. } => ErrorKind::InvalidData,
            Error::SchemaMismatch { .. } => ErrorKind::SchemaMismatch,
            Error::NotFound { .. } => ErrorKind::NotFound,
            Error::Io { .. } => ErrorKind::Io,
            Error::Artifact { .. } => ErrorKind::Artifact,
            Error::Numeric { .. } => ErrorKind::Numeric,
            Error::Unsupported { .. } => ErrorKind::Unsupported,
            Error::Cancelled => ErrorKind::Cancelled,
            Error::Internal(_) => ErrorKind::Internal,
        }
    }

    /// An [`Error::InvalidParam`].
    pub fn param(
        name: impl Into<String>,
        got: impl fmt::Display,
        expected: impl Into<String>,
        hint: impl Into<String>,
    ) -> Error {
        Error::InvalidParam { name: name.into(), got: got.to_string(), expected: expected.into(), hint: hint.into() }
    }

    /// An [`Error::InvalidData`].
    pub fn data(place: Place, got: impl fmt::Display, expected: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::InvalidData { place, got: got.to_string(), expected: expected.into(), hint: hint.into() }
    }

    /// An [`Error::NotFound`] that shows at most eight of the names there are.
    pub fn not_found<'a>(
        what: &'static str,
        name: impl Into<String>,
        available: impl IntoIterator<Item = &'a str>,
    ) -> Error {
        let mut names: Vec<&str> = available.into_iter().take(9).collect();
        if names.len() == 9 {
            names[8] = "…";
        }
        let available = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        Error::NotFound { what, name: name.into(), available }
    }

    /// An [`Error::Artifact`].
    pub fn artifact(what: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Artifact { what: what.into(), hint: hint.into() }
    }
}

/// Options from JSON; an error names the option by its path, `whole` where there is none.
pub(crate) fn options<T: serde::de::DeserializeOwned>(whole: &'static str, json: &str) -> Result<T> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = serde_path_to_error::deserialize(&mut reader);
    read.map_err(|e| {
        let path = e.path().to_string();
        let name = if path == "." { whole.to_owned() } else { path };
        let text = e.into_inner().to_string();
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(t, _)| t);
        let (got, expected) = text.split_once(", expected ").unwrap_or((text, "an option of this name and type"));
        Error::param(name, got, expected, "check the option's name and the type of its value")
    })
}

/// What to do about a name or word that is not among `options`: the nearest one, if one is near.
pub(crate) fn nearest(word: &str, options: &[&str]) -> String {
    let near = options
        .iter()
        .map(|o| (edit_distance(&word.to_lowercase(), &o.to_lowercase()), *o))
        .filter(|(d, o)| *d <= 1 + o.len() / 4)
        .min_by_key(|(d, _)| *d);
    match near {
        Some((_, o)) => format!("did you mean `{o}`?"),
        None => "use one of these".to_owned(),
    }
}

fn edit_distance(a: &str, b: &str) -> usize {
    // A name that is much longer than any of ours is near none of them.
    let a: Vec<char> = a.chars().take(64).collect();
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.iter().enumerate() {
        let mut diagonal = i;
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
        for (j, cb) in b.iter().enumerate() {
            let above = row[j + 1];
            row[j + 1] = (diagonal + usize::from(ca != cb)).min(above + 1).min(row[j] + 1);
            diagonal = above;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_got_expected_and_what_to_do() {
        let e = Error::param("c", -1, "a number > 0", "use a small number for a strong penalty");
        assert_eq!(
            e.to_string(),
            "invalid parameter `c`: got -1, expected a number > 0; use a small number for a strong penalty"
        );
        let e = Error::data(Place::cell(3, "Age").in_source("a.csv"), "inf", "a finite number", "remove it");
        assert_eq!(
            e.to_string(),
            "invalid data in `a.csv`, row 3, column `Age`: got inf, expected a finite number; remove it"
        );
    }

    #[test]
    fn codes_are_unique() {
        let codes: std::collections::BTreeSet<_> = ErrorKind::ALL.iter().map(|k| k.code()).collect();
        assert_eq!(codes.len(), ErrorKind::ALL.len());
    }
}
