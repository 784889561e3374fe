//! What people hand in by mistake: each a clear error that names the place and the remedy; no panic, no partial file.

use std::fs;
use std::path::Path;

use attrition_core::model::Model;
use attrition_core::schema::Schema;
use attrition_core::train::{TrainOptions, train};
use attrition_core::{Column, Error, ErrorKind, Run, Table, Value, datasets};

/// The error is of the kind, and its message has every one of the words.
fn says(error: &Error, kind: ErrorKind, words: &[&str]) {
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{message}");
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

fn csv(name: &str, bytes: &[u8]) -> Result<Table, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    Table::read_csv(&path)
}

fn options() -> TrainOptions {
    let learner = ["logistic"].into();
    TrainOptions { target: Some("Left".into()), positive: Value::from("Yes"), learner, ..TrainOptions::default() }
}

fn labels(n: usize) -> Column {
    Column::strings("Left", (0..n).map(|i| Some(if i % 4 == 0 { "Yes" } else { "No" })))
}

/// A table that can be learned from.
fn good(n: usize) -> Table {
    let age = (0..n).map(|i| 20 + (i * 7 % 40) as i64).collect();
    let pay = (0..n).map(|i| 1000.0 + (i * 13 % 97) as f64).collect();
    let site = (0..n).map(|i| Some(["Oslo", "Bergen", "Tromsø"][i % 3]));
    Table::new(vec![Column::int("Age", age), Column::float("Pay", pay), Column::strings("Site", site), labels(n)])
        .unwrap()
}

fn model() -> Model {
    train(&good(200), &options(), &Run::new()).unwrap()
}

fn refused(table: &Table) -> Error {
    train(table, &options(), &Run::new()).unwrap_err()
}

#[test]
fn csv_files_that_are_no_tables() {
    let ragged = csv("ragged.csv", b"a,b\n1,2\n3\n").unwrap_err();
    says(&ragged, ErrorKind::InvalidData, &["ragged.csv", "line 3"]);
    let ragged = csv("ragged.csv", b"a,b\n1,2\n3,4,5\n").unwrap_err();
    says(&ragged, ErrorKind::InvalidData, &["ragged.csv", "line 3"]);
    let latin1 = csv("latin1.csv", b"name,x\nOslo,1\nTroms\xf8,2\n").unwrap_err();
    says(&latin1, ErrorKind::InvalidData, &["latin1.csv", "line 3", "UTF-8"]);
    let utf16: Vec<u8> = "a,b\n1,2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = csv("utf16.csv", &[&[0xff, 0xfe][..], &utf16].concat()).unwrap_err();
    says(&utf16, ErrorKind::InvalidData, &["utf16.csv", "UTF-16"]);
    let twice = csv("twice.csv", b"Age,Pay,Age\n1,2,3\n").unwrap_err();
    says(&twice, ErrorKind::InvalidData, &["Age", "rename"]);
    says(&csv("empty.csv", b"").unwrap_err(), ErrorKind::InvalidData, &["empty.csv"]);
    let missing = Table::read_csv("no/such/file.csv").unwrap_err();
    says(&missing, ErrorKind::Io, &["no/such/file.csv"]);
}

#[test]
fn a_header_alone_cannot_be_learned_from() {
    // A table without rows is a table; training on it is the mistake.
    match csv("header.csv", b"Age,Left\n") {
        Err(e) => says(&e, ErrorKind::InvalidData, &["header.csv"]),
        Ok(table) => {
            assert_eq!(table.n_rows(), 0);
            assert_eq!(refused(&table).kind(), ErrorKind::InvalidData);
        }
    }
}

#[test]
fn columns_that_cannot_be_learned_from() {
    let n = 200;
    // An all-missing column is no input, and the schema says so.
    let table = good(n).with_column(Column::float("Bonus", vec![f64::NAN; n])).unwrap();
    let model = train(&table, &options(), &Run::new()).unwrap();
    assert!(model.row_spec().slot("Bonus").is_none());
    assert!(!model.schema().field("Bonus").unwrap().notes.is_empty());
    // Nothing but such columns: an error.
    let only = Table::new(vec![Column::float("Bonus", vec![f64::NAN; n]), labels(n)]).unwrap();
    says(&refused(&only), ErrorKind::InvalidParam, &["feature", "notes"]);
    // Infinite values.
    let mut pay = vec![1.0; n];
    pay[7] = f64::INFINITY;
    for (row, p) in pay.iter_mut().enumerate() {
        *p += row as f64;
    }
    let table = good(n).with_column(Column::float("Pay", pay)).unwrap();
    says(&refused(&table), ErrorKind::SchemaMismatch, &["Pay", "row 7", "finite"]);
}

