//! What is searched: parameters with ranges, conditions between them, and constraints over them.
//!
//! Notation: a *point* is a slice with one coordinate a parameter, in the order of the parameters' names. A coordinate lies in
//! [0, 1]: a number's place in its range (on the logarithmic scale where the parameter has one), the middle of its cell for a
//! number on a grid and for an option. A parameter that is not active, as its condition does not hold, is NaN.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::num::float;
use crate::{Error, Result};

/// The version of a space's JSON form.
pub const SPACE_VERSION: u32 = 1;

/// Largest whole number that every language holds exactly.
const MAX_INT: f64 = 9_007_199_254_740_992.0;

/// A trial's parameters by name; only the active ones.
pub type Params = BTreeMap<String, Value>;

/// The values a parameter may take.
#[derive(Debug, Clone, PartialEq)]
pub enum Domain {
    /// A number.
    Float {
        /// Lowest value.
        low: f64,
        /// Highest value.
        high: f64,
        /// Whether ratios matter rather than differences.
        log: bool,
        /// Only `low`, `low + step`, … up to `high`.
        step: Option<f64>,
    },
    /// A whole number.
    Int {
        /// Lowest value.
        low: i64,
        /// Highest value.
        high: i64,
        /// Whether ratios matter rather than differences.
        log: bool,
        /// Only `low`, `low + step`, … up to `high`.
        step: i64,
    },
    /// One of a few options: null, truth values, numbers, strings.
    Choice {
        /// The options.
        options: Vec<Value>,
        /// Whether neighbours in the list are alike.
        ordered: bool,
    },
}

/// One parameter: its values, and the condition under which it is there at all.
///
/// In JSON `{"type": "float", "low": 0.001, "high": 0.3, "log": true}`, `{"type": "int", "low": 2, "high": 10}` or
/// `{"type": "choice", "options": ["a", "b"], "ordered": false}`, each with an optional `"step"` (numbers) and `"when"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ParamForm", into = "ParamForm")]
pub struct Param {
    /// Its values.
    pub domain: Domain,
    /// Other parameters (options or whole numbers) and the values at which this one is active; all must hold.
    /// JSON `{"penalty": "elasticnet"}` or `{"penalty": ["l1", "elasticnet"]}`.
    pub when: BTreeMap<String, Vec<Value>>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum ParamForm {
    Float {
        low: f64,
        high: f64,
        #[serde(default)]
        log: bool,
        #[serde(default)]
        step: Option<f64>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        when: BTreeMap<String, Value>,
    },
    Int {
        low: f64,
        high: f64,
        #[serde(default)]
        log: bool,
        #[serde(default)]
        step: Option<f64>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        when: BTreeMap<String, Value>,
    },
    Choice {
        options: Vec<Value>,
        #[serde(default)]
        ordered: bool,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        when: BTreeMap<String, Value>,
    },
}

impl TryFrom<ParamForm> for Param {
    type Error = Error;
    fn try_from(form: ParamForm) -> Result<Param> {
        let whole = |name: &str, v: f64| {
            if v.fract() == 0.0 && v.abs() <= MAX_INT {
                Ok(v as i64)
            } else {
                Err(Error::param(name, v, "a whole number", "use a float parameter for other numbers"))
            }
        };
        let (domain, when) = match form {
            ParamForm::Float { low, high, log, step, when } => (Domain::Float { low, high, log, step }, when),
            ParamForm::Int { low, high, log, step, when } => {
                let step = whole("step", step.unwrap_or(1.0))?;
                (Domain::Int { low: whole("low", low)?, high: whole("high", high)?, log, step }, when)
            }
            ParamForm::Choice { options, ordered, when } => (Domain::Choice { options, ordered }, when),
        };
        let alternatives = |(name, value)| match value {
            Value::Array(values) => (name, values),
            one => (name, vec![one]),
        };
        Ok(Param { domain, when: when.into_iter().map(alternatives).collect() })
    }
}

impl From<Param> for ParamForm {
    fn from(param: Param) -> ParamForm {
        let when = param.when.into_iter().map(|(name, values)| (name, Value::Array(values))).collect();
        match param.domain {
            Domain::Float { low, high, log, step } => ParamForm::Float { low, high, log, step, when },
            Domain::Int { low, high, log, step } => {
                ParamForm::Int { low: low as f64, high: high as f64, log, step: Some(step as f64), when }
            }
            Domain::Choice { options, ordered } => ParamForm::Choice { options, ordered, when },
        }
    }
}

impl Param {
    /// A number in `[low, high]`.
    pub fn float(low: f64, high: f64) -> Param {
        Param { domain: Domain::Float { low, high, log: false, step: None }, when: BTreeMap::new() }
    }
    /// A whole number in `[low, high]`.
    pub fn int(low: i64, high: i64) -> Param {
        Param { domain: Domain::Int { low, high, log: false, step: 1 }, when: BTreeMap::new() }
    }
    /// One of the options.
    pub fn choice<V: Into<Value>>(options: impl IntoIterator<Item = V>) -> Param {
        let options = options.into_iter().map(Into::into).collect();
        Param { domain: Domain::Choice { options, ordered: false }, when: BTreeMap::new() }
    }
    /// On the logarithmic scale (numbers).
    pub fn log(mut self) -> Param {
        match &mut self.domain {
            Domain::Float { log, .. } | Domain::Int { log, .. } => *log = true,
            Domain::Choice { .. } => {}
        }
        self
    }
    /// On a grid from `low` in steps (numbers; of a whole-number parameter the step's whole part).
    pub fn step(mut self, by: f64) -> Param {
        match &mut self.domain {
            Domain::Float { step, .. } => *step = Some(by),
            Domain::Int { step, .. } => *step = by as i64,
            Domain::Choice { .. } => {}
        }
        self
    }
    /// Options whose neighbours in the list are alike.
    pub fn ordered(mut self) -> Param {
        if let Domain::Choice { ordered, .. } = &mut self.domain {
            *ordered = true;
        }
        self
    }
    /// Active only where `name` has one of these values.
    pub fn when<V: Into<Value>>(mut self, name: &str, values: impl IntoIterator<Item = V>) -> Param {
        self.when.insert(name.to_owned(), values.into_iter().map(Into::into).collect());
        self
    }
}

/// `Σ weights[name]·value ≤ max` over numbers; it binds only where all its parameters are active.
///
/// In JSON `{"weights": {"min_rows": 1, "max_rows": -1}, "max": 0}`: `min_rows ≤ max_rows`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// Weights by parameter.
    pub weights: BTreeMap<String, f64>,
    /// The bound.
    pub max: f64,
}

