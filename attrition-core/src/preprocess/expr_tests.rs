use proptest::prelude::*;

use super::*;
use crate::table::{Column, Table, Values};

/// One row a value: Age, Pay, Years (with gaps), Remote, Site, Hired.
fn table() -> Table {
    let day = |text: &str| parse_time(text).unwrap();
    Table::new(vec![
        Column::float("Age", vec![25.0, 30.0, f64::NAN, 61.5]),
        Column::float("Monthly pay", vec![1000.0, 2500.0, 4000.0, 0.0]),
        Column::int("Years", vec![0, 4, 8, 40]),
        Column::bool("Remote", vec![true, false, true, false]),
        Column::strings("Site", [Some("Oslo"), None, Some("Rome"), Some("Oslo")]),
        Column::new(
            "Hired",
            Values::Time(
                vec![day("2000-02-29"), day("2023-12-31"), day("1969-07-20T20:17:40Z"), day("2026-01-01")].into(),
                None,
            ),
        )
        .unwrap(),
        Column::int("Left", vec![0, 1, 0, 1]),
        Column::strings("Gender", [Some("f"), Some("m"), Some("f"), Some("m")]),
    ])
    .unwrap()
}

fn schema() -> Schema {
    let mut schema = Schema::infer(&table()).unwrap();
    for name in ["Age", "Monthly pay", "Years", "Remote", "Site", "Hired"] {
        schema = schema.role(name, Role::Feature).unwrap();
    }
    let mut schema = schema.target("Left", 1).unwrap().sensitive(["Gender"]).unwrap();
    schema.learn(&table(), &[0, 1, 2, 3]).unwrap();
    schema
}

fn slots() -> Block {
    let (table, schema) = (table(), schema());
    let bound = schema.bind(&table).unwrap();
    let mut block = Block::default();
    block.reset(bound.n_slots(), 4);
    for slot in 0..bound.n_slots() {
        bound.fill(slot, 0..4, block.column_mut(slot)).unwrap();
    }
    block
}

fn bound(text: &str) -> Result<BoundExpr> {
    Expr::parse(text)?.bind("x", &schema())
}

fn values(text: &str) -> Vec<f64> {
    let mut out = vec![0.0; 4];
    bound(text).unwrap_or_else(|e| panic!("{text}: {e}")).eval(&slots(), &mut out);
    out
}

const GAP: f64 = f64::NAN;