#[test]
fn targets_that_cannot_be_learned() {
    let n = 200;
    let one_class = good(n).with_column(Column::strings("Left", vec![Some("Yes"); n])).unwrap();
    says(&refused(&one_class), ErrorKind::InvalidData, &["Left", "Yes"]);
    let other_class = good(n).with_column(Column::strings("Left", vec![Some("No"); n])).unwrap();
    says(&refused(&other_class), ErrorKind::InvalidParam, &["positive", "Left", "No"]);
    let with_gap = (0..n).map(|i| if i == 5 { None } else { Some(if i % 4 == 0 { "Yes" } else { "No" }) });
    let with_gap = good(n).with_column(Column::strings("Left", with_gap)).unwrap();
    says(&refused(&with_gap), ErrorKind::InvalidData, &["Left", "missing"]);
    let three = (0..n).map(|i| Some(["Yes", "No", "Maybe"][i % 3]));
    let three = good(n).with_column(Column::strings("Left", three)).unwrap();
    says(&refused(&three), ErrorKind::InvalidData, &["Left", "Maybe"]);
    let absent = TrainOptions { positive: Value::from("yes"), ..options() };
    let error = train(&good(n), &absent, &Run::new()).unwrap_err();
    says(&error, error.kind(), &["yes", "Yes", "Left"]);
    assert!(matches!(error.kind(), ErrorKind::InvalidParam | ErrorKind::InvalidData | ErrorKind::NotFound), "{error}");
    let nowhere = TrainOptions { target: Some("Gone".into()), ..options() };
    says(&train(&good(n), &nowhere, &Run::new()).unwrap_err(), ErrorKind::NotFound, &["Gone", "Left"]);
    says(&Schema::infer(&good(n)).unwrap().target("Gone", "Yes").unwrap_err(), ErrorKind::NotFound, &["Gone"]);
}

#[test]
fn tables_that_do_not_fit_the_model_give_all_problems_at_once() {
    let model = model();
    let good = good(20);
    assert!(model.predict_proba(&good).is_ok());
    let error = model.predict_proba(&good.drop(&["Age", "Site"])).unwrap_err();
    says(&error, ErrorKind::SchemaMismatch, &["2 problems", "Age", "Site"]);
    let changed = good.with_column(Column::strings("Age", vec![Some("old"); 20])).unwrap();
    says(&model.predict_proba(&changed).unwrap_err(), ErrorKind::SchemaMismatch, &["Age", "number"]);
    let mut pay = vec![1.0; 20];
    pay[3] = f64::NEG_INFINITY;
    let infinite = good.with_column(Column::float("Pay", pay)).unwrap();
    let error = model.predict_proba(&infinite).unwrap_err();
    says(&error, error.kind(), &["Pay", "row 3"]);
    // Gaps, unseen levels, extra columns and a missing target are no errors.
    let loose = Table::new(vec![
        Column::float("Age", vec![f64::NAN, 30.5]),
        Column::int("Pay", vec![1, 2]),
        Column::strings("Site", [None, Some("Mars")]),
        Column::bool("Extra", vec![true, false]),
    ])
    .unwrap();
    assert_eq!(model.predict_proba(&loose).unwrap().len(), 2);
}

