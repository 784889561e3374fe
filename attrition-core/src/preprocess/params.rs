//! What the pipeline does to each column, before it is fitted: defaults by kind, overridden by column.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::number::{Scaling, Transform};
use super::resample::ResampleParams;
use super::select::SelectParams;
use super::{Expr, Form, hr};
use crate::schema::{Field, FieldKind, NoteCode, Role, Schema};
use crate::table::Value;
use crate::{Error, Result};

/// What a category does with a level that training never saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnseen {
    /// Score the row: the level counts as the group of rare levels where there is one, else as no level at all.
    #[default]
    Ignore,
    /// Refuse the row.
    Error,
}

/// What stands for a gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Impute {
    /// A number's median.
    Median,
    /// A number's mean.
    Mean,
    /// The most frequent value; the lowest, or first, of equals.
    Mode,
    /// A category's level `(missing)`, where training had gaps; else as [`Impute::Mode`].
    Level,
    /// Nothing: a gap stays a gap. For learners that know gaps.
    Keep,
    /// This number, or this level.
    Constant(Value),
}

/// From a category to numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encode {
    /// One 0/1 feature a level.
    OneHot,
    /// The level's place in `order`.
    Ordinal,
    /// The level's rate of positives, smoothed towards the overall one; for the training rows computed from the other
    /// folds' labels.
    Target,
    /// The level's share of the rows.
    Frequency,
    /// The level itself, for learners that know levels.
    Native,
}

impl Encode {
    /// As it is called in parameters.
    pub(super) fn name(self) -> &'static str {
        match self {
            Encode::OneHot => "one_hot",
            Encode::Ordinal => "ordinal",
            Encode::Target => "target",
            Encode::Frequency => "frequency",
            Encode::Native => "native",
        }
    }
}

/// How far a level's rate of positives is drawn to the overall one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Smoothing {
    /// So many rows of the overall rate are mixed in.
    Rows(f64),
    /// By the level's own variance: an empirical-Bayes estimate.
    Auto(AutoWord),
}

/// The word `"auto"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoWord {
    /// `"auto"`.
    Auto,
}

/// A cubic (or other) B-spline basis in place of the number.
///
/// # Reference
/// de Boor, A Practical Guide to Splines, 1978, <https://doi.org/10.1007/978-1-4612-6333-3>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplineParams {
    /// Knots, at quantiles of the training rows, the two ends among them; 2..=64.
    pub n_knots: usize,
    /// Degree of the pieces, 0..=5.
    pub degree: usize,
}

impl Default for SplineParams {
    fn default() -> Self {
        SplineParams { n_knots: 5, degree: 3 }
    }
}

/// What is done to a column; what is not said is left to the kind's setting, and that to the default.
///
/// | name | for | meaning | default |
/// |---|---|---|---|
/// | `drop` | all | `true`: the column is no input itself (expressions may still read it) | `false` |
/// | `impute` | all | `"median"`, `"mean"` (numbers), `"level"` (categories), `"mode"`, `"keep"`, `{"constant": value}` | numbers `"median"`, truth values `"mode"`, categories `"level"` |
/// | `indicator` | numbers, encoded categories | whether a 0/1 feature `… is missing` is added where training had gaps | `true` |
/// | `clip` | numbers | `[low, high]` quantiles to which values are clipped, or null | null |
/// | `transform` | numbers | `"none"`, `"log1p"`, `"box_cox"`, `"yeo_johnson"`, `"quantile_normal"` | `"none"` |
/// | `skew_limit` | numbers | transform only where the absolute skewness is above this; null: always | null |
/// | `scale` | numbers, encoded categories | `"standard"`, `"min_max"`, `"robust"`, `"none"` | `"standard"` |
/// | `spline` | numbers | `{"n_knots": 5, "degree": 3}`: a B-spline basis in place of the number, or null | null |
/// | `encode` | categories | `"one_hot"`, `"ordinal"`, `"target"`, `"frequency"`, `"native"` | `"one_hot"` |
/// | `drop_first` | one-hot | whether the first level has no feature | `false` |
/// | `max_levels` | categories | levels past this many, by frequency, become one group; >= 2 | 100 |
/// | `min_share` | categories | levels in a smaller share of the rows become one group; in [0, 1) | 0 |
/// | `order` | ordinal | the levels, lowest first; null: as sorted | null |
/// | `smoothing` | target | `"auto"`, or so many rows of the overall rate, >= 0 | `"auto"` |
/// | `on_unseen` | categories | `"ignore"` or `"error"`: a level that training never saw | `"ignore"` |
///
/// Learners that know gaps and levels (`tree`, `forest`, `boosting`, `glassbox`) see them as they are, unless a setting says
/// otherwise: their defaults are `impute` `"keep"`, `scale` `"none"`, `encode` `"native"` without a limit of levels. A number with a
/// clip, transform, scale or spline of its own is filled first.
///
/// Truth values are numbers that are never clipped, transformed or spread over a spline; dates are numbers, in days.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "the table above says each")]
pub struct ColumnParams {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impute: Option<Impute>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indicator: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub clip: Option<Option<[f64; 2]>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transform: Option<Transform>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub skew_limit: Option<Option<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scaling>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub spline: Option<Option<SplineParams>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encode: Option<Encode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drop_first: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_levels: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub order: Option<Option<Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smoothing: Option<Smoothing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_unseen: Option<OnUnseen>,
}