#[test]
fn values_are_those_computed_by_hand() {
    let cases: &[(&str, [f64; 4])] = &[
        ("1 + 2 * 3 - 4 / 2", [5.0; 4]),
        ("(1 + 2) * -3", [-9.0; 4]),
        ("2 - 3 - 4", [-5.0; 4]),
        ("12 / 3 / 2", [2.0; 4]),
        ("--Years", [0.0, 4.0, 8.0, 40.0]),
        ("1.5e2 + .5", [150.5; 4]),
        ("Age + 1", [26.0, 31.0, GAP, 62.5]),
        ("`Monthly pay` / (Years + 1)", [1000.0, 500.0, 4000.0 / 9.0, 0.0]),
        ("Age > 28", [0.0, 1.0, GAP, 1.0]),
        ("Age > 28 and Remote", [0.0, 0.0, GAP, 0.0]),
        ("Age > 28 or Remote", [1.0, 1.0, 1.0, 1.0]),
        ("not Remote", [0.0, 1.0, 0.0, 1.0]),
        ("not not Remote or false", [1.0, 0.0, 1.0, 0.0]),
        ("Remote + Remote", [2.0, 0.0, 2.0, 0.0]),
        ("1 + 1 == 2 and 2 <= 2 and 3 != 2 and 1 < 2 and 2 >= 2", [1.0; 4]),
        ("Site == \"Oslo\"", [1.0, GAP, 0.0, 1.0]),
        ("'Oslo' != Site", [0.0, GAP, 1.0, 0.0]),
        ("Site == \"Nowhere\"", [0.0, GAP, 0.0, 0.0]),
        ("is_missing(Site) or is_missing(Age)", [0.0, 1.0, 1.0, 0.0]),
        ("coalesce(Age, Years, 7)", [25.0, 30.0, 8.0, 61.5]),
        ("if(Remote, Years, -Years)", [0.0, -4.0, 8.0, -40.0]),
        ("if(Age < 28, 1, 2)", [1.0, 2.0, GAP, 2.0]),
        ("if(Years == 0, 0, 1 / Years)", [0.0, 0.25, 0.125, 0.025]),
        ("ratio(8, Years)", [GAP, 2.0, 1.0, 0.2]),
        ("ratio(8, Years, -1)", [-1.0, 2.0, 1.0, 0.2]),
        ("min(Age, Years, 10)", [0.0, 4.0, GAP, 10.0]),
        ("max(Years, 5)", [5.0, 5.0, 8.0, 40.0]),
        ("abs(-3) + sqrt(16) + round(2.5) + floor(1.9) + ceil(1.1)", [3.0 + 4.0 + 3.0 + 1.0 + 2.0; 4]),
        ("exp(0) + log(1) + log1p(0)", [1.0; 4]),
        ("year(Hired)", [2000.0, 2023.0, 1969.0, 2026.0]),
        ("quarter(Hired)", [1.0, 4.0, 3.0, 1.0]),
        ("month(Hired)", [2.0, 12.0, 7.0, 1.0]),
        ("day(Hired)", [29.0, 31.0, 20.0, 1.0]),
        ("weekday(Hired)", [2.0, 7.0, 7.0, 4.0]),
        ("day_of_year(Hired)", [60.0, 365.0, 201.0, 1.0]),
        ("floor(days(Hired, date('2026-01-02')))", [9439.0, 733.0, 20619.0, 1.0]),
        ("date('2026-01-02') - Hired == days(Hired, date(\"2026-01-02\"))", [1.0; 4]),
        ("Hired < date('2001-01-01')", [1.0, 0.0, 1.0, 0.0]),
        ("floor(years(Hired, date('2026-03-01')))", [26.0, 2.0, 56.0, 0.0]),
        ("band(Age, 25, 30, 61.5)", [1.0, 2.0, 4.0, 3.0]),
    ];
    for (text, expected) in cases {
        let got = values(text);
        let same = got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12 || (a.is_nan() && b.is_nan()));
        assert!(same, "{text}: {got:?}, not {expected:?}");
    }
    let DerivedKind::Category { labels } = bound("band(Age, 25, 30, 61.5)").unwrap().kind().clone() else {
        panic!("a band is a category")
    };
    assert_eq!(labels, ["<25", "25-30", "30-61.5", ">=61.5", "(missing)"]);
}

#[test]
fn and_and_or_are_three_valued() {
    let truth = [("true", 1.0), ("false", 0.0), ("Age > 0", GAP)];
    // Row 2 has no age.
    for (a, x) in truth {
        for (b, y) in truth {
            let and = if x == 0.0 || y == 0.0 {
                0.0
            } else if x.is_nan() || y.is_nan() {
                GAP
            } else {
                1.0
            };
            let or = if x == 1.0 || y == 1.0 {
                1.0
            } else if x.is_nan() || y.is_nan() {
                GAP
            } else {
                0.0
            };
            let at = |text: String| values(&text)[2];
            assert_eq!(at(format!("{a} and {b}")).to_bits(), and.to_bits(), "{a} and {b}");
            assert_eq!(at(format!("{a} or {b}")).to_bits(), or.to_bits(), "{a} or {b}");
        }
    }
}

