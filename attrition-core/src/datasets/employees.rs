//! The generator: its columns, how a row is drawn, and the true risk of leaving.
//!
//! Notation: a row is an array of `f64`, one slot a column in the order of [`SPECS`]; a category is the position of
//! its level. Row `i` reads only the streams `(purpose, i)` of the seed, never another row.

use std::sync::Arc;

use super::knobs::{Bias, Drift, Knobs, Missing};
use crate::num::float;
use crate::rng::{Rng, Seed};
use crate::run::{CHUNK_ROWS, Run};
use crate::table::{Column, MISSING_CODE, Mask, Table, Values};
use crate::{Error, Result};

/// The most rows of one call.
const MAX_ROWS: usize = 100_000_000;

/// `n_rows` employees as they stand at one moment, and who left in the year after: about 16 % `"Yes"` in `Attrition`.
///
/// Row `i` depends on the seed and `i` alone: a shorter table is the beginning of a longer one. There are no gaps.
///
/// The truth is known. Each row's log-odds of leaving are a formula of its own columns, with U-shapes (`Age`,
/// `EngagementScore`, `TrainingTimesLastYear`), saturations (`YearsAtCompany`, pay against the level's median,
/// job changes per working year, `DistanceFromHome`), thresholds (answers of 1, an overdue promotion) and
/// interactions (distance × remote days, promotion × level, overtime × balance, travel × marriage,
/// performance × raise, satisfaction × manager × tenure). Nobody can rank better than the true probability, whose
/// ROC-AUC is about 0.86; a logistic model on one-hot and standardised columns reaches about 0.80. `Gender`,
/// `Education`, `EducationField` and `Department` play no part beside what goes with them.
///
/// | # | column | values |
/// |---|---|---|
/// | 0 | `EmployeeNumber` | id, 1 to n |
/// | 1 | `Age` | years, 18–64 |
/// | 2 | `Gender` | Female, Male, Non-binary (2 %) |
/// | 3 | `MaritalStatus` | Divorced, Married, Single |
/// | 4 | `Education` | 1 (school) to 5 (doctorate) |
/// | 5 | `EducationField` | Business, Engineering, Humanities, Life Sciences, Technical, Other |
/// | 6 | `Department` | Engineering, Finance, Human Resources, Operations, Sales |
/// | 7 | `JobRole` | three a department |
/// | 8 | `JobLevel` | 1–5 |
/// | 9 | `MonthlyIncome` | currency units, 1,500–30,000; its median is set by the level |
/// | 10 | `PercentSalaryHike` | percent, 0–25 |
/// | 11 | `StockOptionLevel` | 0–3 |
/// | 12 | `BusinessTravel` | Never, Rarely, Often |
/// | 13 | `OverTime` | No, Yes |
/// | 14 | `DistanceFromHome` | kilometres, 1–60 |
/// | 15 | `RemoteDays` | days a week, 0–5 |
/// | 16 | `NumCompaniesWorked` | earlier employers, 0–9 |
/// | 17 | `TotalWorkingYears` | whole years, at most age − 18 |
/// | 18 | `YearsAtCompany` | at most the working years |
/// | 19 | `YearsInCurrentRole` | at most the years at the company |
/// | 20 | `YearsSinceLastPromotion` | at most the years at the company |
/// | 21 | `YearsWithCurrentManager` | at most the years at the company, 0–12 |
/// | 22 | `TrainingTimesLastYear` | 0–6 |
/// | 23 | `EnvironmentSatisfaction` | 1–4 |
/// | 24 | `JobSatisfaction` | 1–4 |
/// | 25 | `RelationshipSatisfaction` | 1–4 |
/// | 26 | `WorkLifeBalance` | 1–4 |
/// | 27 | `JobInvolvement` | 1–4 |
/// | 28 | `PerformanceRating` | 1–4 |
/// | 29 | `EngagementScore` | 0–100, one decimal |
/// | 30 | `Attrition` | target: No, Yes |
///
/// `EngagementScore` is a float column, the categories and the target are strings, all others are whole numbers.
/// [`EmployeeOptions`] has the knobs.
///
/// # Errors
/// [`Error::InvalidParam`] above 100,000,000 rows.
///
/// # Example
/// ```
/// let (table, truth) = attrition_core::datasets::employees_with_truth(1000, 7)?;
/// assert_eq!(table.columns().last().map(|c| c.name()), Some("Attrition"));
/// assert!(truth.iter().all(|p| (0.0..1.0).contains(p)));
/// # Ok::<(), attrition_core::Error>(())
/// ```
pub fn employees(n_rows: usize, seed: u64) -> Result<Table> {
    EmployeeOptions::default().n_rows(n_rows).seed(seed).generate(&Run::new())
}

