//! What does not fit in memory: profiles, scores and models of a source are those of the table.

use attrition_core::model::Model;
use attrition_core::profile::Profile;
use attrition_core::table::{Batches, CsvOptions, ParquetOptions, ParquetWriter, Source, scan_csv, scan_parquet};
use attrition_core::train::{TrainOptions, train, train_source};
use attrition_core::{Column, Error, Run, Table, Value, datasets};

fn options() -> TrainOptions {
    TrainOptions {
        target: Some("Attrition".into()),
        positive: Value::from("Yes"),
        learner: ["logistic"].into(),
        cv: Some(2),
        ..Default::default()
    }
}

/// The employees, with one column that has no value in the first rows.
fn employees() -> Table {
    let table = datasets::employees(3000, 4).unwrap();
    let late = (0..3000).map(|i| (i > 1500).then_some(if i % 3 == 0 { "a" } else { "b" }));
    table.with_column(Column::strings("Late", late)).unwrap()
}

fn pieces(table: &Table, rows: usize) -> Vec<Table> {
    (0..table.n_rows()).collect::<Vec<_>>().chunks(rows).map(|rows| table.take(rows)).collect()
}

fn bits(scores: &[f64]) -> Vec<u64> {
    scores.iter().map(|p| p.to_bits()).collect()
}

type Open<'a> = Box<dyn Fn() -> Box<dyn Source> + 'a>;

#[test]
fn a_source_is_the_table_wherever_it_comes_from() {
    let run = Run::new();
    let table = employees();
    let dir = tempfile::tempdir().unwrap();
    let (csv, parquet) = (dir.path().join("a.csv.gz"), dir.path().join("a.parquet"));
    table.write_csv(&csv).unwrap();
    let mut writer = ParquetWriter::create(&parquet);
    for piece in pieces(&table, 700) {
        writer.write(&piece).unwrap();
    }
    writer.finish().unwrap();
    let model = train(&table, &options(), &run).unwrap();
    let scores = bits(&model.predict_proba(&table).unwrap());
    let profile = Profile::of(&table, &run).unwrap().to_bytes().unwrap();
    let sources: [(&str, Open<'_>); 3] = [
        ("tables", Box::new(|| Box::new(Batches::new(pieces(&employees(), 450).into_iter().map(Ok))))),
        ("csv", Box::new(|| Box::new(scan_csv(&csv, CsvOptions::default(), &Run::new()).unwrap()))),
        (
            "parquet",
            Box::new(|| {
                let options = ParquetOptions { batch_rows: 333, ..ParquetOptions::default() };
                Box::new(scan_parquet(&parquet, options).unwrap())
            }),
        ),
    ];
    for (name, source) in sources {
        assert_eq!(bits(&model.predict_proba_source(&mut *source(), &run).unwrap()), scores, "{name}");
        assert_eq!(Profile::of_source(&mut *source(), &run).unwrap().to_bytes().unwrap(), profile, "{name}");
        let again = train_source(&mut *source(), &options(), &run).unwrap();
        assert_eq!(again.digest(), model.digest(), "{name}");
    }
}

#[test]
fn a_bad_batch_is_named_and_nothing_comes_of_it() {
    let run = Run::new();
    let table = datasets::employees(600, 1).unwrap();
    let model: Model = train(&table, &options(), &run).unwrap();
    let mut batches = pieces(&table, 100);
    batches[3] = batches[3].drop(&["Age"]);
    let e = model.predict_proba_source(&mut Batches::new(batches.clone().into_iter().map(Ok)), &run).unwrap_err();
    assert!(e.to_string().contains("batch 3"), "{e}");
    let e = Profile::of_source(&mut Batches::new(batches.into_iter().map(Ok)), &run).unwrap_err();
    assert!(e.to_string().contains("batch 3"), "{e}");
    // A value that a batch cannot hold is named by its row among all.
    let mut batches = pieces(&table, 100);
    let mut ages: Vec<f64> = vec![30.0; 100];
    ages[7] = f64::INFINITY;
    batches[2] = batches[2].with_column(Column::float("Age", ages)).unwrap();
    let e = model.predict_proba_source(&mut Batches::new(batches.into_iter().map(Ok)), &run).unwrap_err();
    assert!(e.to_string().contains("row 207") && e.to_string().contains("Age"), "{e}");
    // A source that breaks off.
    let broken = pieces(&table, 100).into_iter().map(Ok).take(2);
    let broken = broken.chain([Err(Error::Internal("the line is dead".into()))]);
    let e = train_source(&mut Batches::new(broken), &options(), &run).unwrap_err();
    assert!(e.to_string().contains("the line is dead"), "{e}");
    let none = Profile::of_source(&mut Batches::new(Vec::new()), &run).unwrap_err();
    assert!(none.to_string().contains("no batch"), "{none}");
}