#[test]
fn errors_point_at_the_character() {
    let cases = [
        ("", 1, "a value"),
        ("Age +", 6, "a value"),
        ("Age + * 2", 7, "`*`"),
        ("(Age", 5, "`)`"),
        ("Age)", 4, "a sign of arithmetic"),
        ("Age 2", 5, "the number 2"),
        ("Age = 2", 5, "compare by =="),
        ("Ålder # 2", 7, "`#`"),
        ("'open", 1, "not closed"),
        ("1.2.3", 1, "a number"),
        ("1 < 2 < 3", 7, "join two by `and`"),
        ("sqr(4)", 1, "did you mean `sqrt`"),
        ("ratio(1)", 1, "2 to 3 of them"),
        ("if(true, 1)", 1, "3 of them"),
        ("2 * Aged", 5, "did you mean `Age`"),
        ("Left + 1", 1, "the role `target`"),
        ("1 + is_missing(Gender)", 16, "never an input"),
        ("Site + 1", 1, "a category"),
        ("Site < \"b\"", 6, "== or != with a text"),
        ("Site == 3", 6, "in quotes"),
        ("\"a\" == \"b\"", 1, "a text"),
        ("1 + Hired", 5, "an instant"),
        ("Hired", 1, "an instant as the result"),
        ("Hired > 3", 7, "an instant beside a number"),
        ("year(Age)", 6, "an instant"),
        ("date('soon')", 1, "a date that is none"),
        ("1 + band(Age, 3)", 5, "as the whole of it"),
        ("band(Age, 3, 2)", 14, "above the one before"),
        ("not Age", 5, "a truth value"),
        ("coalesce(Hired, 3)", 17, "values of one type"),
    ];
    for (text, at, words) in cases {
        let e = bound(text).unwrap_err().to_string();
        assert!(e.contains(&format!("at character {at} of `{text}`")) && e.contains(words), "{text}: {e}");
    }
}

#[test]
fn what_cannot_be_computed_is_named_and_missing_otherwise() {
    for (text, row, words) in [
        ("1 / Years", 0, "division by zero at character 3"),
        ("log(Years)", 0, "logarithm of what is not positive at character 1"),
        ("2 + log1p(-`Monthly pay`)", 0, "at character 5"),
        ("sqrt(20 - Years)", 3, "root of a negative number"),
        ("exp(Years * 100)", 2, "too large"),
    ] {
        let program = bound(text).unwrap();
        let failure = program.first_failure(&slots()).unwrap_or_else(|| panic!("{text} does not fail"));
        assert_eq!(failure.row, row, "{text}");
        let e = failure.into_error("x", &Expr::parse(text).unwrap(), Some(17)).to_string();
        assert!(e.contains(words) && e.contains("row 17") && e.contains("column `x`"), "{e}");
        assert!(values(text)[row].is_nan(), "{text}");
    }
    // A gap is no failure, nor is a guard, nor the part of an `if` that is not taken.
    for text in ["Age + 1", "ratio(1, Years)", "if(Years == 0, 0, 1 / Years)", "coalesce(1 / Years, 0)"] {
        assert_eq!(bound(text).unwrap().first_failure(&slots()), None, "{text}");
    }
}

#[test]
fn an_expression_is_its_text() {
    let text = " Age/( Years+1 ) ";
    let e = Expr::parse(text).unwrap();
    let json = serde_json::to_string(&e).unwrap();
    assert_eq!(json, format!("\"{text}\""));
    let back: Expr = serde_json::from_str(&json).unwrap();
    assert_eq!(back, e);
    assert_eq!(back.columns(), ["Age", "Years"]);
    let e = serde_json::from_str::<Expr>("\"Age +\"").unwrap_err().to_string();
    assert!(e.contains("at character 6"), "{e}");
}