/// [`employees`] and the true probability of leaving of each row.
///
/// # Errors
/// As [`employees`].
pub fn employees_with_truth(n_rows: usize, seed: u64) -> Result<(Table, Vec<f64>)> {
    EmployeeOptions::default().n_rows(n_rows).seed(seed).generate_with_truth(&Run::new())
}

/// How to draw employees: the size, the seed, and the knobs.
///
/// | field | default | meaning |
/// |---|---|---|
/// | `n_rows` | 1470 | rows, 0 to 100,000,000 |
/// | `seed` | 0 | same seed, same bytes |
/// | `truth` | false | adds the column `TrueProbability`: a leak if a model sees it |
/// | `bias` | none | [`Bias`]: groups that leave more often, or whose labels are wrong |
/// | `drift` | none | [`Drift`]: columns that moved |
/// | `missing` | none | [`Missing`]: gaps |
///
/// # Example
/// ```
/// use attrition_core::datasets::{Bias, EmployeeOptions, Missing};
/// let options: EmployeeOptions = serde_json::from_str(
///     r#"{"n_rows": 100, "bias": [{"column": "Gender", "group": "Female", "risk": 0.7}], "missing": {"rate": 0.05}}"#,
/// ).unwrap();
/// let table = options.generate(&attrition_core::Run::new())?;
/// assert!(table.column("Age")?.n_missing() > 0);
/// # Ok::<(), attrition_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmployeeOptions {
    /// Rows.
    pub n_rows: usize,
    /// The seed.
    pub seed: Seed,
    /// Whether to add the column `TrueProbability`.
    pub truth: bool,
    /// Groups at a disadvantage; their effects add up.
    pub bias: Vec<Bias>,
    /// Columns that moved, each at most once.
    pub drift: Vec<Drift>,
    /// Gaps.
    pub missing: Option<Missing>,
}

impl Default for EmployeeOptions {
    fn default() -> Self {
        EmployeeOptions { n_rows: 1470, seed: Seed(0), truth: false, bias: vec![], drift: vec![], missing: None }
    }
}

