//! What each column is: its kind, its role, its vocabulary. Inferred with reasons that a person can read, every
//! guess overridable, and checked against another table with all problems at once.
//!
//! The schema knows what a value *is*, never how a caller stored it: JavaScript has only `f64`, pandas has `int64`,
//! and both hold the number 3. A column's kind and whether it is an integer are found by value.
//!
//! | kind | its cells are | as a packed slot |
//! |---|---|---|
//! | [`FieldKind::Number`] | numbers; truth values count as 0 and 1 | the number |
//! | [`FieldKind::Bool`] | truth values; the numbers 0 and 1 | 0 or 1 |
//! | [`FieldKind::Time`] | instants | days since 1970-01-01 UTC |
//! | [`FieldKind::Category`] | strings; numbers and truth values by their text (`3`, `true`) | index in the vocabulary, −1 if it is not there |
//!
//! In a slot NaN is a missing value.

mod bind;
mod infer;
mod record;

pub use bind::Bound;
pub(crate) use infer::sample_rows;
pub use record::{RowField, RowSpec, ValueRef};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Place, Problem};
use crate::table::{Columns, Value};
use crate::{Error, Result};

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldKind {
    /// Numbers.
    Number,
    /// One of a set of names.
    Category,
    /// Truth values.
    Bool,
    /// Instants.
    Time,
}

impl FieldKind {
    /// The name in JSON and in messages.
    pub fn name(self) -> &'static str {
        match self {
            FieldKind::Number => "number",
            FieldKind::Category => "category",
            FieldKind::Bool => "bool",
            FieldKind::Time => "time",
        }
    }
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A model input.
    Feature,
    /// What is predicted.
    Target,
    /// Names a row; never an input.
    Id,
    /// A protected attribute: audited, never an input.
    Sensitive,
    /// Orders the rows in time; never an input.
    Time,
    /// Rows of one group never stand on both sides of a split; never an input.
    Group,
    /// Weighs the rows; never an input.
    Weight,
    /// Not used.
    Ignored,
}

impl Role {
    /// The name in JSON and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Role::Feature => "feature",
            Role::Target => "target",
            Role::Id => "id",
            Role::Sensitive => "sensitive",
            Role::Time => "time",
            Role::Group => "group",
            Role::Weight => "weight",
            Role::Ignored => "ignored",
        }
    }
}

/// Why a guess was made, or what to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteCode {
    /// One value in every row: dropped.
    Constant,
    /// No value in any row: dropped.
    AllMissing,
    /// Names the rows rather than describing them: dropped.
    IdLike,
    /// Tells the target almost alone: kept, look at it.
    PossibleLeak,
    /// More levels than a model can learn one by one: kept, rare ones grouped.
    ManyCategories,
    /// An instant: not an input until something is derived from it.
    TimeNotDerived,
}

/// A reason a person can read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Which rule spoke.
    pub code: NoteCode,
    /// What it saw and what to do if it is wrong.
    pub message: String,
}

/// One column of the schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The column's name.
    pub name: String,
    /// What its cells are.
    pub kind: FieldKind,
    /// Whether every number seen was whole.
    #[serde(default)]
    pub is_integer: bool,
    /// What it is for.
    pub role: Role,
    /// The levels of a category, sorted; empty for other kinds and for columns that are no input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vocabulary: Vec<String>,
    /// Lowest and highest number (or day) seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[f64; 2]>,
    /// Reasons of the guess, and warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// What is predicted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The column.
    pub column: String,
    /// The label whose probability is predicted; `Missing` until it is known (the greater of 0/1 or false/true).
    pub positive: Value,
    /// The other label; `Missing` until a table has been seen.
    #[serde(default)]
    pub negative: Value,
}

