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
        ("----Remote", [1.0, 0.0, 1.0, 0.0]),
        ("---Years", [0.0, -4.0, -8.0, -40.0]),
        ("not not not Remote", [0.0, 1.0, 0.0, 1.0]),
        ("not (Age > 28)", [1.0, 0.0, GAP, 0.0]),
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
        ("1e999", 1, "a number"),
        ("Age % 2", 5, "`%`"),
        ("Age && Remote", 5, "write `and`"),
        ("Site == “Oslo”", 9, "straight quotes"),
        ("Monthly pay", 9, "between backquotes"),
        ("Age + and", 7, "before and after it"),
        ("max(Age, )", 10, "`)`"),
        ("max(Age 1)", 9, "the number 1"),
        ("1 < 2 < 3", 7, "join two by `and`"),
        ("sqr(4)", 1, "did you mean `sqrt`"),
        ("ratio(1)", 1, "2 to 3 of them"),
        ("if(true, 1)", 1, "3 of them"),
        ("2 * Aged", 5, "did you mean `Age`"),
        ("'𝄞é' == Sit", 9, "did you mean `Site`"),
        ("2 * Salary", 5, "a column of the table: Age, Monthly pay, Years"),
        ("Left + 1", 1, "the role `target`"),
        ("1 + is_missing(Gender)", 16, "never an input"),
        ("Site + 1", 1, "a category"),
        ("Site < \"b\"", 6, "== or != with a text"),
        ("Site == 3", 6, "write Site == \"3\""),
        ("Site == Site", 6, "with the category `Site`"),
        ("'Oslo' > Site", 8, "== or != with a text"),
        ("2 * abs(Site)", 9, "`Site`, a category"),
        ("Age == \"30\"", 8, "the text \"30\" beside `Age`, a number"),
        ("\"yes\" != Remote", 1, "compared with true or false"),
        ("Hired < \"2020-01-01\"", 9, "write an instant as date(\"2020-01-01\")"),
        ("abs('a')", 5, "a text"),
        ("\"a\" == \"b\"", 1, "a text"),
        ("1 + Hired", 5, "`Hired`, an instant"),
        ("-Hired", 2, "`Hired`, an instant"),
        ("sqrt(Hired)", 6, "`Hired`, an instant"),
        ("date('2026-01-01') - 1", 1, "an instant"),
        ("Hired", 1, "`Hired`, an instant as the result"),
        ("max(Hired, date('2026-01-01'))", 1, "an instant as the result"),
        ("Hired > 3", 7, "`Hired`, an instant beside a number"),
        ("year(Age)", 6, "`Age`, a number"),
        ("days(Hired, 3)", 13, "an instant"),
        ("date('soon')", 6, "what is no date"),
        ("1 + date( '2026-02-30')", 11, "what is no date"),
        ("date(Age)", 6, "what is no date"),
        ("1 + band(Age, 3)", 5, "as the whole of it"),
        ("band(Age, 3, 2)", 14, "the cut 2 after 3"),
        ("band(Age, -1, 0, 0)", 18, "the cut 0 after 0"),
        ("band(Age, 3, Years)", 14, "a cut that is no number"),
        ("band(Age)", 1, "2 to 32 of them"),
        ("band(Site, 3)", 6, "a category"),
        ("band(Hired, 3)", 6, "`Hired`, an instant"),
        ("not Age", 5, "`Age`, a number"),
        ("Remote and Age", 12, "compare it, as x > 0"),
        ("if(Age, 1, 2)", 4, "a truth value"),
        ("if(Remote, Hired, 2)", 19, "values of one type"),
        ("coalesce(Hired, 3)", 17, "values of one type"),
    ];
    for (text, at, words) in cases {
        let e = bound(text).unwrap_err().to_string();
        assert!(e.contains(&format!("at character {at} of `{text}`")) && e.contains(words), "{text}: {e}");
    }
}

#[test]
fn an_error_shows_what_is_around_its_character() {
    let text = "1 + ".repeat(200) + "Agd" + &" + 1".repeat(40);
    let e = bound(&text).unwrap_err().to_string();
    assert!(e.contains("got `Agd`, which is no column at character 801 of `…1 + 1") && e.contains("+ Agd + 1"), "{e}");
    assert!(e.len() < 400, "{e}");
}