impl EmployeeOptions {
    /// With that many rows.
    pub fn n_rows(mut self, n_rows: usize) -> Self {
        self.n_rows = n_rows;
        self
    }
    /// With the seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Seed(seed);
        self
    }
    /// With or without the column `TrueProbability`.
    pub fn truth(mut self, truth: bool) -> Self {
        self.truth = truth;
        self
    }
    /// With one more group at a disadvantage.
    pub fn bias(mut self, bias: Bias) -> Self {
        self.bias.push(bias);
        self
    }
    /// With one more column that moved.
    pub fn drift(mut self, drift: Drift) -> Self {
        self.drift.push(drift);
        self
    }
    /// With gaps.
    pub fn missing(mut self, missing: Missing) -> Self {
        self.missing = Some(missing);
        self
    }

    /// Whether every value is in its range and every name is known.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] with the names there are.
    pub fn check(&self) -> Result<()> {
        self.knobs().map(|_| ())
    }

    fn knobs(&self) -> Result<Knobs> {
        if self.n_rows > MAX_ROWS {
            let hint = "draw the rest with another seed";
            return Err(Error::param("n_rows", self.n_rows, format!("at most {MAX_ROWS}"), hint));
        }
        Knobs::new(&self.bias, &self.drift, self.missing.as_ref())
    }

    /// Draws the table.
    ///
    /// # Errors
    /// As [`EmployeeOptions::check`]; [`Error::Cancelled`].
    pub fn generate(&self, run: &Run) -> Result<Table> {
        self.generate_with_truth(run).map(|(table, _)| table)
    }

    /// Draws the table, and the true probability of leaving of each row: with the risk of `bias` and the values of
    /// `drift`, before labels are turned over and gaps cut.
    ///
    /// # Errors
    /// As [`EmployeeOptions::check`]; [`Error::Cancelled`].
    pub fn generate_with_truth(&self, run: &Run) -> Result<(Table, Vec<f64>)> {
        let knobs = self.knobs()?;
        let n = self.n_rows;
        let mut features: Vec<Vec<f64>> = (0..WIDTH).map(|_| Vec::with_capacity(n)).collect();
        let mut leavers: Vec<u32> = Vec::with_capacity(n);
        let mut truth: Vec<f64> = Vec::with_capacity(n);
        // Blocks bound the memory held beside the result.
        for block in (0..n).step_by(BLOCK_ROWS) {
            run.progress("employees", block, n);
            let end = (block + BLOCK_ROWS).min(n);
            let pieces = run.map_chunks(end - block, CHUNK_ROWS, |rows| {
                Ok(rows.map(|i| self.row(&knobs, (block + i) as u64)).collect::<Vec<_>>())
            })?;
            for (row, proba, leaves) in pieces.into_iter().flatten() {
                for (column, value) in features.iter_mut().zip(row) {
                    column.push(value);
                }
                truth.push(proba);
                leavers.push(u32::from(leaves));
            }
        }
        run.progress("employees", n, n);
        let mut columns = Vec::with_capacity(WIDTH + 3);
        columns.push(Column::int("EmployeeNumber", (1..=n as i64).collect()));
        for (spec, values) in SPECS.iter().zip(features) {
            columns.push(column(spec, values)?);
        }
        columns.push(Column::new("Attrition", Values::Codes(leavers.into(), vocabulary(&["No", "Yes"])))?);
        if self.truth {
            columns.push(Column::float("TrueProbability", truth.clone()));
        }
        Ok((Table::new(columns)?, truth))
    }

    /// Row `i`: its features with gaps, its true probability, its recorded label.
    fn row(&self, knobs: &Knobs, i: u64) -> (Row, f64, bool) {
        let mut rng = self.seed.stream("employees", i);
        // The label's number first, so that no change in how features are drawn moves it.
        let chance = rng.uniform();
        let mut row = draw(&mut rng);
        knobs.drift(&mut row, self.seed, i);
        let proba = float::sigmoid(log_odds(&row) + knobs.risk(&row));
        let label = knobs.recorded(chance < proba, &row, self.seed, i);
        knobs.cut(&mut row, self.seed, i);
        (row, proba, label)
    }
}

const BLOCK_ROWS: usize = 16 * CHUNK_ROWS;

fn vocabulary(levels: &[&str]) -> Arc<Vec<String>> {
    Arc::new(levels.iter().map(|&l| l.to_owned()).collect())
}

/// A column of the table; NaN is a gap.
fn column(spec: &Spec, values: Vec<f64>) -> Result<Column> {
    match &spec.kind {
        Kind::Number { per_unit: 1.0, .. } => {
            let mask = Mask::from_missing(values.iter().map(|v| v.is_nan()));
            // `as` turns NaN into 0, which the mask covers.
            Column::new(spec.name, Values::Int(values.iter().map(|&v| v as i64).collect::<Vec<_>>().into(), mask))
        }
        Kind::Number { .. } => Ok(Column::float(spec.name, values)),
        Kind::Category { levels, .. } => {
            let codes = values.iter().map(|&v| if v.is_nan() { MISSING_CODE } else { v as u32 });
            Column::new(spec.name, Values::Codes(codes.collect::<Vec<_>>().into(), vocabulary(levels)))
        }
    }
}