/// `null` is a value that was given, and overrules the kind's setting.
fn given<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(d: D) -> std::result::Result<Option<T>, D::Error> {
    T::deserialize(d).map(Some)
}

impl ColumnParams {
    /// These, and where they are silent the others.
    fn or(&self, other: &ColumnParams) -> ColumnParams {
        ColumnParams {
            drop: self.drop.or(other.drop),
            impute: self.impute.clone().or_else(|| other.impute.clone()),
            indicator: self.indicator.or(other.indicator),
            clip: self.clip.or(other.clip),
            transform: self.transform.or(other.transform),
            skew_limit: self.skew_limit.or(other.skew_limit),
            scale: self.scale.or(other.scale),
            spline: self.spline.or(other.spline),
            encode: self.encode.or(other.encode),
            drop_first: self.drop_first.or(other.drop_first),
            max_levels: self.max_levels.or(other.max_levels),
            min_share: self.min_share.or(other.min_share),
            order: self.order.clone().or_else(|| other.order.clone()),
            smoothing: self.smoothing.or(other.smoothing),
            on_unseen: self.on_unseen.or(other.on_unseen),
        }
    }

    /// Which names of the table above are set that a column of this kind does not have.
    fn misplaced(&self, kind: FieldKind) -> Vec<&'static str> {
        let mut out = Vec::new();
        let mut no = |set: bool, name| {
            if set {
                out.push(name);
            }
        };
        let category = kind == FieldKind::Category;
        let shaped = matches!(kind, FieldKind::Number | FieldKind::Time);
        no(self.clip.is_some() && !shaped, "clip");
        no(self.transform.is_some() && !shaped, "transform");
        no(self.skew_limit.is_some() && !shaped, "skew_limit");
        no(self.spline.is_some() && !shaped, "spline");
        no(self.encode.is_some() && !category, "encode");
        no(self.drop_first.is_some() && !category, "drop_first");
        no(self.max_levels.is_some() && !category, "max_levels");
        no(self.min_share.is_some() && !category, "min_share");
        no(self.order.is_some() && !category, "order");
        no(self.smoothing.is_some() && !category, "smoothing");
        no(self.on_unseen.is_some() && !category, "on_unseen");
        out
    }

    /// `place` is where these stand, e.g. `preprocess.columns.Age`.
    fn check(&self, place: &str) -> Result<()> {
        let bad = |name: &str, got: String, expected: &str, hint: &str| {
            Err(Error::param(format!("{place}.{name}"), got, expected, hint))
        };
        if let Some(max) = self.max_levels
            && max < 2
        {
            let hint = "one level is kept beside the group of the rest at least";
            return bad("max_levels", max.to_string(), "a whole number >= 2", hint);
        }
        if let Some(share) = self.min_share
            && !(0.0..1.0).contains(&share)
        {
            return bad(
                "min_share",
                share.to_string(),
                "a share in [0, 1)",
                "0.01 groups levels rarer than one row in 100",
            );
        }
        if let Some(Some([low, high])) = self.clip
            && !((0.0..=1.0).contains(&low) && (0.0..=1.0).contains(&high) && low < high)
        {
            let hint = "[0.01, 0.99] clips a hundredth at each end";
            return bad("clip", format!("[{low}, {high}]"), "two quantile levels in [0, 1], the lower one first", hint);
        }
        if let Some(Some(limit)) = self.skew_limit
            && !(limit.is_finite() && limit >= 0.0)
        {
            return bad("skew_limit", limit.to_string(), "a number >= 0", "1 is a usual limit");
        }
        if let Some(Some(SplineParams { n_knots, degree })) = self.spline {
            if !(2..=64).contains(&n_knots) {
                return bad("spline.n_knots", n_knots.to_string(), "a whole number in 2..=64", "5 serves most columns");
            }
            if degree > 5 {
                return bad("spline.degree", degree.to_string(), "a whole number in 0..=5", "3 is the usual degree");
            }
        }
        if let Some(Smoothing::Rows(m)) = self.smoothing
            && !(m.is_finite() && m >= 0.0)
        {
            return bad("smoothing", m.to_string(), "\"auto\" or a number >= 0", "10 is a usual number");
        }
        if let Some(Some(order)) = &self.order {
            let mut seen = std::collections::BTreeSet::new();
            if let Some(twice) = order.iter().find(|l| !seen.insert(l.as_str())) {
                return bad("order", format!("`{twice}` twice"), "each level once", "remove one of the two");
            }
        }
        if let Some(Impute::Constant(value)) = &self.impute {
            let fits = match value {
                Value::Int(_) | Value::Bool(_) | Value::Text(_) => true,
                Value::Float(x) => x.is_finite(),
                Value::Missing | Value::Time(_) => false,
            };
            if !fits {
                return bad("impute", value.describe(), "a finite number or a level", "write {\"constant\": 0}");
            }
        }
        Ok(())
    }
}