#[test]
fn the_hr_set_is_what_its_names_say() {
    let Some(folder) = crate::testing::folder() else { return };
    let table = Table::read_csv(folder.join("data/ibm_hr_attrition.csv")).unwrap();
    let schema = Schema::infer(&table).unwrap().target("Attrition", "Yes").unwrap();
    let set = super::super::hr(&schema).unwrap();
    assert_eq!((set.features.len(), set.skipped.len()), (5, 0));
    let bound_table = schema.bind(&table).unwrap();
    let mut block = Block::default();
    block.reset(bound_table.n_slots(), table.n_rows());
    for slot in 0..bound_table.n_slots() {
        bound_table.fill(slot, 0..table.n_rows(), block.column_mut(slot)).unwrap();
    }
    let number = |name: &str, row: usize| table.column(name).unwrap().get(row).as_f64().unwrap();
    for f in set.features {
        let program = f.expression.bind(&f.name, &schema).unwrap();
        assert_eq!(program.first_failure(&block), None);
        let mut out = vec![0.0; table.n_rows()];
        program.eval(&block, &mut out);
        for (row, got) in out.into_iter().enumerate() {
            let n = |name: &str| number(name, row);
            let expected = match f.name.as_str() {
                "AgeAtJoining" => n("Age") - n("YearsAtCompany"),
                "TenureRatio" if n("TotalWorkingYears") == 0.0 => 0.0,
                "TenureRatio" => n("YearsAtCompany") / n("TotalWorkingYears"),
                "IncomePerYearOfExperience" => n("MonthlyIncome") / (n("TotalWorkingYears") + 1.0),
                "AgeGroup" => [25.0, 35.0, 45.0, 55.0].iter().filter(|c| n("Age") >= **c).count() as f64,
                "TimeSincePromotionRatio" => n("YearsSinceLastPromotion") / (n("YearsAtCompany") + 1.0),
                other => panic!("{other}"),
            };
            assert_eq!(got, expected, "{} of row {row}", f.name);
        }
    }
    let set = super::super::hr(&schema.exclude(["Age", "YearsAtCompany"]).unwrap()).unwrap();
    assert_eq!(set.features.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["IncomePerYearOfExperience"]);
    assert_eq!(set.skipped[0], ("AgeAtJoining".to_owned(), vec!["Age".to_owned(), "YearsAtCompany".to_owned()]));
}

#[test]
fn nothing_overflows_a_stack() {
    for text in [
        "(".repeat(3000),
        "-".repeat(900) + "1",
        "not ".repeat(900) + "true",
        "1+".repeat(499) + "1",
        "max(1,".repeat(60) + "1" + &")".repeat(60),
        "max(".to_owned() + &"1,".repeat(31) + "max(" + &"1,".repeat(31) + "max(" + &"1,".repeat(31) + "1)))",
        "x".repeat(5000),
    ] {
        let _ = bound(&text).map(|p| p.eval(&slots(), &mut [0.0; 4]));
    }
}

fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "Age",
        "Years",
        "Site",
        "Hired",
        "Remote",
        "1",
        "2.5",
        "'Oslo'",
        "+",
        "-",
        "*",
        "/",
        "(",
        ")",
        ",",
        "<",
        "==",
        "!=",
        "and",
        "or",
        "not",
        "true",
        "if(",
        "ratio(",
        "coalesce(",
        "max(",
        "band(",
        "year(",
        "date('2020-01-01')",
        "is_missing(",
        "sqrt(",
        "log(",
        "exp(",
        "round(",
        "days(",
        "`Monthly pay`",
        "`",
        "\"",
        "=",
        "é",
    ])
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}") {
        let _ = bound(&text);
    }

    #[test]
    fn no_tokens_make_it_panic_and_rows_do_not_see_each_other(tokens in prop::collection::vec(token(), 1..16)) {
        let text = tokens.join(" ");
        if let Ok(program) = bound(&text) {
            let (block, mut whole) = (slots(), [0.0; 4]);
            program.eval(&block, &mut whole);
            for row in 0..4 {
                prop_assert!(!whole[row].is_infinite());
                let mut lone = Block::default();
                lone.reset(block.n_columns(), 1);
                (0..block.n_columns()).for_each(|c| lone.column_mut(c)[0] = block.column(c)[row]);
                let mut one = [0.0];
                program.eval(&lone, &mut one);
                prop_assert_eq!(one[0].to_bits(), whole[row].to_bits());
            }
        }
    }
}