/// The space of a search.
///
/// In JSON `{"version": 1, "params": {name: parameter, …}, "constraints": […]}`; version and constraints may be left out. The
/// order of the parameters does not matter.
///
/// # Example
/// ```
/// use attrition_core::tune::{Param, SearchSpace};
/// # fn main() -> attrition_core::Result<()> {
/// let space = SearchSpace::new([
///     ("penalty", Param::choice(["l2", "elasticnet"])),
///     ("c", Param::float(1e-3, 1e3).log()),
///     ("l1_ratio", Param::float(0.0, 1.0).when("penalty", ["elasticnet"])),
/// ])?;
/// assert_eq!(space, SearchSpace::from_json(&space.to_json()?)?);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SpaceForm", into = "SpaceForm")]
pub struct SearchSpace {
    /// In the order of their names.
    params: Vec<(String, Param)>,
    constraints: Vec<Constraint>,
    /// Indices, parents before children.
    order: Vec<usize>,
    /// By parameter: the parents' indices, and their values at which it is active.
    parents: Vec<Vec<(usize, Vec<Value>)>>,
    /// By parameter: how its coordinate is read.
    scales: Vec<Scale>,
    /// Constraints by index.
    rows: Vec<(Vec<(usize, f64)>, f64)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SpaceForm {
    #[serde(default = "version")]
    version: u32,
    params: BTreeMap<String, Param>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    constraints: Vec<Constraint>,
}

fn version() -> u32 {
    SPACE_VERSION
}

impl TryFrom<SpaceForm> for SearchSpace {
    type Error = Error;
    fn try_from(form: SpaceForm) -> Result<SearchSpace> {
        if form.version != SPACE_VERSION {
            return Err(Error::param(
                "version",
                form.version,
                format!("{SPACE_VERSION}"),
                "read a newer space with a newer attrition",
            ));
        }
        SearchSpace::new(form.params)?.constrained(form.constraints)
    }
}

impl From<SearchSpace> for SpaceForm {
    fn from(space: SearchSpace) -> SpaceForm {
        SpaceForm { version: SPACE_VERSION, params: space.params.into_iter().collect(), constraints: space.constraints }
    }
}

/// What a coordinate stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// A line.
    Line,
    /// A line that is cut into this many cells (as a number: there may be more than any integer type holds).
    Cells(f64),
    /// As many options without an order.
    Options(usize),
}

