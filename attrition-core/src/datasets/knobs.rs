//! The knobs: bias, drift and gaps, each off by default and each in its own random streams, so that a knob changes
//! only what it is about.

use super::employees::{Kind, OVERTIME, Row, SPECS, Spec, WIDTH};
use crate::rng::{Rng, Seed};
use crate::{Error, Result};

/// A disadvantage of one group.
///
/// | field | unit | default |
/// |---|---|---|
/// | `column`, `group` | a category column and one of its levels | – |
/// | `risk` | added to the true log-odds of leaving of the group's rows: the group really leaves more often (0.7 doubles the odds) | 0 |
/// | `label` | share of the group's rows, in `[0, 1]`, whose recorded label is turned into the other one: the group leaves no more often, the record is wrong | 0 |
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bias {
    /// A category column, `"Gender"` for instance.
    pub column: String,
    /// One of its levels, `"Female"` for instance.
    pub group: String,
    /// Added to the true log-odds of the group's rows.
    #[serde(default)]
    pub risk: f64,
    /// Share of the group's recorded labels that are turned over.
    #[serde(default)]
    pub label: f64,
}

/// A shift of one column against the population the generator draws from. The column moves alone, the risk follows
/// from the moved value: how the columns lead to the risk stays as it is (covariate shift).
///
/// | column | unit of `shift` | effect |
/// |---|---|---|
/// | number | standard deviations of the population | `shift · sd` is added, rounded at random so that the mean moves by it, and the result cut to the column's range |
/// | category | share points in `[-1, 1]` | the share of `category` grows by `shift`, at the cost of the other levels in proportion |
///
/// A drifted column may contradict its neighbours (a tenure longer than the career).
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drift {
    /// The column that moves.
    pub column: String,
    /// The level whose share changes; for category columns only.
    #[serde(default)]
    pub category: Option<String>,
    /// How far: standard deviations, or share points.
    pub shift: f64,
}

/// Gaps in the feature columns. The id and the target have none.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// The chance of a gap, in `[0, 1]`, for every value of the columns.
    pub rate: f64,
    /// The columns; empty: all features.
    #[serde(default)]
    pub columns: Vec<String>,
    /// What a gap depends on.
    #[serde(default)]
    pub mechanism: MissingMechanism,
}

/// What a gap depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingMechanism {
    /// On nothing: every value has the same chance.
    #[default]
    CompletelyAtRandom,
    /// On the row's `OverTime`: a value is missing twice as often where it is `"Yes"`, and `rate` on average over
    /// the population. `OverTime` itself has no gaps then. `rate` is at most 0.5.
    AtRandom,
}

/// A level's position.
struct Group {
    slot: usize,
    level: f64,
}

impl Group {
    fn holds(&self, row: &Row) -> bool {
        row.get(self.slot) == Some(&self.level)
    }
}

enum Shift {
    Number { by: f64 },
    Category { level: usize, shift: f64 },
}

/// The knobs, their names resolved.
#[derive(Default)]
pub(super) struct Knobs {
    bias: Vec<(Group, f64, f64)>,
    drift: Vec<(usize, Shift)>,
    missing: Option<Gaps>,
}

struct Gaps {
    columns: [bool; WIDTH],
    rate: f64,
    rate_overtime: f64,
}

fn quoted(text: &str) -> String {
    format!("`{text}`")
}

/// The slot of a feature column among those that `fits` admits.
fn slot(name: &str, parameter: &str, fits: impl Fn(&Spec) -> bool) -> Result<usize> {
    SPECS.iter().position(|s| s.name == name && fits(s)).ok_or_else(|| {
        let known: Vec<&str> = SPECS.iter().filter(|s| fits(s)).map(|s| s.name).collect();
        let expected = format!("one of {}", known.join(", "));
        Error::param(parameter, quoted(name), expected, "use a name of this list as it is written")
    })
}

fn level(slot: usize, name: &str, parameter: &str) -> Result<usize> {
    let levels = match SPECS.get(slot).map(|s| &s.kind) {
        Some(Kind::Category { levels, .. }) => *levels,
        _ => &[],
    };
    levels.iter().position(|&l| l == name).ok_or_else(|| {
        let expected = format!("one of {}", levels.join(", "));
        Error::param(parameter, quoted(name), expected, "use a level of this list as it is written")
    })
}

fn is_category(spec: &Spec) -> bool {
    matches!(spec.kind, Kind::Category { .. })
}

fn in_range(parameter: &str, value: f64, low: f64, high: f64, hint: &str) -> Result<()> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(Error::param(parameter, value, format!("a number in [{low}, {high}]"), hint))
}

impl Knobs {
    pub(super) fn new(bias: &[Bias], drift: &[Drift], missing: Option<&Missing>) -> Result<Knobs> {
        let mut knobs = Knobs::default();
        for b in bias {
            let slot = slot(&b.column, "bias.column", is_category)?;
            let level = level(slot, &b.group, "bias.group")? as f64;
            in_range("bias.risk", b.risk, -20.0, 20.0, "it is added to the log-odds: 0.7 doubles the odds")?;
            in_range("bias.label", b.label, 0.0, 1.0, "it is the share of labels that are turned over")?;
            knobs.bias.push((Group { slot, level }, b.risk, b.label));
        }
        for d in drift {
            let slot = slot(&d.column, "drift.column", |_| true)?;
            if knobs.drift.iter().any(|(s, _)| *s == slot) {
                let hint = "join the shifts of a column in one entry";
                return Err(Error::param("drift.column", format!("`{}` twice", d.column), "one entry a column", hint));
            }
            knobs.drift.push((slot, shift(d, slot)?));
        }
        if let Some(m) = missing {
            knobs.missing = Some(gaps(m)?);
        }
        Ok(knobs)
    }

