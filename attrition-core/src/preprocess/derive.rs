//! The built-in features of HR tables.

use super::Expr;
use crate::Result;
use crate::schema::{FieldKind, Role, Schema};

/// A derived feature.
#[derive(Debug, Clone, PartialEq)]
pub struct Derive {
    /// Its name.
    pub name: String,
    /// What it is computed by.
    pub expression: Expr,
}

/// The built-in features as far as a table has their columns.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hr {
    /// Those that can be derived.
    pub features: Vec<Derive>,
    /// Those that cannot, with the columns that are not there as numbers.
    pub skipped: Vec<(String, Vec<String>)>,
}

/// Name and expression of each: age at joining, share of the working life spent here, income per year of experience, age
/// group, time since promotion against tenure.
const FEATURES: [(&str, &str); 5] = [
    ("AgeAtJoining", "Age - YearsAtCompany"),
    ("TenureRatio", "ratio(YearsAtCompany, TotalWorkingYears, 0)"),
    ("IncomePerYearOfExperience", "MonthlyIncome / (TotalWorkingYears + 1)"),
    ("AgeGroup", "band(Age, 25, 35, 45, 55)"),
    ("TimeSincePromotionRatio", "YearsSinceLastPromotion / (YearsAtCompany + 1)"),
];

/// The built-in features for a schema.
///
/// | name | expression |
/// |---|---|
/// | `AgeAtJoining` | `Age - YearsAtCompany` |
/// | `TenureRatio` | `ratio(YearsAtCompany, TotalWorkingYears, 0)` |
/// | `IncomePerYearOfExperience` | `MonthlyIncome / (TotalWorkingYears + 1)` |
/// | `AgeGroup` | `band(Age, 25, 35, 45, 55)` |
/// | `TimeSincePromotionRatio` | `YearsSinceLastPromotion / (YearsAtCompany + 1)` |
///
/// A feature is left out where the table has a column of its name.
///
/// # Errors
/// None of its own: the expressions are fixed.
pub fn hr(schema: &Schema) -> Result<Hr> {
    let mut set = Hr::default();
    for (name, text) in FEATURES {
        let expression = Expr::parse(text)?;
        let is_there =
            |column: &&str| schema.get(column).is_some_and(|f| f.kind == FieldKind::Number && f.role == Role::Feature);
        let missing: Vec<String> =
            expression.columns().into_iter().filter(|c| !is_there(c)).map(str::to_owned).collect();
        if !missing.is_empty() {
            set.skipped.push((name.to_owned(), missing));
        } else if schema.get(name).is_none() {
            set.features.push(Derive { name: name.to_owned(), expression });
        }
    }
    Ok(set)
}