impl SearchSpace {
    /// A space of these parameters.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]: no parameter; an empty range or one that is not finite; a logarithmic range that does not lie
    /// above 0 or has a step; no or equal options, or ones that are lists or objects; a condition on a parameter that
    /// is not there, on a float, on a value it cannot take, or in a circle.
    pub fn new<N: Into<String>>(params: impl IntoIterator<Item = (N, Param)>) -> Result<SearchSpace> {
        let mut sorted = BTreeMap::new();
        for (name, param) in params {
            let name = name.into();
            if let Some((_, before)) = sorted.insert(name.clone(), param).map(|p| (&name, p)) {
                return Err(Error::param(
                    name,
                    format!("twice, first {:?}", before.domain),
                    "one parameter a name",
                    "rename one",
                ));
            }
        }
        let params: Vec<(String, Param)> = sorted.into_iter().collect();
        if params.is_empty() {
            return Err(Error::param("params", "none", "at least one parameter", "name what is to be searched"));
        }
        let scales = params.iter().map(|(name, p)| check(name, &p.domain)).collect::<Result<Vec<_>>>()?;
        let mut parents = Vec::with_capacity(params.len());
        for (name, param) in &params {
            let mut list = Vec::new();
            for (parent, values) in &param.when {
                let Ok(i) = params.binary_search_by(|(n, _)| n.as_str().cmp(parent)) else {
                    let names = params.iter().map(|(n, _)| n.as_str());
                    return Err(Error::not_found("parameter", parent.clone(), names));
                };
                let refused = |got: String, expected: &str| {
                    let hint = "a condition names another parameter and the values at which this one is active";
                    Err(Error::param(format!("{name}.when.{parent}"), got, expected, hint))
                };
                if matches!(params[i].1.domain, Domain::Float { .. }) {
                    return refused("a float parameter".into(), "a choice or an int parameter");
                }
                if values.is_empty() {
                    return refused("no value".into(), "at least one value");
                }
                if let Some(bad) = values.iter().find(|v| encode(&params[i].1.domain, scales[i], v).is_none()) {
                    return refused(bad.to_string(), "values that the parameter can take");
                }
                list.push((i, values.clone()));
            }
            parents.push(list);
        }
        let mut order = Vec::with_capacity(params.len());
        let mut placed = vec![false; params.len()];
        while order.len() < params.len() {
            let ready: Vec<usize> =
                (0..params.len()).filter(|&i| !placed[i] && parents[i].iter().all(|(p, _)| placed[*p])).collect();
            if ready.is_empty() {
                let names: Vec<&str> =
                    (0..params.len()).filter(|&i| !placed[i]).map(|i| params[i].0.as_str()).collect();
                let hint = "a parameter's condition must not lead back to itself";
                return Err(Error::param("when", names.join(", "), "conditions without a circle", hint));
            }
            for &i in &ready {
                placed[i] = true;
            }
            order.extend(ready);
        }
        Ok(SearchSpace { params, constraints: Vec::new(), order, parents, scales, rows: Vec::new() })
    }

    /// The same space, bound by constraints.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] or [`Error::NotFound`]: a number that is not finite, a parameter that is not there or no number.
    pub fn constrained(mut self, constraints: impl IntoIterator<Item = Constraint>) -> Result<SearchSpace> {
        for constraint in constraints {
            let mut row = Vec::new();
            for (name, &weight) in &constraint.weights {
                let Some(i) = self.index(name) else {
                    return Err(Error::not_found("parameter", name.clone(), self.names()));
                };
                if matches!(self.params[i].1.domain, Domain::Choice { .. }) || !weight.is_finite() {
                    let got = format!("weight {weight} of {name}");
                    let hint = "constraints bind sums of numbers";
                    return Err(Error::param("constraints", got, "finite weights of numbers", hint));
                }
                row.push((i, weight));
            }
            if row.is_empty() || !constraint.max.is_finite() {
                let got = format!("{} weights and the bound {}", row.len(), constraint.max);
                return Err(Error::param(
                    "constraints",
                    got,
                    "weights and a finite bound",
                    "sum of weight times value <= max",
                ));
            }
            self.rows.push((row, constraint.max));
            self.constraints.push(constraint);
        }
        Ok(self)
    }