#[test]
fn what_is_too_large_is_refused_where_it_is() {
    for (text, at, words) in [
        ("x".repeat(5000), 4097, "at most 4096 characters"),
        ("1+".repeat(501) + "1", 1001, "more than 1000 pieces"),
        ("(".repeat(65) + "1" + &")".repeat(65), 65, "more than 64 levels"),
        ("max(".to_owned() + &"1,".repeat(32) + "1)", 1, "2 to 32 of them"),
        (("max(".to_owned() + &"1,".repeat(31)).repeat(3) + "1)))", 141, "more than 64 values"),
    ] {
        let e = bound(&text).unwrap_err().to_string();
        assert!(e.contains(&format!("at character {at} of `")) && e.contains(words), "{e}");
    }
    for text in ["(".repeat(63) + "1" + &")".repeat(63), "1+".repeat(499) + "1"] {
        assert!(bound(&text).is_ok(), "{text}");
    }
}

#[test]
fn names_are_written_as_they_can_be_read() {
    for (name, expected) in [
        ("Age", "Age"),
        ("_år2", "_år2"),
        ("Monthly pay", "`Monthly pay`"),
        ("2nd", "`2nd`"),
        ("or", "`or`"),
        ("", "``"),
    ] {
        assert_eq!(written(name), expected);
        assert_eq!(Expr::parse(expected).unwrap().columns(), [name]);
    }
}

#[test]
fn slots_are_those_of_the_columns_it_reads() {
    let program = bound("if(Site == 'Oslo', `Monthly pay`, Age) + Age").unwrap();
    assert_eq!(program.slots(), [0, 1, 4]);
    assert_eq!(*program.kind(), DerivedKind::Number);
    assert_eq!(*bound("Site == 'Oslo'").unwrap().kind(), DerivedKind::Bool);
    assert_eq!(*bound("if(Remote, true, Age > 3)").unwrap().kind(), DerivedKind::Bool);
    assert_eq!(*bound("--Remote").unwrap().kind(), DerivedKind::Number);
    assert_eq!(*bound("if(Remote, true, Age)").unwrap().kind(), DerivedKind::Number);
}