/// Kinds and roles of a table's columns.
///
/// # Example
/// ```
/// use attrition_core::schema::{Role, Schema};
/// use attrition_core::{Column, Table};
/// let table = Table::new(vec![
///     Column::int("Age", vec![41, 35, 29]),
///     Column::strings("Site", [Some("Oslo"), Some("Oslo"), Some("Oslo")]),
///     Column::strings("Left", [Some("Yes"), Some("No"), Some("No")]),
/// ])?;
/// let schema = Schema::infer(&table)?.target("Left", "Yes")?;
/// assert_eq!(schema.field("Age")?.role, Role::Feature);
/// assert_eq!(schema.field("Site")?.notes[0].message, "has one value (`Oslo`) in all rows; give it the role `feature` to keep it");
/// # Ok::<(), attrition_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    fields: Vec<Field>,
    #[serde(default)]
    target: Option<Target>,
}

impl Schema {
    /// Infer kinds and roles from a table. Constants and ids are dropped from the inputs; everything else stays, and
    /// what looks odd carries a note.
    ///
    /// # Errors
    /// [`Error::InvalidData`] for a table without rows or columns.
    pub fn infer<'a>(table: impl Into<Columns<'a>>) -> Result<Schema> {
        infer::infer(table.into())
    }

    /// From explicit fields.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] when two fields share a name.
    pub fn new(fields: Vec<Field>, target: Option<Target>) -> Result<Schema> {
        let schema = Schema { fields, target };
        schema.check_self()?;
        Ok(schema)
    }

    /// Read from its JSON form.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] when the text is not a schema.
    pub fn from_json(json: &str) -> Result<Schema> {
        let schema: Schema = serde_json::from_str(json).map_err(|e| {
            Error::param("schema", e, "a schema as `to_json` writes it", "write one with `to_json` and edit that")
        })?;
        schema.check_self()?;
        Ok(schema)
    }

    /// The JSON form.
    ///
    /// # Errors
    /// [`Error::Internal`] if a value has no JSON form (a range that is not finite).
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|e| Error::Internal(e.to_string()))
    }

    /// That names are unique and the target is one of the fields.
    pub(crate) fn check_self(&self) -> Result<()> {
        let mut seen = std::collections::HashSet::new();
        for f in &self.fields {
            if !seen.insert(f.name.as_str()) {
                return Err(Error::param("schema", &f.name, "field names that are unique", "remove one of the two"));
            }
        }
        if let Some(t) = &self.target
            && self.get(&t.column).is_none_or(|f| f.role != Role::Target)
        {
            return Err(Error::param(
                "schema",
                format!("the target `{}` without a field of role `target`", t.column),
                "one field of role `target`, named by `target.column`",
                "set the target with `Schema::target`",
            ));
        }
        Ok(())
    }

    /// The fields, in table order.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }
    /// The model's inputs, in slot order.
    pub fn features(&self) -> impl Iterator<Item = &Field> {
        self.with_role(Role::Feature)
    }
    /// The fields of a role, in table order.
    pub fn with_role(&self, role: Role) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(move |f| f.role == role)
    }
    /// The field of that name, if there is one.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|f| f.name == name)
    }
    /// The field of that name.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn field(&self, name: &str) -> Result<&Field> {
        self.get(name).ok_or_else(|| Error::not_found("column", name, self.fields.iter().map(|f| f.name.as_str())))
    }
    /// What is predicted, once it was said.
    pub fn target_spec(&self) -> Option<&Target> {
        self.target.as_ref()
    }

    fn field_mut(&mut self, name: &str) -> Result<&mut Field> {
        match self.fields.iter().position(|f| f.name == name) {
            Some(i) => Ok(&mut self.fields[i]),
            None => Err(Error::not_found("column", name, self.fields.iter().map(|f| f.name.as_str()))),
        }
    }

    /// Predict the column `name`: the probability that it equals `positive`, compared by value (`1 == 1.0 == true`,
    /// `"1"` is not `1`).
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such column; [`Error::InvalidParam`] when the column cannot hold `positive`.
    pub fn target(mut self, name: &str, positive: impl Into<Value>) -> Result<Schema> {
        let positive = positive.into();
        if let Some(old) = self.target.take() {
            self = self.role(&old.column, Role::Feature)?;
        }
        let field = self.field_mut(name)?;
        field.role = Role::Target;
        field.notes.clear();
        let fits = match (&positive, field.kind) {
            (Value::Missing, _) => true,
            (Value::Text(t), FieldKind::Category) => {
                field.vocabulary.is_empty() || field.vocabulary.iter().any(|v| v == t)
            }
            (Value::Text(_), _) | (_, FieldKind::Category) | (Value::Time(_), _) => false,
            _ => true,
        };
        if !fits {
            let labels = if field.kind == FieldKind::Category {
                field.vocabulary.iter().take(8).map(|v| format!("\"{v}\"")).collect::<Vec<_>>().join(", ")
            } else {
                format!("a {}", field.kind.name())
            };
            return Err(Error::param(
                "positive",
                match &positive {
                    Value::Text(t) => format!("\"{t}\""),
                    v => v.to_string(),
                },
                format!("a value of the target column `{name}`, which holds {labels}"),
                "name the label whose probability is wanted, in the column's own type",
            ));
        }
        self.target = Some(Target { column: name.to_owned(), positive, negative: Value::Missing });
        Ok(self)
    }

    /// Give a column a role.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InvalidParam`] for [`Role::Target`], which needs a positive label.
    pub fn role(mut self, name: &str, role: Role) -> Result<Schema> {
        if role == Role::Target {
            return Err(Error::param("role", "target", "another role", "use `target(name, positive)`"));
        }
        if self.target.as_ref().is_some_and(|t| t.column == name) {
            self.target = None;
        }
        let field = self.field_mut(name)?;
        field.role = role;
        if role == Role::Feature {
            // The guess that dropped it is overruled.
            field.notes.retain(|n| matches!(n.code, NoteCode::PossibleLeak | NoteCode::ManyCategories));
        }
        Ok(self)
    }

    /// Give a column a kind.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn kind(mut self, name: &str, kind: FieldKind) -> Result<Schema> {
        let field = self.field_mut(name)?;
        if field.kind != kind {
            field.kind = kind;
            field.vocabulary.clear();
            field.range = None;
            field.is_integer &= kind == FieldKind::Number;
        }
        Ok(self)
    }

    /// The column names the rows.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn id(self, name: &str) -> Result<Schema> {
        self.role(name, Role::Id)
    }
    /// The columns are protected attributes: audited, never inputs.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn sensitive<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<Schema> {
        names.into_iter().try_fold(self, |s, n| s.role(n, Role::Sensitive))
    }
    /// The columns are not used.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub fn exclude<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<Schema> {
        names.into_iter().try_fold(self, |s, n| s.role(n, Role::Ignored))
    }

    /// Every way in which `table` does not fit this schema's features; empty when it fits.
    ///
    /// Extra columns fit, and so does an absent target: a missing feature column or one of another kind does not.
    /// Values are looked at when they are used (an infinite number, a truth value that is neither 0 nor 1).
    pub fn check<'a>(&self, table: impl Into<Columns<'a>>) -> Vec<Problem> {
        let columns = table.into();
        self.features().filter_map(|f| bind::problem(f, columns.outline(&f.name))).collect()
    }

    /// The features of a table, ready to be read by slot.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] with all problems at once.
    pub fn bind<'a>(&self, table: impl Into<Columns<'a>>) -> Result<Bound<'a>> {
        let columns = table.into();
        let problems = self.check(columns);
        if problems.is_empty() { Ok(Bound::new(self, columns)) } else { Err(Error::SchemaMismatch { problems }) }
    }

    /// Learn vocabularies, ranges and 'is integer' of the features from the given rows of a table.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] when the table does not fit.
    pub fn learn<'a>(&mut self, table: impl Into<Columns<'a>>, rows: &[usize]) -> Result<()> {
        let columns = table.into();
        let problems = self.check(columns);
        if !problems.is_empty() {
            return Err(Error::SchemaMismatch { problems });
        }
        for field in self.fields.iter_mut().filter(|f| f.role == Role::Feature) {
            infer::learn_field(field, &*columns.column(&field.name)?, rows);
        }
        Ok(())
    }

    /// The labels of a table: 1 where the target equals the positive label, else 0; and the schema with both labels
    /// filled in.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] without a target or when the positive label is nowhere in the column;
    /// [`Error::InvalidData`] for missing labels, one class, or more than two.
    pub fn labels<'a>(&self, table: impl Into<Columns<'a>>) -> Result<(Vec<u8>, Target)> {
        let spec = self.target.as_ref().ok_or_else(|| {
            Error::param("target", "none", "the name of the column to predict", "set it with `target`")
        })?;
        let column = table.into().column(&spec.column)?;
        let missing = column.n_missing();
        if missing > 0 {
            let row = (0..column.len()).find(|&r| column.is_missing(r)).unwrap_or(0);
            return Err(Error::data(
                Place::cell(row, column.name()),
                format!("{missing} missing label{}", if missing == 1 { "" } else { "s" }),
                "a label in every row",
                "remove the rows without a label before training; predict needs none",
            ));
        }
        let classes = infer::distinct(&column, 64);
        let shown = classes.iter().take(8).map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", ");
        let positive = match &spec.positive {
            Value::Missing => {
                // The default exists only where it is beyond doubt.
                let binary = !classes.is_empty()
                    && classes
                        .iter()
                        .all(|c| matches!(c, Value::Bool(_)) || *c == Value::Int(0) || *c == Value::Int(1));
                if !binary {
                    return Err(Error::param(
                        "positive",
                        "nothing",
                        format!("one of the labels of `{}`: {shown}", spec.column),
                        "name the label whose probability is wanted",
                    ));
                }
                match column.values() {
                    crate::table::Values::Bool(..) => Value::Bool(true),
                    crate::table::Values::Float(_) => Value::Float(1.0),
                    _ => Value::Int(1),
                }
            }
            p => match classes.iter().find(|c| *c == p) {
                Some(own) => own.clone(),
                None => {
                    return Err(Error::param(
                        "positive",
                        match p {
                            Value::Text(t) => format!("\"{t}\""),
                            v => v.to_string(),
                        },
                        format!("one of the labels of `{}`: {shown}", spec.column),
                        "labels are compared by value: \"1\" is not 1",
                    ));
                }
            },
        };
        if classes.len() > 2 {
            return Err(Error::data(
                Place::column(column.name()),
                format!(
                    "{}{} different labels: {shown}",
                    classes.len(),
                    if classes.len() == 64 { " or more" } else { "" }
                ),
                "two",
                "attrition predicts one event: make a column that says whether it happened",
            ));
        }
        let Some(negative) = classes.iter().find(|c| **c != positive).cloned() else {
            return Err(Error::data(
                Place::column(column.name()),
                format!("the one label {shown} in all {} rows", column.len()),
                "rows of both labels",
                "there is nothing to tell apart: add rows with the other outcome",
            ));
        };
        let labels = infer::equals(&column, &positive);
        if !labels.contains(&1) {
            return Err(Error::data(
                Place::column(column.name()),
                format!("no row with the positive label `{positive}`"),
                "rows of both labels",
                "check `positive`",
            ));
        }
        Ok((labels, Target { column: spec.column.clone(), positive, negative }))
    }

    /// Fill in the labels that [`Schema::labels`] found.
    pub(crate) fn set_target(&mut self, target: Target) {
        self.target = Some(target);
    }

    /// Add a note to a field.
    pub(crate) fn note(&mut self, name: &str, note: Note) {
        if let Some(f) = self.fields.iter_mut().find(|f| f.name == name) {
            f.notes.retain(|n| n.code != note.code);
            f.notes.push(note);
        }
    }
}

impl fmt::Display for Schema {
    /// One line a field: name, kind, role, and why.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.fields.iter().map(|x| x.name.chars().count()).max().unwrap_or(0);
        for field in &self.fields {
            write!(f, "{:width$}  {:8}  {:9}", field.name, field.kind.name(), field.role.name())?;
            if field.kind == FieldKind::Category && !field.vocabulary.is_empty() {
                write!(f, "  {} levels", field.vocabulary.len())?;
            }
            for note in &field.notes {
                write!(f, "  {}", note.message)?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