/// What a column holds, and the facts of its population that the knobs' units need.
pub(super) enum Kind {
    /// A number in `min..=max`, a whole multiple of `1 / per_unit`; `sd` is the population's standard deviation.
    Number { min: f64, max: f64, per_unit: f64, sd: f64 },
    /// One of `levels`; `shares` are the population's.
    Category { levels: &'static [&'static str], shares: &'static [f64] },
}

/// A feature column.
pub(super) struct Spec {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const fn whole(name: &'static str, min: f64, max: f64, sd: f64) -> Spec {
    Spec { name, kind: Kind::Number { min, max, per_unit: 1.0, sd } }
}
const fn category(name: &'static str, levels: &'static [&'static str], shares: &'static [f64]) -> Spec {
    Spec { name, kind: Kind::Category { levels, shares } }
}

const AGE: usize = 0;
const GENDER: usize = 1;
const MARITAL: usize = 2;
const EDUCATION: usize = 3;
const FIELD: usize = 4;
const DEPARTMENT: usize = 5;
const ROLE: usize = 6;
const LEVEL: usize = 7;
const INCOME: usize = 8;
const HIKE: usize = 9;
const STOCK: usize = 10;
const TRAVEL: usize = 11;
pub(super) const OVERTIME: usize = 12;
const DISTANCE: usize = 13;
const REMOTE: usize = 14;
const COMPANIES: usize = 15;
const WORKING_YEARS: usize = 16;
const TENURE: usize = 17;
const ROLE_YEARS: usize = 18;
const PROMOTION_YEARS: usize = 19;
const MANAGER_YEARS: usize = 20;
const TRAINING: usize = 21;
const ENVIRONMENT: usize = 22;
const JOB_SATISFACTION: usize = 23;
const RELATIONSHIP: usize = 24;
const BALANCE: usize = 25;
const INVOLVEMENT: usize = 26;
const PERFORMANCE: usize = 27;
const ENGAGEMENT: usize = 28;
/// Feature columns; the id stands before them, the target after.
pub(super) const WIDTH: usize = 29;

/// One row, before it becomes part of a table.
pub(super) type Row = [f64; WIDTH];

/// The feature columns in order. Standard deviations and shares are those of a million rows; a test holds them.
pub(super) static SPECS: [Spec; WIDTH] = [
    whole("Age", 18.0, 64.0, 9.55),
    category("Gender", &["Female", "Male", "Non-binary"], &[0.475, 0.505, 0.02]),
    category("MaritalStatus", &["Divorced", "Married", "Single"], &[0.157, 0.399, 0.444]),
    whole("Education", 1.0, 5.0, 1.02),
    category(
        "EducationField",
        &["Business", "Engineering", "Humanities", "Life Sciences", "Technical", "Other"],
        &[0.266, 0.225, 0.123, 0.134, 0.166, 0.086],
    ),
    category(
        "Department",
        &["Engineering", "Finance", "Human Resources", "Operations", "Sales"],
        &[0.28, 0.12, 0.06, 0.3, 0.24],
    ),
    category(
        "JobRole",
        &[
            "Software Engineer",
            "Test Engineer",
            "Engineering Manager",
            "Accountant",
            "Financial Analyst",
            "Finance Manager",
            "Recruiter",
            "HR Partner",
            "HR Manager",
            "Technician",
            "Operations Specialist",
            "Operations Manager",
            "Sales Representative",
            "Account Executive",
            "Sales Manager",
        ],
        &[0.13, 0.108, 0.042, 0.056, 0.046, 0.018, 0.028, 0.023, 0.008, 0.142, 0.115, 0.043, 0.113, 0.094, 0.034],
    ),
    whole("JobLevel", 1.0, 5.0, 1.05),
    whole("MonthlyIncome", 1500.0, 30000.0, 3472.5),
    whole("PercentSalaryHike", 0.0, 25.0, 4.65),
    whole("StockOptionLevel", 0.0, 3.0, 0.84),
    category("BusinessTravel", &["Never", "Rarely", "Often"], &[0.35, 0.463, 0.187]),
    category("OverTime", &["No", "Yes"], &[0.692, 0.308]),
    whole("DistanceFromHome", 1.0, 60.0, 12.37),
    whole("RemoteDays", 0.0, 5.0, 1.45),
    whole("NumCompaniesWorked", 0.0, 9.0, 1.96),
    whole("TotalWorkingYears", 0.0, 46.0, 8.66),
    whole("YearsAtCompany", 0.0, 46.0, 7.32),
    whole("YearsInCurrentRole", 0.0, 46.0, 4.96),
    whole("YearsSinceLastPromotion", 0.0, 46.0, 4.57),
    whole("YearsWithCurrentManager", 0.0, 12.0, 3.00),
    whole("TrainingTimesLastYear", 0.0, 6.0, 1.31),
    whole("EnvironmentSatisfaction", 1.0, 4.0, 1.06),
    whole("JobSatisfaction", 1.0, 4.0, 1.07),
    whole("RelationshipSatisfaction", 1.0, 4.0, 1.07),
    whole("WorkLifeBalance", 1.0, 4.0, 0.89),
    whole("JobInvolvement", 1.0, 4.0, 0.79),
    whole("PerformanceRating", 1.0, 4.0, 0.80),
    Spec { name: "EngagementScore", kind: Kind::Number { min: 0.0, max: 100.0, per_unit: 10.0, sd: 16.52 } },
];

/// The position of `u` in `[0, 1)` among cumulated weights (which need not sum to 1).
pub(super) fn pick(u: f64, weights: &[f64]) -> f64 {
    let mut left = u * weights.iter().sum::<f64>();
    for (i, w) in weights.iter().enumerate() {
        left -= w;
        if left < 0.0 {
            return i as f64;
        }
    }
    weights.len().saturating_sub(1) as f64
}

/// The number of cuts at or below `z`, counted from 1.
fn grade(z: f64, cuts: &[f64]) -> f64 {
    1.0 + cuts.iter().filter(|&&c| z >= c).count() as f64
}

/// Median monthly income of a job level.
fn level_income(level: f64) -> f64 {
    1900.0 * float::exp(0.42 * level)
}

/// Draws the features of a row.
fn draw(rng: &mut Rng) -> Row {
    let mut r = [0.0; WIDTH];

    // The person.
    let age = (37.0 + 10.0 * rng.normal()).round();
    let age = if age < 18.0 { 36.0 - age } else { age }.clamp(18.0, 64.0);
    r[AGE] = age;
    r[GENDER] = pick(rng.uniform(), &[0.475, 0.505, 0.02]);
    let settled = float::sigmoid((age - 31.0) / 5.0);
    r[MARITAL] = pick(rng.uniform(), &[0.24 * settled, 0.62 * settled, 1.05 - 0.86 * settled]);
    let education = 1.0 + pick(rng.uniform(), &[0.1, 0.2, 0.4, 0.25, 0.05]);
    // A bachelor is at least 21, a master 23, a doctor 26.
    let education = education.min(grade(age, &[19.0, 21.0, 23.0, 26.0]));
    r[EDUCATION] = education;

    // The career: every span is whole years and fits into the one around it.
    let start = [0.0, 1.0, 3.0, 5.0, 8.0][(education - 1.0) as usize];
    let available = (age - 18.0 - start).max(0.0);
    let working = (available * (1.0 - 0.35 * square(rng.uniform()))).floor();
    let (first_employer, span) = (rng.uniform() < 0.18, rng.uniform());
    let tenure = if first_employer { working } else { (working * float::pow(span, 1.5)).floor() };
    let before = working - tenure;
    let moves = (before * (0.05 + 0.45 * square(rng.uniform()))).floor();
    let role_years = (tenure * float::pow(rng.uniform(), 0.7)).floor();
    let (with_role, fraction) = (rng.uniform() < 0.6, rng.uniform());
    r[WORKING_YEARS] = working;
    r[TENURE] = tenure;
    r[COMPANIES] = if before > 0.0 { (1.0 + moves).min(9.0) } else { 0.0 };
    r[ROLE_YEARS] = role_years;
    r[PROMOTION_YEARS] = if with_role { role_years } else { (tenure * square(fraction)).floor() };
    r[MANAGER_YEARS] = (tenure.min(12.0) * rng.uniform()).floor();

    // The job.
    let department = pick(rng.uniform(), &[0.28, 0.12, 0.06, 0.30, 0.24]);
    let standing = 0.1 * working + 0.3 * (education - 3.0) + 0.8 * rng.normal();
    let level = grade(standing, &[0.7, 1.8, 2.8, 3.7]);
    let manages = rng.uniform() < [0.0, 0.03, 0.25, 0.6, 0.9][(level - 1.0) as usize];
    let second = rng.uniform() < 0.45;
    r[DEPARTMENT] = department;
    r[LEVEL] = level;
    r[ROLE] = 3.0 * department + if manages { 2.0 } else { f64::from(u8::from(second)) };
    r[FIELD] = pick(
        rng.uniform(),
        match department as usize {
            0 => &[0.04, 0.46, 0.04, 0.12, 0.28, 0.06],
            1 => &[0.66, 0.08, 0.08, 0.04, 0.06, 0.08],
            2 => &[0.34, 0.02, 0.42, 0.08, 0.04, 0.10],
            3 => &[0.18, 0.22, 0.08, 0.22, 0.20, 0.10],
            _ => &[0.42, 0.08, 0.22, 0.10, 0.08, 0.10],
        },
    );
    let (performance, mood) = (rng.normal(), rng.normal());
    let rating = grade(performance, &[-1.6, -0.4, 0.9]);
    r[PERFORMANCE] = rating;
    let premium = [0.10, 0.02, -0.05, -0.08, 0.0][department as usize] + if manages { 0.08 } else { 0.0 };
    let pay = premium + 0.004 * (working - 12.0) + 0.17 * rng.normal();
    r[INCOME] = (level_income(level) * float::exp(pay)).round().clamp(1500.0, 30_000.0);
    r[HIKE] = (5.0 + 3.0 * rating + 4.0 * rng.normal()).round().clamp(0.0, 25.0);
    r[STOCK] = pick(rng.uniform(), &[1.0, 0.35 + 0.25 * level, 0.1 * level, 0.06 * level]);
    r[TRAVEL] = pick(
        rng.uniform(),
        match department as usize {
            0 | 2 => &[0.45, 0.45, 0.10],
            1 | 3 => &[0.40, 0.46, 0.14],
            _ => &[0.12, 0.48, 0.40],
        },
    );
    r[OVERTIME] = f64::from(u8::from(rng.uniform() < 0.24 + 0.03 * level));
    r[DISTANCE] = (1.0 - 13.0 * float::ln_1p(-rng.uniform())).floor().min(60.0);
    let desk = [0.6, 0.5, 0.4, -0.9, -0.2][department as usize];
    r[REMOTE] = (1.5 + 1.5 * (desk + rng.normal())).round().clamp(0.0, 5.0);
    r[TRAINING] = (2.7 + 1.3 * rng.normal()).round().clamp(0.0, 6.0);

    // What the person says of it.
    let mut answer = |cuts: &[f64; 3]| grade(0.5 * mood + 0.866 * rng.normal(), cuts);
    r[ENVIRONMENT] = answer(&[-0.95, -0.25, 0.55]);
    r[JOB_SATISFACTION] = answer(&[-0.95, -0.30, 0.50]);
    r[RELATIONSHIP] = answer(&[-1.00, -0.30, 0.45]);
    r[BALANCE] = answer(&[-1.20, -0.40, 0.90]);
    r[INVOLVEMENT] = answer(&[-1.40, -0.50, 1.10]);
    let engagement = 60.0 + 8.0 * mood + 4.0 * performance + 14.0 * rng.normal();
    r[ENGAGEMENT] = (engagement.clamp(0.0, 100.0) * 10.0).round() / 10.0;
    r
}

fn square(x: f64) -> f64 {
    x * x
}
fn when(condition: bool, effect: f64) -> f64 {
    if condition { effect } else { 0.0 }
}

/// The true log-odds of leaving, a function of the recorded columns alone.
pub(super) fn log_odds(r: &Row) -> f64 {
    let overtime = r[OVERTIME] == 1.0;
    let often = r[TRAVEL] == 2.0;
    let married = r[MARITAL] == 1.0;
    let pay = float::ln(r[INCOME].max(1.0) / level_income(r[LEVEL]));
    let tenure = r[TENURE];
    let mut z = INTERCEPT;
    // U-shapes: the young and those near retirement; the disengaged and the over-engaged; training.
    z += 0.6 * square((r[AGE] - 45.0) / 14.0).min(4.0);
    z += 0.25 * square((r[ENGAGEMENT] - 68.0) / 20.0).min(6.0);
    z += 0.07 * square(r[TRAINING] - 3.0);
    // Saturations: the first years, pay against the level's, distance, job hopping.
    z += 1.4 * float::exp(-tenure / 2.0);
    z += -1.2 * saturate(pay / 0.15);
    z += 1.0 * saturate(r[COMPANIES] / (1.0 + r[WORKING_YEARS]) / 0.3);
    // Distance counts for the days on site only (interaction).
    z += 1.3 * (1.0 - float::exp(-r[DISTANCE] / 12.0)) * (1.0 - r[REMOTE] / 5.0);
    // Thresholds: an answer of 1, no share in the firm, a promotion long overdue, which a high level does not feel
    // (interaction).
    z += when(r[JOB_SATISFACTION] == 1.0, 0.8) + when(r[ENVIRONMENT] == 1.0, 0.6) + when(r[RELATIONSHIP] == 1.0, 0.4);
    z += when(r[INVOLVEMENT] == 1.0, 1.0);
    z += [0.6, -0.2, -0.4, 0.0][r[STOCK].clamp(0.0, 3.0) as usize];
    z += when(r[PROMOTION_YEARS] >= 5.0 && r[LEVEL] <= 3.0, 0.9);
    // Overtime hurts where the balance is bad already (interaction).
    z += when(overtime, if r[BALANCE] <= 2.0 { 1.9 } else { 0.7 });
    // Frequent travel drives the married away (interaction).
    z += when(often, if married { 1.3 } else { 0.1 });
    // The best leave after a poor raise, the weakest after none (interaction).
    z += when(r[PERFORMANCE] == 4.0 && r[HIKE] < 16.0, 1.2);
    z += when(r[PERFORMANCE] == 1.0 && r[HIKE] >= 8.0, -0.5);
    // The unhappy leave a new manager (interaction).
    z += when(r[JOB_SATISFACTION] <= 2.0 && r[MANAGER_YEARS] <= 1.0 && tenure >= 2.0, 0.8);
    // Roles.
    z += ROLE_EFFECTS.get(r[ROLE] as usize).copied().unwrap_or(0.0);
    z
}

const INTERCEPT: f64 = -5.88;
const ROLE_EFFECTS: [f64; 15] = [0.2, 0.3, -0.2, -0.2, 0.1, -0.4, 0.5, 0.0, -0.2, 0.4, 0.0, -0.3, 0.7, 0.1, -0.1];

/// x / (1 + |x|): rises like x near 0 and ends at ±1.
fn saturate(x: f64) -> f64 {
    x / (1.0 + x.abs())
}

#[cfg(test)]
mod tests;