    /// From its JSON form.
    ///
    /// # Errors
    /// [`Error::InvalidParam`]: not of that form, or as [`SearchSpace::new`].
    pub fn from_json(json: &str) -> Result<SearchSpace> {
        // In two steps, so that an error of the space keeps its facts.
        SearchSpace::try_from(crate::error::options::<SpaceForm>("space", json)?)
    }

    /// Its JSON form.
    ///
    /// # Errors
    /// [`Error::Internal`] only.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| Error::Internal(format!("a space that is not JSON: {e}")))
    }

    /// The parameters, in the order of their names.
    pub fn params(&self) -> impl Iterator<Item = (&str, &Param)> {
        self.params.iter().map(|(name, p)| (name.as_str(), p))
    }

    /// The parameters' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.params.iter().map(|(name, _)| name.as_str())
    }

    /// The constraints.
    pub fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    /// The number of parameters.
    pub fn len(&self) -> usize {
        self.params.len()
    }

    /// Never: a space has at least one parameter.
    pub fn is_empty(&self) -> bool {
        self.params.is_empty()
    }

    /// How many points there are without conditions and constraints; `None` where a parameter is continuous, or beyond 2⁵³.
    pub fn n_points(&self) -> Option<u64> {
        let product = self.scales.iter().try_fold(1.0, |product: f64, scale| match scale {
            Scale::Line => None,
            Scale::Cells(n) => Some(product * n),
            Scale::Options(n) => Some(product * *n as f64),
        })?;
        (product <= MAX_INT).then_some(product as u64)
    }

    /// Whether any parameter has a condition.
    pub fn is_conditional(&self) -> bool {
        self.parents.iter().any(|p| !p.is_empty())
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.params.binary_search_by(|(n, _)| n.as_str().cmp(name)).ok()
    }

    pub(super) fn scales(&self) -> &[Scale] {
        &self.scales
    }

    /// By parameter, the parents and values of its condition: those with equal conditions are active together.
    pub(super) fn conditions(&self) -> &[Vec<(usize, Vec<Value>)>] {
        &self.parents
    }

    /// Indices, parents before children.
    pub(super) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Whether the condition of parameter `i` holds.
    pub(super) fn is_active(&self, i: usize, point: &[f64]) -> bool {
        self.parents[i].iter().all(|(p, values)| {
            let u = point[*p];
            !u.is_nan() && {
                let value = decode(&self.params[*p].1.domain, self.scales[*p], u);
                values.iter().any(|v| same(v, &value))
            }
        })
    }

    /// Puts every coordinate in the middle of its cell, and NaN where a condition does not hold.
    pub(super) fn settle(&self, point: &mut [f64]) {
        for &i in &self.order {
            point[i] = match (self.is_active(i, point), &self.params[i].1.domain, self.scales[i]) {
                (false, ..) => f64::NAN,
                // The cells of a logarithmic range of whole numbers are found by rounding the value.
                (true, domain @ Domain::Int { .. }, Scale::Line) => {
                    encode(domain, Scale::Line, &decode(domain, Scale::Line, point[i])).unwrap_or(0.5)
                }
                (true, _, scale) => snap(scale, point[i]),
            };
        }
    }

    /// Whether the constraints hold at a settled point.
    pub(super) fn is_feasible(&self, point: &[f64]) -> bool {
        self.rows.iter().all(|(row, max)| {
            if row.iter().any(|(i, _)| point[*i].is_nan()) {
                return true;
            }
            let number = |i: usize| decode(&self.params[i].1.domain, self.scales[i], point[i]).as_f64().unwrap_or(0.0);
            row.iter().map(|(i, w)| w * number(*i)).sum::<f64>() <= *max
        })
    }

    /// The parameters of a settled point.
    pub(super) fn decode(&self, point: &[f64]) -> Params {
        let active = self.params.iter().zip(point).zip(&self.scales).filter(|((_, u), _)| !u.is_nan());
        active.map(|(((name, p), &u), &scale)| (name.clone(), decode(&p.domain, scale, u))).collect()
    }

    /// The point of parameters that were tried, perhaps in an older form of this space: `None` where a value lies outside.
    /// A parameter that the trial did not have is NaN; one that the space does not have is passed over.
    pub(super) fn encode(&self, params: &Params) -> Option<Vec<f64>> {
        let coordinate = |((name, p), scale): (&(String, Param), &Scale)| match params.get(name) {
            None => Some(f64::NAN),
            Some(value) => encode(&p.domain, *scale, value),
        };
        let mut point = self.params.iter().zip(&self.scales).map(coordinate).collect::<Option<Vec<f64>>>()?;
        for &i in &self.order {
            if !self.is_active(i, &point) {
                point[i] = f64::NAN;
            }
        }
        Some(point)
    }

    /// The parameters as the space would write them, if they are exactly a point of it.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] or [`Error::NotFound`]: a value out of range, a parameter missing, unknown or not active, a
    /// constraint that does not hold.
    pub fn check_params(&self, params: &Params) -> Result<Params> {
        for (name, value) in params {
            let Some(i) = self.index(name) else {
                return Err(Error::not_found("parameter", name.clone(), self.names()));
            };
            if encode(&self.params[i].1.domain, self.scales[i], value).is_none() {
                let expected = describe(&self.params[i].1.domain);
                return Err(Error::param(
                    name.clone(),
                    value,
                    expected,
                    "choose a value of the space, or widen the space",
                ));
            }
        }
        let Some(point) = self.encode(params) else {
            return Err(Error::Internal("values that are in range have no coordinates".into()));
        };
        for (i, (name, _)) in self.params.iter().enumerate() {
            let (given, active) = (params.contains_key(name), self.is_active(i, &point));
            if given != active {
                let (got, hint) = if given {
                    ("a value", "its condition does not hold: leave it out")
                } else {
                    ("nothing", "its condition holds: give a value")
                };
                return Err(Error::param(name.clone(), got, if active { "a value" } else { "nothing" }, hint));
            }
        }
        if !self.is_feasible(&point) {
            let hint = "choose values for which every constraint holds";
            return Err(Error::param("constraints", "values beyond a bound", "a feasible point", hint));
        }
        Ok(self.decode(&point))
    }
}