#[test]
fn records_that_do_not_fit_the_model() {
    let model = model();
    assert!(model.proba_json(br#"{"Age": 30, "Extra": [1]}"#).is_ok());
    for (record, words) in [
        (&br#"{"Age": "30"}"#[..], &["Age", "number"][..]),
        (br#"{"Pay": 1e999}"#, &[]),
        (br#"{"Other": 1}"#, &[]),
        (b"{}", &[]),
        (b"[1, 2]", &[]),
        (b"{\"Age\": 30", &[]),
        (b"\xff\xfe", &[]),
        (b"", &[]),
        (br#"{"Age": {"deep": 1}}"#, &["Age"]),
    ] {
        let error = model.proba_json(record).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::SchemaMismatch | ErrorKind::InvalidData), "{error}");
        says(&error, error.kind(), words);
        assert!(!error.to_string().contains("deep"), "a value is quoted: {error}");
    }
}

#[test]
fn artifacts_that_are_damaged_foreign_or_newer() {
    let bytes = model().to_bytes().unwrap();
    assert!(Model::from_bytes(&bytes).is_ok());
    let refused = |bytes: &[u8]| {
        let error = Model::from_bytes(bytes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Artifact, "{error}");
        error.to_string()
    };
    for length in (0..bytes.len()).step_by(bytes.len() / 200 + 1) {
        refused(&bytes[..length]);
    }
    for place in (0..bytes.len()).step_by(bytes.len() / 400 + 1) {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        refused(&flipped);
    }
    refused(&[&bytes[..], b"x"].concat());
    for foreign in [&b"PK\x03\x04zip"[..], b"\x80\x04\x95pickle", b"Age,Left\n1,2\n", b"{}", b"tree\nversion=v4\n"] {
        refused(foreign);
    }
    // A newer format: its header is whole, so the message can say "newer" instead of "damaged".
    let mut newer = bytes.clone();
    newer[8] = 2;
    let sum = crc32fast::hash(&newer[..28]).to_le_bytes();
    newer[28..32].copy_from_slice(&sum);
    let message = refused(&newer);
    assert!(message.contains("newer") || message.contains("version 2"), "{message}");
}

#[test]
fn files_that_cannot_be_read_or_written_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let model = model();
    let nowhere = folder.path().join("no/such/folder/m.attrition");
    says(&model.save(&nowhere).unwrap_err(), ErrorKind::Io, &["m.attrition"]);
    says(&Model::load(&nowhere).unwrap_err(), ErrorKind::Io, &["m.attrition"]);
    // A folder stands where the file should.
    let taken = folder.path().join("taken");
    fs::create_dir(&taken).unwrap();
    says(&model.save(&taken).unwrap_err(), ErrorKind::Io, &["taken"]);
    says(&Model::load(&taken).unwrap_err(), ErrorKind::Io, &["taken"]);
    assert_eq!(names(folder.path()), ["taken"]);
    // A failed training leaves no file either, and an existing one is replaced whole.
    let path = folder.path().join("m.attrition");
    fs::write(&path, b"old").unwrap();
    model.save(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), model.to_bytes().unwrap());
    assert_eq!(names(folder.path()), ["m.attrition", "taken"]);
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn parameters_out_of_range_name_themselves() {
    let table = datasets::employees(300, 0).unwrap();
    let base = || TrainOptions { target: Some("Attrition".into()), ..options() };
    for (options, words) in [
        (TrainOptions { learner: ["logistik"].into(), ..base() }, &["logistik", "logistic"][..]),
        (TrainOptions { cv: Some(1), ..base() }, &["cv"]),
        (TrainOptions { cv: Some(1000), ..base() }, &[]),
        (TrainOptions { holdout: Some(1.5), ..base() }, &["holdout", "1.5"]),
        (TrainOptions { threshold: Value::from(2.0), ..base() }, &["threshold", "2"]),
        (TrainOptions { calibration: Some("magic".into()), ..base() }, &["calibration", "magic", "isotonic"]),
        (TrainOptions { metric: "auc!".into(), ..base() }, &["auc!"]),
        (
            TrainOptions { params: Some(serde_json::json!({"c": -1.0})), learner: ["logistic"].into(), ..base() },
            &["c", "-1"],
        ),
        (
            TrainOptions { params: Some(serde_json::json!({"zzz": 1})), learner: ["logistic"].into(), ..base() },
            &["zzz"],
        ),
        (TrainOptions { id: ["Nobody"].into(), ..base() }, &["Nobody"]),
    ] {
        let error = train(&table, &options, &Run::new()).unwrap_err();
        says(&error, error.kind(), words);
        assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
    }
    let error = TrainOptions::from_json(r#"{"target": "Attrition", "lerner": "logistic"}"#).unwrap_err();
    says(&error, ErrorKind::InvalidParam, &["lerner"]);
}
