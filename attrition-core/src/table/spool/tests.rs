use super::*;
use crate::table::Batches;
use crate::{CancelToken, ErrorKind, Value};
use proptest::prelude::*;

fn writer(folder: &std::path::Path, chunk_rows: usize) -> SpoolWriter {
    SpoolWriter::for_test(folder, chunk_rows)
}

fn spool(batches: &[Table], chunk_rows: usize) -> Spool {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), chunk_rows);
    batches.iter().for_each(|b| writer.write(b).unwrap());
    writer.finish().unwrap()
}

fn cells(column: &Column) -> Vec<Value> {
    (0..column.len()).map(|r| column.get(r)).collect()
}

/// The values, with floats by their bits: −0 is not 0 here.
fn bits(column: &Column) -> Vec<String> {
    let bits = |v| match v {
        Value::Float(x) => format!("{:x}", x.to_bits()),
        v => format!("{v:?}"),
    };
    cells(column).into_iter().map(bits).collect()
}

fn same(spool: &Spool, table: &Table) {
    assert_eq!(spool.names().collect::<Vec<_>>(), table.names().collect::<Vec<_>>());
    let n = table.n_rows();
    assert_eq!(spool.n_rows(), n);
    for (i, want) in table.columns().iter().enumerate() {
        let outline = spool.outline(i).unwrap();
        assert_eq!(outline.type_name(), want.type_name(), "{}", want.name());
        assert_eq!(outline.n_missing() == outline.len(), want.n_missing() == n);
        let read = |rows| spool.column(want.name(), i, rows).unwrap();
        let got = read(0..n);
        assert_eq!((got.type_name(), bits(&got)), (want.type_name(), bits(want)), "{}", want.name());
        if let (Values::Codes(_, a), Values::Codes(_, b)) = (got.values(), want.values()) {
            assert_eq!(a, b, "vocabularies in the same order");
        }
        // Any piece is that piece of the whole, a mask only where there is a gap.
        for (start, end) in [(0, n / 3), (n / 3, n), (n / 2, (n / 2 + 1).min(n)), (n, n), (n.min(1), n)] {
            assert_eq!(bits(&read(start..end)), bits(want)[start..end], "{} {start}..{end}", want.name());
        }
        let some: Vec<usize> = (0..n).filter(|r| r % 3 == 1).collect();
        assert_eq!(bits(&spool.take(want.name(), i, &some).unwrap()), bits(&want.take(&some)));
        assert_eq!(bits(&spool.take(want.name(), i, &[]).unwrap()), Vec::<String>::new());
    }
}

/// A batch of a seed's values: types that join, vocabularies that grow, columns without a value.
fn batch(n: usize, seed: usize) -> Table {
    let at = |i: usize| (i * 7919 + seed * 31) % 23;
    let gap = |i: usize, k: usize| (i + seed * k).is_multiple_of(5);
    let flags = |k: usize| Mask::from_missing((0..n).map(|i| gap(i, k)));
    let ints: Vec<i64> = (0..n).map(|i| at(i) as i64 - 11).collect();
    let number = if seed % 3 == 1 {
        Column::float(
            "number",
            (0..n)
                .map(|i| if gap(i, 1) { f64::NAN } else { if at(i) == 3 { -0.0 } else { at(i) as f64 / 2.0 } })
                .collect(),
        )
    } else {
        Column::new("number", Values::Int(ints.clone().into(), flags(1))).unwrap()
    };
    let late = if seed % 4 == 3 {
        Column::new("late", Values::Bool((0..n).map(|i| at(i) % 2 == 0).collect::<Vec<_>>().into(), flags(2))).unwrap()
    } else {
        Column::float("late", vec![f64::NAN; n])
    };
    Table::new(vec![
        number,
        Column::new("whole", Values::Int(ints.clone().into(), if seed.is_multiple_of(2) { None } else { flags(3) }))
            .unwrap(),
        Column::strings("word", (0..n).map(|i| (!gap(i, 2)).then(|| format!("w{}", at(i) + seed)))),
        late,
        Column::new("when", Values::Time(ints.into(), flags(4))).unwrap(),
        Column::strings("never", vec![None::<&str>; n]),
    ])
    .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_spool_is_the_table_of_its_batches(sizes in prop::collection::vec(0_usize..150, 1..8), chunk in 1_usize..200, first in 0_usize..12) {
        let batches: Vec<Table> = sizes.iter().enumerate().map(|(i, &n)| batch(n, first + i)).collect();
        same(&spool(&batches, chunk), &Table::concat(&batches).unwrap());
    }
}