/// JSON values, numbers by value: JavaScript has only one kind of them.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => a.as_f64() == b.as_f64(),
        _ => a == b,
    }
}

fn check(name: &str, domain: &Domain) -> Result<Scale> {
    let refused = |part: &str, got: String, expected: &str, hint: &str| {
        Err(Error::param(format!("{name}.{part}"), got, expected, hint))
    };
    match domain {
        Domain::Float { low, high, log, step } => {
            if !(low.is_finite() && high.is_finite() && low <= high && (high - low).is_finite()) {
                return refused(
                    "low",
                    format!("[{low}, {high}]"),
                    "a finite range with low <= high",
                    "swap or narrow the ends",
                );
            }
            if *log && *low <= 0.0 {
                return refused("low", low.to_string(), "a number > 0 with log", "raise it, or leave log out");
            }
            match step {
                Some(_) if *log => refused("step", "a step with log".into(), "one of both", "leave one out"),
                Some(s) if !(s.is_finite() && *s > 0.0 && (high - low) / s < MAX_INT) => refused(
                    "step",
                    s.to_string(),
                    "a number > 0 that is not tiny beside the range",
                    "leave it out for any number",
                ),
                // A range of 0.3 in steps of 0.1 has four values, although 0.3 / 0.1 is a little below 3.
                Some(s) => Ok(Scale::Cells(((high - low) / s + 1e-9).floor() + 1.0)),
                None if low == high => Ok(Scale::Cells(1.0)),
                None => Ok(Scale::Line),
            }
        }
        Domain::Int { low, high, log, step } => {
            if low > high || low.unsigned_abs() > MAX_INT as u64 || high.unsigned_abs() > MAX_INT as u64 {
                let expected = "a range with low <= high, within 2^53";
                return refused("low", format!("[{low}, {high}]"), expected, "swap or narrow the ends");
            }
            if *log && *low < 1 {
                return refused("low", low.to_string(), "a whole number >= 1 with log", "raise it, or leave log out");
            }
            if *step < 1 || (*log && *step != 1) {
                return refused(
                    "step",
                    step.to_string(),
                    "a whole number >= 1, and 1 with log",
                    "leave it out for any whole number",
                );
            }
            let cells = ((high - low) / step) as f64 + 1.0;
            // Cells of a logarithmic range are not equally wide: they are found by rounding the value.
            Ok(if *log && cells > 1.0 { Scale::Line } else { Scale::Cells(cells) })
        }
        Domain::Choice { options, ordered } => {
            if options.is_empty() {
                return refused("options", "none".into(), "at least one option", "name the options");
            }
            if let Some(bad) = options.iter().find(|o| o.is_array() || o.is_object()) {
                let hint = "name the option, and look the rest up by its name";
                return refused("options", bad.to_string(), "null, truth values, numbers and strings", hint);
            }
            let twice = |(i, o): (usize, &Value)| options[..i].iter().any(|p| same(p, o));
            if let Some((_, bad)) = options.iter().enumerate().find(|&(i, o)| twice((i, o))) {
                return refused("options", format!("{bad} twice"), "different options", "remove one");
            }
            Ok(if *ordered || options.len() == 1 {
                Scale::Cells(options.len() as f64)
            } else {
                Scale::Options(options.len())
            })
        }
    }
}