#[test]
fn an_unseen_level_equals_no_text_and_is_no_gap() {
    let mut block = slots();
    block.column_mut(4).fill(-1.0);
    for (text, expected) in
        [("Site == 'Oslo'", 0.0), ("Site == 'x'", 0.0), ("Site != 'x'", 1.0), ("is_missing(Site)", 0.0)]
    {
        let mut out = [GAP; 4];
        bound(text).unwrap().eval(&block, &mut out);
        assert_eq!(out, [expected; 4], "{text}");
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
        ("1e300 * 1e300", 0, "too large at character 7"),
        // Handed on, also by the part of an `if` that is taken where the other one has a gap.
        ("abs(-(3 / Years)) > 2 and true", 0, "division by zero at character 9"),
        ("if(is_missing(Age), 1 / (Years - 8), Age)", 2, "division by zero at character 23"),
        ("if(1 / Years > 0, 1, 2)", 0, "division by zero at character 6"),
        ("ratio(1 / Years, 1, 0)", 0, "division by zero at character 9"),
    ] {
        let program = bound(text).unwrap();
        let failure = program.first_failure(&slots()).unwrap_or_else(|| panic!("{text} does not fail"));
        assert_eq!(failure.row, row, "{text}");
        let e = failure.into_error("x", &Expr::parse(text).unwrap(), Some(17)).to_string();
        assert!(e.contains(words) && e.contains("row 17") && e.contains("column `x`"), "{e}");
        assert!(values(text)[row].is_nan(), "{text}");
    }
    // A gap is no failure, nor is a guard, nor the part of an `if` that is not taken.
    // Where a gap makes the value missing anyway, nothing else is to blame. Row 2 has no age, and 8 years.
    for text in [
        "Age + 1",
        "ratio(1, Years)",
        "ratio(1, Years, Age)",
        "if(Years == 0, 0, 1 / Years)",
        "if(Years == 8, Age, 1 / (Years - 8))",
        "if(Age > 0, 1, 1 / (Years - 8))",
        "1 / (Years - 8) + Age",
        "coalesce(1 / Years, 0)",
        "is_missing(1 / Years)",
        "false and 1 / Years > 2",
        "band(Age, 3)",
    ] {
        assert_eq!(bound(text).unwrap().first_failure(&slots()), None, "{text}");
    }
    // A band has its own place for gaps, and a failure is none in training.
    let program = bound("band(1 / Years, 0.1, 0.2)").unwrap();
    assert_eq!(program.first_failure(&slots()).map(|f| (f.row, f.at, f.what)), Some((0, 7, DIVISION)));
    assert_eq!(values("band(1 / Years, 0.1, 0.2)"), [3.0, 2.0, 1.0, 0.0]);
    assert_eq!((part(Part::Year, 1e9), part(Part::Day, -1e300)), (Err(CALENDAR), Err(CALENDAR)));
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

/// Each built-in feature of each row beside the same from the table's cells; how many of the values are missing.
fn hr_beside_the_cells(table: &Table, schema: &Schema) -> usize {
    let set = super::super::hr(schema).unwrap();
    assert_eq!((set.features.len(), set.skipped.len()), (5, 0));
    let bound_table = schema.bind(table).unwrap();
    let mut block = Block::default();
    block.reset(bound_table.n_slots(), table.n_rows());
    for slot in 0..bound_table.n_slots() {
        bound_table.fill(slot, 0..table.n_rows(), block.column_mut(slot)).unwrap();
    }
    let mut n_missing = 0;
    for f in set.features {
        let program = f.expression.bind(&f.name, schema).unwrap();
        assert_eq!(program.first_failure(&block), None);
        let mut out = vec![0.0; table.n_rows()];
        program.eval(&block, &mut out);
        for (row, got) in out.into_iter().enumerate() {
            let n = |name: &str| table.column(name).unwrap().get(row).as_f64();
            let of_two = |a: &str, b: &str, f: &dyn Fn(f64, f64) -> f64| n(a).zip(n(b)).map(|(a, b)| f(a, b));
            let expected = match f.name.as_str() {
                "AgeAtJoining" => of_two("Age", "YearsAtCompany", &|a, b| a - b),
                "TenureRatio" => {
                    of_two("YearsAtCompany", "TotalWorkingYears", &|a, b| if b == 0.0 { 0.0 } else { a / b })
                }
                "IncomePerYearOfExperience" => of_two("MonthlyIncome", "TotalWorkingYears", &|a, b| a / (b + 1.0)),
                "AgeGroup" => Some(match n("Age") {
                    None => 5.0,
                    Some(age) => [25.0, 35.0, 45.0, 55.0].iter().filter(|c| age >= **c).count() as f64,
                }),
                "TimeSincePromotionRatio" => of_two("YearsSinceLastPromotion", "YearsAtCompany", &|a, b| a / (b + 1.0)),
                other => panic!("{other}"),
            };
            n_missing += usize::from(expected.is_none());
            let same = expected.map_or(got.is_nan(), |x| x == got);
            assert!(same, "{} of row {row}: {got}, not {expected:?}", f.name);
        }
    }
    n_missing
}

#[test]
fn the_hr_set_is_what_its_names_say() {
    let missing = crate::datasets::Missing { rate: 0.1, columns: Vec::new(), mechanism: Default::default() };
    let options = crate::datasets::EmployeeOptions { n_rows: 500, missing: Some(missing), ..Default::default() };
    let table = options.generate(&crate::Run::new()).unwrap();
    let schema = Schema::infer(&table).unwrap().target("Attrition", "Yes").unwrap();
    assert!(hr_beside_the_cells(&table, &schema) > 100);
    let Some(folder) = crate::testing::folder() else { return };
    let table = Table::read_csv(folder.join("data/ibm_hr_attrition.csv")).unwrap();
    let schema = Schema::infer(&table).unwrap().target("Attrition", "Yes").unwrap();
    assert_eq!(hr_beside_the_cells(&table, &schema), 0);
    let set = super::super::hr(&schema.exclude(["Age", "YearsAtCompany"]).unwrap()).unwrap();
    assert_eq!(set.features.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), ["IncomePerYearOfExperience"]);
    assert_eq!(set.skipped[0], ("AgeAtJoining".to_owned(), vec!["Age".to_owned(), "YearsAtCompany".to_owned()]));
}