/// What the pipeline does, before it is fitted. In JSON:
///
/// ```json
/// {"derive": {"PayPerYear": "MonthlyIncome / (TotalWorkingYears + 1)"},
///  "number": {"transform": "yeo_johnson", "skew_limit": 1},
///  "category": {"min_share": 0.01},
///  "columns": {"Education": {"encode": "ordinal", "order": ["Basic", "Bachelor", "Master"]}, "Rate": {"drop": true}},
///  "select": {"method": "rfe", "keep": 20},
///  "resample": {"method": "smote_nc"}}
/// ```
///
/// Order of the steps: derive, impute, clip, transform, scale, spline or encode, select; rows are resampled for the
/// learner alone, after all of them were fitted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineParams {
    /// Features derived from others, by name; see [`Expr`] for the language.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub derive: BTreeMap<String, Expr>,
    /// Whether the built-in features of HR tables are derived, as far as their columns are there; see [`hr`].
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hr_features: bool,
    /// For all numbers, truth values and dates.
    #[serde(skip_serializing_if = "ColumnParams::is_empty")]
    pub number: ColumnParams,
    /// For all categories.
    #[serde(skip_serializing_if = "ColumnParams::is_empty")]
    pub category: ColumnParams,
    /// For single columns, derived ones too, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, ColumnParams>,
    /// Which features stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select: Option<SelectParams>,
    /// More rows of the rarer label, or fewer of the other, for the learner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resample: Option<ResampleParams>,
}

impl ColumnParams {
    fn is_empty(&self) -> bool {
        *self == ColumnParams::default()
    }
}

/// What is done to one column, all said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    pub(super) impute: Impute,
    pub(super) indicator: bool,
    pub(super) clip: Option<[f64; 2]>,
    pub(super) transform: Transform,
    pub(super) skew_limit: Option<f64>,
    pub(super) scale: Scaling,
    pub(super) spline: Option<SplineParams>,
    pub(super) encode: Encode,
    pub(super) drop_first: bool,
    pub(super) max_levels: usize,
    pub(super) min_share: f64,
    pub(super) order: Option<Vec<String>>,
    pub(super) smoothing: Smoothing,
    pub(super) on_unseen: OnUnseen,
}