fn describe(domain: &Domain) -> String {
    match domain {
        Domain::Float { low, high, step: None, .. } => format!("a number from {low} to {high}"),
        Domain::Float { low, high, step: Some(step), .. } => {
            format!("a number from {low} to {high} in steps of {step}")
        }
        Domain::Int { low, high, step: 1, .. } => format!("a whole number from {low} to {high}"),
        Domain::Int { low, high, step, .. } => format!("a whole number from {low} to {high} in steps of {step}"),
        Domain::Choice { options, .. } => options.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | "),
    }
}

/// The middle of the cell that a coordinate lies in.
pub(super) fn snap(scale: Scale, u: f64) -> f64 {
    let middle = |n: f64| ((u * n).floor().clamp(0.0, n - 1.0) + 0.5) / n;
    match scale {
        Scale::Line => u.clamp(0.0, 1.0),
        Scale::Cells(n) => middle(n),
        Scale::Options(n) => middle(n as f64),
    }
}

/// ln of the ends of a logarithmic whole-number range, half a unit wider, so that every number has a cell.
fn log_ends(low: i64, high: i64) -> (f64, f64) {
    (float::ln(low as f64 - 0.5), float::ln(high as f64 + 0.5))
}

fn cell(u: f64, n: f64) -> f64 {
    (u * n).floor().clamp(0.0, n - 1.0)
}

fn decode(domain: &Domain, scale: Scale, u: f64) -> Value {
    match (domain, scale) {
        (Domain::Float { low, high, log, step }, _) => {
            let v = match (step, scale) {
                (Some(step), Scale::Cells(n)) => low + cell(u, n) * step,
                (_, Scale::Cells(_)) => *low,
                _ if *log => {
                    let (a, b) = (float::ln(*low), float::ln(*high));
                    float::exp(a + u * (b - a))
                }
                _ => low + u * (high - low),
            };
            Value::from(v.clamp(*low, *high))
        }
        (Domain::Int { low, high, .. }, Scale::Line) => {
            let (a, b) = log_ends(*low, *high);
            Value::from((float::exp(a + u * (b - a)).round() as i64).clamp(*low, *high))
        }
        (Domain::Int { low, high, step, .. }, Scale::Cells(n)) => {
            Value::from((low + (cell(u, n) as i64).saturating_mul(*step)).clamp(*low, *high))
        }
        (Domain::Choice { options, .. }, _) => {
            options.get(cell(u, options.len() as f64) as usize).cloned().unwrap_or(Value::Null)
        }
        (Domain::Int { low, .. }, Scale::Options(_)) => Value::from(*low),
    }
}