#[test]
fn nothing_overflows_a_stack() {
    // The deepest trees there are, on a quarter of the stack that a thread has by default.
    let texts = [
        "(".repeat(3000),
        "-".repeat(900) + "1",
        "not ".repeat(900) + "true",
        "1+".repeat(499) + "1",
        ("-".repeat(13) + "(").repeat(63) + "Age" + &")".repeat(63),
        ("not ".repeat(13) + "(").repeat(63) + "Remote" + &")".repeat(63),
        "--(".repeat(63) + &"1+".repeat(370) + "Age" + &")".repeat(63),
        "max(1,".repeat(60) + "1" + &")".repeat(60),
        "if(true,1,".repeat(30) + "1" + &")".repeat(30),
    ];
    let on_little = std::thread::Builder::new().stack_size(512 * 1024).spawn(move || {
        let read = texts.iter().filter_map(|t| Expr::parse(t).ok()).filter_map(|e| e.clone().bind("x", &schema()).ok());
        read.map(|p| p.eval(&slots(), &mut [0.0; 4])).count()
    });
    assert_eq!(on_little.unwrap().join().unwrap(), 8);
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

/// A tree of numbers or of truth values, written with no bracket more than the ranks of the signs ask for.
#[derive(Debug, Clone)]
enum Tree {
    Number(f64),
    Truth(bool),
    /// The column, and its value in the row.
    Column(&'static str, Option<f64>),
    One(&'static str, Box<Tree>),
    Two(Box<Tree>, &'static str, Box<Tree>),
}

impl Tree {
    fn rank(&self) -> u8 {
        match self {
            Tree::Two(_, "or", _) => 1,
            Tree::Two(_, "and", _) => 2,
            Tree::One("not", _) => 3,
            Tree::Two(_, "+" | "-", _) => 5,
            Tree::Two(_, "*" | "/", _) => 6,
            Tree::Two(..) => 4,
            Tree::One(..) => 7,
            _ => 8,
        }
    }

    fn write(&self) -> String {
        let inner = |tree: &Tree, least: u8| {
            if tree.rank() < least { format!("({})", tree.write()) } else { tree.write() }
        };
        let rank = self.rank();
        match self {
            Tree::Number(x) => x.to_string(),
            Tree::Truth(t) => t.to_string(),
            Tree::Column(name, _) => (*name).to_string(),
            Tree::One(sign, a) => format!("{sign} {}", inner(a, rank)),
            Tree::Two(a, sign, b) => format!("{} {sign} {}", inner(a, rank + u8::from(rank == 4)), inner(b, rank + 1)),
        }
    }

    /// Kleene's logic over `Option`; truth values are 0 and 1.
    fn value(&self) -> Option<f64> {
        let truth = |t: bool| Some(f64::from(u8::from(t)));
        match self {
            Tree::Number(x) => Some(*x),
            Tree::Truth(t) => truth(*t),
            Tree::Column(_, x) => *x,
            Tree::One("not", a) => a.value().and_then(|x| truth(x == 0.0)),
            Tree::One(_, a) => a.value().map(|x| -x),
            Tree::Two(a, "and", b) => match (a.value(), b.value()) {
                (Some(0.0), _) | (_, Some(0.0)) => truth(false),
                (Some(_), Some(_)) => truth(true),
                _ => None,
            },
            Tree::Two(a, "or", b) => match (a.value(), b.value()) {
                (Some(x), _) if x != 0.0 => truth(true),
                (_, Some(x)) if x != 0.0 => truth(true),
                (Some(_), Some(_)) => truth(false),
                _ => None,
            },
            Tree::Two(a, sign, b) => {
                let (x, y) = a.value().zip(b.value())?;
                let number = match *sign {
                    "+" => x + y,
                    "-" => x - y,
                    "*" => x * y,
                    "/" => x / y,
                    "==" => return truth(x == y),
                    "!=" => return truth(x != y),
                    "<" => return truth(x < y),
                    "<=" => return truth(x <= y),
                    ">" => return truth(x > y),
                    _ => return truth(x >= y),
                };
                number.is_finite().then_some(number)
            }
        }
    }
}

fn two(
    inner: impl Strategy<Value = Tree> + Clone,
    signs: &'static [&'static str],
) -> impl Strategy<Value = Tree> + Clone {
    (inner.clone(), prop::sample::select(signs), inner)
        .prop_map(|(a, sign, b)| Tree::Two(Box::new(a), sign, Box::new(b)))
}

/// Of row 2, which has no age.
fn numbers() -> impl Strategy<Value = Tree> + Clone {
    let leaf = prop_oneof![
        (0u8..8).prop_map(|x| Tree::Number(f64::from(x) / 2.0)),
        Just(Tree::Column("Years", Some(8.0))),
        Just(Tree::Column("Age", None)),
    ];
    leaf.prop_recursive(5, 24, 2, |inner| {
        prop_oneof![
            4 => two(inner.clone(), &["+", "-", "*", "/"]),
            1 => inner.prop_map(|a| Tree::One("-", Box::new(a))),
        ]
    })
}

fn truths() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        1 => any::<bool>().prop_map(Tree::Truth),
        1 => Just(Tree::Column("Remote", Some(1.0))),
        4 => two(numbers(), &["==", "!=", "<", "<=", ">", ">="]),
    ];
    leaf.prop_recursive(4, 16, 2, |inner| {
        prop_oneof![
            4 => two(inner.clone(), &["and", "or"]),
            1 => inner.prop_map(|a| Tree::One("not", Box::new(a))),
        ]
    })
}

/// Year, month and day of a day since 1970-01-01, by counting.
fn civil(mut days: i64) -> (i64, usize, i64, i64) {
    let is_leap = |y: i64| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let mut year = 1970;
    while days < 0 {
        year -= 1;
        days += 365 + i64::from(is_leap(year));
    }
    while days >= 365 + i64::from(is_leap(year)) {
        days -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let of_year = days + 1;
    let lengths = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let month = (0..12).find(|&m| days < lengths[..=m].iter().sum()).unwrap();
    (year, month + 1, days - lengths[..month].iter().sum::<i64>() + 1, of_year)
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}") {
        let _ = bound(&text);
    }

    #[test]
    fn signs_bind_by_rank_and_give_what_they_say(tree in prop_oneof![numbers().boxed(), truths().boxed()]) {
        let (text, expected) = (tree.write(), tree.value().unwrap_or(GAP));
        let got = values(&text)[2];
        prop_assert!(got == expected || (got.is_nan() && expected.is_nan()), "{}: {}, not {}", text, got, expected);
    }

    #[test]
    fn functions_agree_with_the_systems(x in -30.0..30.0f64, y in prop_oneof![-30.0..30.0f64, -3.0..3.0f64]) {
        #[allow(clippy::disallowed_methods)]
        let cases = [
            ("abs", if x < 0.0 { -x } else { x }),
            ("exp", x.exp()),
            ("log", x.ln()),
            ("log1p", x.ln_1p()),
            ("sqrt", x.sqrt()),
            ("floor", x as i64 as f64 - f64::from(u8::from((x as i64 as f64) > x))),
            ("ceil", x as i64 as f64 + f64::from(u8::from((x as i64 as f64) < x))),
            ("round", x.signum() * ((x.abs() + 0.5) as i64 as f64)),
        ];
        for (name, expected) in cases {
            let got = values(&format!("{name}({x})"))[0];
            prop_assert!(crate::testing::close(got, expected, 1e-15, 0.0), "{name}({x}): {got}, not {expected}");
        }
        let ordered = if x < y { (x, y) } else { (y, x) };
        for (text, expected) in [
            (format!("min({x}, {y})"), ordered.0),
            (format!("max({x}, {y})"), ordered.1),
            (format!("min({y}, 0, {x})"), if ordered.0 < 0.0 { ordered.0 } else { 0.0 }),
            (format!("ratio({x}, {y}, 7)"), x / y),
        ] {
            prop_assert_eq!(values(&text)[0], expected, "{}", text);
        }
    }

    #[test]
    fn dates_have_the_parts_that_counting_gives(day in -300_000i64..300_000, within in 0.0..0.999f64) {
        let (year, month, of_month, of_year) = civil(day);
        let mut slots = slots();
        for (name, expected) in [
            ("year", year),
            ("quarter", [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4][month - 1]),
            ("month", month as i64),
            ("day", of_month),
            // 1970-01-01 was a Thursday.
            ("weekday", (day + 3).rem_euclid(7) + 1),
            ("day_of_year", of_year),
        ] {
            let program = bound(&format!("{name}(Hired)")).unwrap();
            slots.column_mut(program.slots()[0]).fill(day as f64 + within);
            let mut out = [0.0; 4];
            program.eval(&slots, &mut out);
            prop_assert_eq!(out, [expected as f64; 4], "{} of day {}", name, day);
        }
    }

    #[test]
    fn no_tokens_make_it_panic_and_rows_do_not_see_each_other(tokens in prop::collection::vec(token(), 1..16)) {
        let text = tokens.join(" ");
        match Expr::parse(&text) {
            Ok(expression) => {
                let json = serde_json::to_string(&expression).unwrap();
                let back: Expr = serde_json::from_str(&json).unwrap();
                prop_assert_eq!(back.text(), &text);
                prop_assert_eq!(back.columns(), expression.columns());
            }
            Err(e) => {
                let e = e.to_string();
                let (_, after) = e.split_once("at character ").unwrap();
                let at: usize = after.split(' ').next().unwrap().parse().unwrap();
                prop_assert!((1..=text.chars().count() + 1).contains(&at), "{}: {}", text, e);
            }
        }
        if let Ok(program) = bound(&text) {
            let (block, mut whole) = (slots(), [0.0; 4]);
            program.eval(&block, &mut whole);
            for (row, in_block) in whole.into_iter().enumerate() {
                prop_assert!(!in_block.is_infinite());
                let mut lone = Block::default();
                lone.reset(block.n_columns(), 1);
                (0..block.n_columns()).for_each(|c| lone.column_mut(c)[0] = block.column(c)[row]);
                let mut one = [0.0];
                program.eval(&lone, &mut one);
                prop_assert_eq!(one[0].to_bits(), in_block.to_bits());
            }
        }
    }
}