#[test]
fn rows_in_any_order_are_read_in_windows() {
    let n = 3 * WINDOW_ROWS;
    let table = Table::new(vec![Column::int("x", (0..n as i64).collect())]).unwrap();
    let spool = spool(std::slice::from_ref(&table), 1000);
    let schema = crate::schema::Schema::infer(&table).unwrap().role("x", crate::schema::Role::Feature).unwrap();
    let (on_disk, in_memory) = (schema.bind(&spool).unwrap(), schema.bind(&table).unwrap());
    let lists: [Vec<usize>; 5] = [
        (0..n).collect(),
        (0..n).rev().collect(),
        (0..n).step_by(7).collect(),
        (0..5000).map(|i| (i * 7919) % n).collect(),
        vec![n - 1, 0, n - 1, 5, 5],
    ];
    for rows in lists {
        let (mut a, mut b) = (vec![0.0; rows.len()], vec![0.0; rows.len()]);
        on_disk.fill_rows(0, &rows, &mut a).unwrap();
        in_memory.fill_rows(0, &rows, &mut b).unwrap();
        assert_eq!(a, b);
    }
    let (mut a, mut b) = (vec![0.0; 2500], vec![0.0; 2500]);
    on_disk.fill(0, 900..3400, &mut a).unwrap();
    in_memory.fill(0, 900..3400, &mut b).unwrap();
    assert_eq!(a, b);
    assert_eq!(Spool::window(&[5, 9, 4, WINDOW_ROWS + 4]), (3, 4..10));
}

#[test]
fn what_ends_early_is_a_clear_error_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new();
    let gather = |batches: Vec<Result<Table>>, run: &Run| {
        let e = Spool::gather(&mut Batches::new(batches), writer(folder.path(), 10), run).unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{e}");
        e
    };
    let e = gather(vec![], &run);
    assert!(e.to_string().contains("no batch"), "{e}");
    let e = gather(vec![Ok(batch(20, 0)), Ok(batch(20, 1).drop(&["word"]))], &run);
    assert!(e.kind() == ErrorKind::InvalidData && e.to_string().contains("batch 1"), "{e}");
    let texts = batch(20, 1).with_column(Column::strings("whole", vec![Some("x"); 20])).unwrap();
    let e = gather(vec![Ok(batch(20, 0)), Ok(texts)], &run);
    assert!(e.to_string().contains("column `whole`"), "{e}");
    let e = gather(vec![Ok(batch(20, 0)), Err(Error::Internal("halfway".into()))], &run);
    assert!(e.to_string().contains("halfway"), "{e}");
    // Cancelled while a later batch is made.
    let token = CancelToken::new();
    let stop = token.clone();
    let batches = (0..5).map(move |i| {
        if i == 2 {
            stop.cancel();
        }
        Ok(batch(20, i))
    });
    let mut source = Batches::new(batches);
    let e = Spool::gather(&mut source, writer(folder.path(), 10), &Run::new().cancel_token(token)).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Cancelled);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    // A writer by itself is held to the same rules.
    let mut alone = writer(folder.path(), 10);
    alone.write(&batch(3, 0)).unwrap();
    let e = alone.write(&batch(3, 0).drop(&["word"])).unwrap_err();
    assert!(e.to_string().contains("table 1 with other columns"), "{e}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_clear_error() {
    let full = std::fs::OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
    let writer = SpoolWriter::upon(Scratch::of_file(full), Some(10));
    let e = Spool::gather(&mut Batches::new([Ok(batch(20, 0))]), writer, &Run::new()).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Io);
    assert!(e.to_string().contains("a temporary file in") && e.to_string().contains("TMPDIR"), "{e}");
}

#[test]
fn small_tables_never_touch_the_disk() {
    let mut writer = SpoolWriter::upon(Scratch::for_test(std::path::Path::new("/nowhere"), 1 << 20), None);
    writer.write(&batch(500, 0)).unwrap();
    same(&writer.finish().unwrap(), &batch(500, 0));
}

#[test]
fn a_wide_table_has_short_chunks() {
    let columns = (0..3000).map(|j| Column::int(format!("x{j}"), vec![0; 2050]));
    let mut writer = SpoolWriter::new();
    writer.write(&Table::new(columns.collect()).unwrap()).unwrap();
    assert_eq!(writer.finish().unwrap().starts, [0, 1024, 2048]);
}

#[test]
fn a_table_without_rows_is_one() {
    let spool = spool(&[batch(0, 0), batch(0, 1)], 10);
    same(&spool, &Table::concat(&[batch(0, 0), batch(0, 1)]).unwrap());
    assert!(crate::schema::Schema::infer(&spool).unwrap_err().to_string().contains("0 rows and 6 columns"));
}