impl PipelineParams {
    /// From its JSON form.
    ///
    /// # Errors
    /// [`Error::InvalidParam`].
    ///
    /// # Example
    /// ```
    /// use attrition_core::preprocess::PipelineParams;
    /// let params = PipelineParams::from_json(r#"{"number": {"scale": "robust"}}"#)?;
    /// let error = PipelineParams::from_json(r#"{"derive": {"Rate": "Pay / (Years + "}}"#).unwrap_err();
    /// assert!(error.to_string().contains("character"), "{error}");
    /// # Ok::<(), attrition_core::Error>(())
    /// ```
    pub fn from_json(json: &str) -> Result<PipelineParams> {
        let params: PipelineParams = crate::error::options("preprocess", json)?;
        params.check()?;
        Ok(params)
    }

    /// That every parameter is in its range.
    ///
    /// # Errors
    /// [`Error::InvalidParam`].
    pub fn check(&self) -> Result<()> {
        self.number.check("preprocess.number")?;
        self.category.check("preprocess.category")?;
        for (name, column) in &self.columns {
            column.check(&format!("preprocess.columns.{name}"))?;
        }
        for (place, params, kind) in [
            ("preprocess.number", &self.number, FieldKind::Number),
            ("preprocess.category", &self.category, FieldKind::Category),
        ] {
            if let Some(name) = params.misplaced(kind).first() {
                return Err(misplaced(&format!("{place}.{name}"), kind));
            }
        }
        if let Some(select) = &self.select {
            select.check()?;
        }
        if let Some(resample) = &self.resample {
            resample.check()?;
        }
        Ok(())
    }

    /// The schema whose features are what this pipeline reads, and the pipeline with its built-in expressions written
    /// out: a column that was set aside (a date, an excluded column) and that an expression names becomes an input that
    /// is dropped itself.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] when `hr_features` finds none of its columns.
    pub(crate) fn admit(&self, mut schema: Schema) -> Result<(Schema, PipelineParams)> {
        let mut params = self.clone();
        if params.hr_features {
            let set = hr(&schema)?;
            if set.features.is_empty() {
                let missing: Vec<String> =
                    set.skipped.iter().map(|(name, columns)| format!("{name} needs {}", columns.join(", "))).collect();
                return Err(Error::param(
                    "preprocess.hr_features",
                    "a table with none of the columns",
                    missing.join("; "),
                    "write the expressions with your own column names under `derive`",
                ));
            }
            for feature in set.features {
                params.derive.entry(feature.name).or_insert(feature.expression);
            }
        }
        for expression in params.derive.values() {
            for name in expression.columns() {
                if schema.get(name).is_some_and(|f| f.role == Role::Ignored) {
                    // All missing or constant says nothing even in an expression; the note stays for the reader.
                    let dead = schema.get(name).is_some_and(|f| f.notes.iter().any(|n| n.code == NoteCode::AllMissing));
                    if !dead {
                        schema = schema.role(name, Role::Feature)?;
                        params.columns.entry(name.to_owned()).or_default().drop.get_or_insert(true);
                    }
                }
            }
        }
        Ok((schema, params))
    }