/// The coordinate of a value, or `None` where it is none of the domain's.
fn encode(domain: &Domain, scale: Scale, value: &Value) -> Option<f64> {
    match domain {
        Domain::Choice { options, .. } => {
            let i = options.iter().position(|o| same(o, value))?;
            Some((i as f64 + 0.5) / options.len() as f64)
        }
        Domain::Float { low, high, log, step } => {
            let v = value.as_f64().filter(|v| (low..=high).contains(&v))?;
            match (step, scale) {
                (Some(step), Scale::Cells(n)) => {
                    let k = ((v - low) / step).round();
                    let on_grid = (v - (low + k * step)).abs() <= 1e-6 * step;
                    (on_grid && k < n).then_some((k + 0.5) / n)
                }
                (_, Scale::Cells(_)) => Some(0.5),
                _ if *log => {
                    let (a, b) = (float::ln(*low), float::ln(*high));
                    Some(((float::ln(v) - a) / (b - a)).clamp(0.0, 1.0))
                }
                _ => Some(((v - low) / (high - low)).clamp(0.0, 1.0)),
            }
        }
        Domain::Int { low, high, step, .. } => {
            let v = value.as_f64().filter(|v| v.fract() == 0.0 && v.abs() <= MAX_INT)? as i64;
            if !(*low..=*high).contains(&v) || (v - low) % step != 0 {
                return None;
            }
            match scale {
                Scale::Cells(n) => Some((((v - low) / step) as f64 + 0.5) / n),
                _ => {
                    let (a, b) = log_ends(*low, *high);
                    Some((float::ln(v as f64) - a) / (b - a))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn space() -> SearchSpace {
        SearchSpace::new([
            ("c", Param::float(1e-3, 1e3).log()),
            ("depth", Param::int(2, 10)),
            ("enc", Param::choice(["a", "b", "c"])),
            ("grid", Param::float(0.0, 0.3).step(0.1)),
            ("leaves", Param::int(1, 1000).log()),
            ("ratio", Param::float(0.0, 1.0).when("enc", ["b", "c"])),
            ("deep", Param::float(-1.0, 1.0).when("ratio_kind", [true])),
            ("ratio_kind", Param::choice([true, false]).when("enc", ["b"])),
        ])
        .unwrap()
    }

    proptest! {
        #[test]
        fn a_point_and_its_parameters_are_one(u in prop::collection::vec(0.0f64..=1.0, 8)) {
            let space = space();
            let mut point = u;
            space.settle(&mut point);
            let params = space.decode(&point);
            prop_assert_eq!(&space.check_params(&params).unwrap(), &params);
            let again = space.encode(&params).unwrap();
            prop_assert_eq!(space.decode(&again), params);
            for (a, b) in point.iter().zip(&again) {
                prop_assert!(a.is_nan() == b.is_nan());
            }
        }
    }

    #[test]
    fn every_cell_of_a_grid_is_reached_and_conditions_hold() {
        let space = space();
        let mut seen = std::collections::BTreeSet::new();
        let mut rng = crate::Seed(0).stream("space", 0);
        for _ in 0..4000 {
            let mut point: Vec<f64> = (0..space.len()).map(|_| rng.uniform()).collect();
            space.settle(&mut point);
            let params = space.decode(&point);
            let enc = params["enc"].as_str().unwrap();
            assert_eq!(params.contains_key("ratio"), enc != "a");
            assert_eq!(params.contains_key("ratio_kind"), enc == "b");
            assert_eq!(params.contains_key("deep"), enc == "b" && params["ratio_kind"] == true);
            seen.insert((params["depth"].as_i64().unwrap(), (params["grid"].as_f64().unwrap() * 10.0).round() as i64));
        }
        assert_eq!(seen.len(), 9 * 4);
        for (name, want) in [("grid", json!([0.0, 0.1, 0.2, 0.3])), ("leaves", json!([1, 1000]))] {
            let i = space.index(name).unwrap();
            let ends = [
                decode(&space.params[i].1.domain, space.scales[i], 0.0),
                decode(&space.params[i].1.domain, space.scales[i], 1.0),
            ];
            let want = want.as_array().unwrap();
            assert_eq!(ends[0].as_f64(), want[0].as_f64());
            assert!((ends[1].as_f64().unwrap() - want[want.len() - 1].as_f64().unwrap()).abs() < 1e-12);
        }
    }

    #[test]
    fn json_has_a_version_and_reads_back() {
        let space =
            space().constrained([Constraint { weights: [("depth".to_owned(), 1.0)].into(), max: 5.0 }]).unwrap();
        let json = space.to_json().unwrap();
        assert!(json.starts_with(r#"{"version":1,"params":{"c":{"type":"float""#), "{json}");
        assert_eq!(SearchSpace::from_json(&json).unwrap(), space);
        // As JavaScript writes it, and a single value for a condition.
        let text = r#"{"params": {"n": {"type": "int", "low": 1.0, "high": 8.0}, "x": {"type": "float", "low": 0, "high": 1, "when": {"n": 3}}}}"#;
        let read = SearchSpace::from_json(text).unwrap();
        assert_eq!(read.params[1].1.when["n"], [json!(3)]);
        for (bad, says) in [
            (r#"{"version": 2, "params": {"x": {"type": "int", "low": 0, "high": 1}}}"#, "newer"),
            (r#"{"params": {}}"#, "at least one parameter"),
            (r#"{"params": {"x": {"type": "float", "low": 1, "high": 0}}}"#, "x.low"),
            (r#"{"params": {"x": {"type": "float", "low": 0, "high": 1, "log": true}}}"#, "leave log out"),
            (r#"{"params": {"x": {"type": "int", "low": 0.5, "high": 1}}}"#, "whole number"),
            (r#"{"params": {"x": {"type": "choice", "options": [1, 1.0]}}}"#, "twice"),
            (r#"{"params": {"x": {"type": "choice", "options": [[1]]}}}"#, "null, truth values"),
            (r#"{"params": {"x": {"type": "int", "low": 0, "high": 1, "when": {"x": 0}}}}"#, "circle"),
            (r#"{"params": {"x": {"type": "int", "low": 0, "high": 1, "when": {"y": 0}}}}"#, "no parameter named `y`"),
            (r#"{"params": {"x": {"type": "int", "low": 0, "high": 1, "lag": 0}}}"#, "lag"),
        ] {
            let e = SearchSpace::from_json(bad).unwrap_err().to_string();
            assert!(e.contains(says), "{bad}: {e}");
        }
    }

    #[test]
    fn constraints_bind_and_parameters_are_checked() {
        let order = Constraint { weights: [("a".to_owned(), 1.0), ("b".to_owned(), -1.0)].into(), max: 0.0 };
        let space =
            SearchSpace::new([("a", Param::int(0, 9)), ("b", Param::int(0, 9))]).unwrap().constrained([order]).unwrap();
        let params = |a: i64, b: i64| Params::from([("a".to_owned(), json!(a)), ("b".to_owned(), json!(b))]);
        assert!(space.check_params(&params(3, 3)).is_ok());
        assert!(space.check_params(&params(4, 3)).unwrap_err().to_string().contains("feasible"));
        assert!(space.check_params(&params(10, 3)).unwrap_err().to_string().contains("from 0 to 9"));
        let space = super::tests::space();
        let e = space.check_params(&Params::from([("enc".to_owned(), json!("a"))])).unwrap_err().to_string();
        assert!(e.contains("`c`") && e.contains("give a value"), "{e}");
    }

    #[test]
    fn old_trials_fit_a_grown_space_and_not_one_that_lost_their_option() {
        let old = Params::from([("enc".to_owned(), json!("b")), ("n".to_owned(), json!(4))]);
        let grown = SearchSpace::new([
            ("enc", Param::choice(["a", "b", "c"])),
            ("n", Param::int(1, 100)),
            ("new", Param::float(0.0, 1.0)),
        ]);
        let point = grown.unwrap().encode(&old).unwrap();
        assert!((point[0] - 0.5).abs() < 1e-12 && (point[1] - 0.035).abs() < 1e-12 && point[2].is_nan());
        let shrunk = SearchSpace::new([("enc", Param::choice(["a", "c"])), ("n", Param::int(1, 100))]).unwrap();
        assert!(shrunk.encode(&old).is_none());
    }

    #[test]
    fn a_point_and_a_thousand_parameters() {
        let point =
            SearchSpace::new([("a", Param::int(3, 3)), ("b", Param::choice(["x"])), ("c", Param::float(2.0, 2.0))])
                .unwrap();
        assert_eq!(point.n_points(), Some(1));
        let mut p = vec![0.9; 3];
        point.settle(&mut p);
        assert_eq!(serde_json::to_string(&point.decode(&p)).unwrap(), r#"{"a":3,"b":"x","c":2.0}"#);
        let many = SearchSpace::new((0..1000).map(|i| (format!("p{i:04}"), Param::int(0, 9)))).unwrap();
        assert_eq!((many.len(), many.n_points()), (1000, None));
    }
}