    /// Moves the drifted columns of row `i`.
    pub(super) fn drift(&self, row: &mut Row, seed: Seed, i: u64) {
        for (slot, shift) in &self.drift {
            // A stream a column: a second drifted column leaves the first as it was.
            let mut rng = seed.stream(SPECS[*slot].name, i);
            let (Some(value), Some(spec)) = (row.get_mut(*slot), SPECS.get(*slot)) else { continue };
            *value = moved(*value, spec, shift, &mut rng);
        }
    }

    /// What bias adds to the row's true log-odds.
    pub(super) fn risk(&self, row: &Row) -> f64 {
        self.bias.iter().filter(|(g, ..)| g.holds(row)).map(|(_, risk, _)| risk).sum()
    }

    /// The label as recorded.
    pub(super) fn recorded(&self, leaves: bool, row: &Row, seed: Seed, i: u64) -> bool {
        if self.bias.is_empty() {
            return leaves;
        }
        let mut rng = seed.stream("employees/label", i);
        self.bias.iter().fold(leaves, |label, (group, _, rate)| {
            // Drawn for every entry, in or out of the group, so that entries do not disturb each other.
            let turned = rng.uniform() < *rate;
            label ^ (turned && group.holds(row))
        })
    }

    /// Sets the gaps of row `i` to NaN.
    pub(super) fn cut(&self, row: &mut Row, seed: Seed, i: u64) {
        let Some(gaps) = &self.missing else { return };
        let rate = if row[OVERTIME] == 1.0 { gaps.rate_overtime } else { gaps.rate };
        let mut rng = seed.stream("employees/missing", i);
        for (value, &chosen) in row.iter_mut().zip(&gaps.columns) {
            // Drawn for every column, so that the choice of columns changes no other column's gaps.
            if rng.uniform() < rate && chosen {
                *value = f64::NAN;
            }
        }
    }
}

fn shift(d: &Drift, slot: usize) -> Result<Shift> {
    let Some(spec) = SPECS.get(slot) else { return Err(Error::Internal("a slot past the columns".into())) };
    match (&spec.kind, &d.category) {
        (Kind::Number { sd, .. }, None) => {
            in_range("drift.shift", d.shift, -100.0, 100.0, "the unit is the column's standard deviation")?;
            Ok(Shift::Number { by: d.shift * sd })
        }
        (Kind::Number { .. }, Some(c)) => Err(Error::param(
            "drift.category",
            quoted(c),
            format!("nothing, for `{}` is a number", spec.name),
            "leave it out: a number moves as a whole, by standard deviations",
        )),
        (Kind::Category { levels, .. }, None) => Err(Error::param(
            "drift.category",
            "nothing",
            format!("one of {}", levels.join(", ")),
            format!("name the level of `{}` whose share is to change", spec.name),
        )),
        (Kind::Category { shares, .. }, Some(c)) => {
            let level = level(slot, c, "drift.category")?;
            let share = shares.get(level).copied().unwrap_or(0.0);
            let hint = format!("the share of `{c}` is {share} and ends within [0, 1]; the unit is share points");
            in_range("drift.shift", d.shift, -share, 1.0 - share, &hint)?;
            Ok(Shift::Category { level, shift: d.shift })
        }
    }
}

fn moved(value: f64, spec: &Spec, shift: &Shift, rng: &mut Rng) -> f64 {
    let (u, v) = (rng.uniform(), rng.uniform());
    match (&spec.kind, shift) {
        (Kind::Number { min, max, per_unit, .. }, Shift::Number { by }) => {
            (((value + by) * per_unit + u).floor() / per_unit).clamp(*min, *max)
        }
        (Kind::Category { shares, .. }, Shift::Category { level, shift }) => {
            let (share, inside) = (shares.get(*level).copied().unwrap_or(0.0), value == *level as f64);
            if *shift > 0.0 && !inside && u * (1.0 - share) < *shift {
                *level as f64
            } else if *shift < 0.0 && inside && u * share < -*shift {
                let mut others = shares.to_vec();
                if let Some(own) = others.get_mut(*level) {
                    *own = 0.0;
                }
                super::employees::pick(v, &others)
            } else {
                value
            }
        }
        _ => value,
    }
}

fn gaps(m: &Missing) -> Result<Gaps> {
    let at_random = m.mechanism == MissingMechanism::AtRandom;
    let (high, hint) = if at_random {
        (0.5, "at_random doubles the rate where OverTime is Yes, which leaves room up to 0.5")
    } else {
        (1.0, "it is the chance of a gap, 0.05 for one value in twenty")
    };
    in_range("missing.rate", m.rate, 0.0, high, hint)?;
    let mut columns = [m.columns.is_empty(); WIDTH];
    for name in &m.columns {
        let slot = slot(name, "missing.columns", |_| true)?;
        if at_random && slot == OVERTIME {
            let hint = "leave it out, or use completely_at_random";
            return Err(Error::param("missing.columns", "`OverTime`", "a column other than the gaps' cause", hint));
        }
        if let Some(c) = columns.get_mut(slot) {
            *c = true;
        }
    }
    let (mut rate, mut rate_overtime) = (m.rate, m.rate);
    if at_random {
        columns[OVERTIME] = false;
        let overtime = match &SPECS[OVERTIME].kind {
            Kind::Category { shares, .. } => shares.get(1).copied().unwrap_or(0.0),
            Kind::Number { .. } => 0.0,
        };
        rate = m.rate / (1.0 + overtime);
        rate_overtime = 2.0 * rate;
    }
    Ok(Gaps { columns, rate, rate_overtime })
}