    /// What is done to a column; `None` if it is dropped.
    pub(super) fn plan(&self, field: &Field, form: Form) -> Result<Option<Plan>> {
        let own = self.columns.get(&field.name);
        if let Some(name) = own.and_then(|p| p.misplaced(field.kind).first().copied()) {
            return Err(misplaced(&format!("preprocess.columns.{}.{name}", field.name), field.kind));
        }
        let is_category = field.kind == FieldKind::Category;
        let by_kind = if is_category { &self.category } else { &self.number };
        let p = own.map_or_else(|| by_kind.clone(), |own| own.or(by_kind));
        if p.drop == Some(true) {
            return Ok(None);
        }
        let shaped = matches!(field.kind, FieldKind::Number | FieldKind::Time);
        let native = form == Form::Native && self.select.is_none();
        let encode = p.encode.unwrap_or(if native { Encode::Native } else { Encode::OneHot });
        let shapes = p.clip.flatten().is_some()
            || p.spline.flatten().is_some()
            || p.transform.is_some_and(|t| t != Transform::None);
        let steps = (shaped && shapes) || p.scale.is_some_and(|s| s != Scaling::None);
        let usual = match field.kind {
            FieldKind::Category if encode == Encode::Native => Impute::Keep,
            FieldKind::Number | FieldKind::Time | FieldKind::Bool if native && !steps => Impute::Keep,
            FieldKind::Category => Impute::Level,
            FieldKind::Bool => Impute::Mode,
            FieldKind::Number | FieldKind::Time => Impute::Median,
        };
        // A rule for all numbers that means nothing for truth values passes them over; a column's own must fit.
        let impute = match (p.impute, own.and_then(|o| o.impute.as_ref()).is_some()) {
            (Some(Impute::Median | Impute::Mean), false) if field.kind == FieldKind::Bool => usual,
            (Some(impute), _) => impute,
            (None, _) => usual,
        };
        let fits = match (&impute, is_category) {
            (Impute::Median | Impute::Mean, is_category) => !is_category && field.kind != FieldKind::Bool,
            (Impute::Level, is_category) => is_category,
            (Impute::Mode, _) => true,
            (Impute::Keep, is_category) => native && if is_category { encode == Encode::Native } else { !steps },
            (Impute::Constant(Value::Text(_)), is_category) => is_category,
            (Impute::Constant(_), is_category) => !is_category,
        };
        if !native && encode == Encode::Native {
            return Err(Error::param(
                format!("preprocess.columns.{}.encode", field.name),
                "\"native\"",
                "an encoding by numbers: this learner, and any selection of features, knows no levels",
                "use \"one_hot\", \"target\" or \"frequency\", or a learner of trees",
            ));
        }
        if !fits && impute == Impute::Keep {
            return Err(Error::param(
                format!("preprocess.columns.{}.impute", field.name),
                "\"keep\"",
                "what stands for a gap: this learner, or a step after it, knows none",
                "leave `impute` out, or use a learner of trees without other steps for the column",
            ));
        }
        if !fits {
            return Err(Error::param(
                format!("preprocess.columns.{}.impute", field.name),
                serde_json::to_string(&impute).unwrap_or_default(),
                match field.kind {
                    FieldKind::Category => "\"level\", \"mode\" or {\"constant\": \"a level\"}, as it is a category",
                    FieldKind::Bool => "\"mode\" or {\"constant\": 0 or 1}, as it holds truth values",
                    FieldKind::Number | FieldKind::Time => {
                        "\"median\", \"mean\", \"mode\" or {\"constant\": number}, as it holds numbers"
                    }
                },
                "choose one of these, or leave it out",
            ));
        }
        Ok(Some(Plan {
            impute,
            indicator: p.indicator.unwrap_or(true),
            clip: p.clip.flatten().filter(|_| shaped),
            transform: if shaped { p.transform.unwrap_or(Transform::None) } else { Transform::None },
            skew_limit: p.skew_limit.flatten(),
            scale: p.scale.unwrap_or(if native { Scaling::None } else { Scaling::Standard }),
            spline: p.spline.flatten().filter(|_| shaped),
            encode,
            drop_first: p.drop_first.unwrap_or(false),
            max_levels: p.max_levels.unwrap_or(if encode == Encode::Native { usize::MAX } else { 100 }),
            min_share: p.min_share.unwrap_or(0.0),
            order: p.order.flatten(),
            smoothing: p.smoothing.unwrap_or(Smoothing::Auto(AutoWord::Auto)),
            on_unseen: p.on_unseen.unwrap_or_default(),
        }))
    }
}

fn misplaced(name: &str, kind: FieldKind) -> Error {
    let whose = match kind {
        FieldKind::Category => "a parameter of categories",
        FieldKind::Bool => "a parameter of truth values",
        FieldKind::Number | FieldKind::Time => "a parameter of numbers",
    };
    Error::param(name, "set", whose, "move it to where it belongs, or change the column's kind (`kinds`)")
}
