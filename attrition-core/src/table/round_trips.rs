//! What is written is read back: any table, every format.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Column, CsvOptions, Mask, Source, Table, Values, scan_csv};
use crate::Run;

/// Any column of the length.
fn column(name: &'static str, n: usize) -> impl Strategy<Value = Column> {
    let gaps = prop_oneof![Just(vec![false; n]), Just(vec![true; n]), vec(any::<bool>(), n),];
    let mask = |gaps: Vec<bool>| Mask::from_missing(gaps.into_iter());
    let special =
        prop_oneof![any::<f64>(), Just(-0.0), Just(f64::MAX), Just(f64::MIN_POSITIVE), Just(f64::NAN), Just(3.0)];
    let whole = prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0)];
    let text = prop_oneof![
        Just(String::new()),
        "[a-z,\"\n\r ;é日😀]{1,8}",
        Just("NA".into()),
        Just("007".into()),
        Just("1".into())
    ];
    prop_oneof![
        vec(special, n).prop_map(move |v| Column::float(name, v)),
        (vec(whole, n), gaps.clone())
            .prop_map(move |(v, g)| Column::new(name, Values::Int(v.into(), mask(g))).unwrap()),
        (vec(any::<bool>(), n), gaps.clone()).prop_map(move |(v, g)| Column::new(
            name,
            Values::Bool(v.into(), mask(g))
        )
        .unwrap()),
        // The years 1 to 9999, those that have four digits.
        (vec(-62_135_596_800_000_000i64..253_402_300_800_000_000, n), gaps.clone())
            .prop_map(move |(v, g)| Column::new(name, Values::Time(v.into(), mask(g))).unwrap()),
        (vec(text, n), gaps)
            .prop_map(move |(v, g)| Column::strings(name, v.into_iter().zip(g).map(|(s, gap)| (!gap).then_some(s)))),
    ]
}

fn tables() -> impl Strategy<Value = Table> {
    (1usize..40)
        .prop_flat_map(|n| (column("a", n), column("b \"é\",\n", n), column("c", n)))
        .prop_map(|(a, b, c)| Table::new(vec![a, b, c]).unwrap())
}

fn same(a: &Table, b: &Table) -> Result<(), TestCaseError> {
    prop_assert_eq!(a.n_rows(), b.n_rows());
    prop_assert!(a.names().eq(b.names()));
    for (a, b) in a.columns().iter().zip(b.columns()) {
        prop_assert_eq!(a.type_name(), b.type_name(), "{}", a.name());
        for row in 0..a.len() {
            prop_assert_eq!(a.is_missing(row), b.is_missing(row), "{} row {}", a.name(), row);
            if let (Values::Float(x), Values::Float(y)) = (a.values(), b.values()) {
                prop_assert!(x[row].is_nan() || x[row].to_bits() == y[row].to_bits(), "{} row {}", a.name(), row);
            } else {
                prop_assert_eq!(a.get(row), b.get(row), "{} row {}", a.name(), row);
            }
        }
    }
    Ok(())
}

/// The table that CSV can tell: its strings marked, so that none looks like something else, and at least one of them.
fn told_by_csv(t: &Table) -> Table {
    let columns = t.columns().iter().map(|c| match c.values() {
        Values::Codes(codes, words) => {
            let text = |code: u32| words.get(code as usize).map(|w| format!("s{w}"));
            Column::strings(c.name(), codes.iter().map(|&code| text(code)))
        }
        _ => c.clone(),
    });
    let gapless =
        columns.map(|c| if c.n_missing() == c.len() { Column::float(c.name(), vec![f64::NAN; c.len()]) } else { c });
    Table::new(gapless.collect()).unwrap()
}

fn read_csv_both(path: &Path, t: &Table) -> Result<(), TestCaseError> {
    same(t, &Table::read_csv(path).unwrap())?;
    let options = CsvOptions::default().block_bytes(16);
    let mut scan = scan_csv(path, options, &Run::new()).unwrap();
    same(t, &Table::collect(&mut scan, &Run::new()).unwrap())?;
    // A second reading, and one that begins before the first one's end.
    let mut again = scan.again();
    prop_assert!(again.next_batch(&Run::new()).unwrap().is_some());
    same(t, &Table::collect(&mut again.again(), &Run::new()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn csv(t in tables()) {
        let t = told_by_csv(&t);
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.csv", "a.csv.gz"] {
            let path = folder.path().join(name);
            t.write_csv(&path).unwrap();
            read_csv_both(&path, &t)?;
        }
    }

    /// Every string, even one that looks like a number or a missing value, where the reader is told that it is one.
    #[test]
    fn csv_as_text(words in vec("[a-z0-9,\"\n\r ;é日.-]{1,8}", 1..20)) {
        let t = Table::new(vec![Column::strings("x", words.iter().map(Some))]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        t.write_csv(&path).unwrap();
        let options = CsvOptions::default().text(["x"]).missing(Vec::<String>::new());
        same(&t, &Table::read_csv_with(&path, &options, &Run::new()).unwrap())?;
    }

    #[cfg(feature = "arrow")]
    #[test]
    fn arrow_ipc(t in tables()) {
        same(&t, &Table::from_ipc_bytes(&t.to_ipc_bytes().unwrap()).unwrap())?;
    }

    #[cfg(feature = "parquet")]
    #[test]
    fn parquet(t in tables(), batch_rows in 1usize..50) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        t.write_parquet(&path).unwrap();
        same(&t, &Table::read_parquet(&path).unwrap())?;
        let options = super::ParquetOptions { columns: None, batch_rows };
        let mut scan = super::scan_parquet(&path, options).unwrap();
        same(&t, &Table::collect(&mut scan, &Run::new()).unwrap())?;
        let mut writer = super::ParquetWriter::create(&path);
        let mut again = scan.again();
        while let Some(batch) = again.next_batch(&Run::new()).unwrap() {
            writer.write(&batch).unwrap();
        }
        writer.finish().unwrap();
        same(&t, &Table::read_parquet(&path).unwrap())?;
    }
}
