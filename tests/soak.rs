//! The long runs, each a few seconds long here; `make soak` sets `ATTRITION_SOAK_SECONDS` higher.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use attrition_core::model::Model;
use attrition_core::train::{TrainOptions, train};
use attrition_core::{Run, Seed, Table, Value, datasets};

fn time() -> Duration {
    let seconds = std::env::var("ATTRITION_SOAK_SECONDS").ok().and_then(|s| s.parse().ok()).unwrap_or(3);
    Duration::from_secs(seconds)
}

fn table() -> Table {
    datasets::employees(1000, 2).unwrap()
}

fn model(seed: u64) -> Model {
    let options = TrainOptions {
        target: Some("Attrition".into()),
        positive: Value::from("Yes"),
        learner: ["logistic"].into(),
        cv: Some(2),
        seed,
        ..TrainOptions::default()
    };
    train(&table(), &options, &Run::new()).unwrap()
}

fn packed_rows(model: &Model, table: &Table) -> Vec<Vec<f64>> {
    (0..table.n_rows())
        .map(|row| {
            let record: std::collections::BTreeMap<&str, Value> =
                table.columns().iter().map(|c| (c.name(), c.get(row))).collect();
            let mut packed = Vec::new();
            model.pack_json(&serde_json::to_vec(&record).unwrap(), &mut packed).unwrap();
            packed
        })
        .collect()
}

/// One model, many threads, one row and batch mixed: every score is the one of the first day.
#[test]
fn threads_share_a_model() {
    let (model, table) = (model(0), table());
    let rows = packed_rows(&model, &table);
    let want = model.predict_proba(&table).unwrap();
    let end = Instant::now() + time();
    std::thread::scope(|scope| {
        for thread in 0..8_usize {
            let (model, table, rows, want) = (model.clone(), &table, &rows, &want);
            scope.spawn(move || {
                let mut turn = thread;
                while Instant::now() < end {
                    for _ in 0..1000 {
                        let row = turn % rows.len();
                        assert_eq!(model.proba_packed(&rows[row]).unwrap().to_bits(), want[row].to_bits());
                        turn += 7;
                    }
                    let run = Run::new().n_threads(Some(1 + thread % 3));
                    let got = model.predict_proba_with(table, &run).unwrap();
                    assert!(got.iter().zip(want).all(|(a, b)| a.to_bits() == b.to_bits()));
                }
            });
        }
    });
}

/// Resident memory in KiB, where the system says.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

/// A million calls and more do not grow the process. (Other tests of this file run beside it, hence the allowance.)
#[test]
fn calls_do_not_leak() {
    let (model, table) = (model(1), table());
    let rows = packed_rows(&model, &table);
    let bytes = model.to_bytes().unwrap();
    let end = Instant::now() + time();
    let mut calls = 0_u64;
    let mut before = None;
    while Instant::now() < end || calls < 1_000_000 {
        for row in &rows {
            model.proba_packed(row).unwrap();
            calls += 1;
        }
        model.predict_one_packed(&rows[0]).unwrap();
        model.contributions_packed(&rows[0]).unwrap();
        model.proba_json(br#"{"Age": "a string where a number should be"}"#).unwrap_err();
        Model::from_bytes(&bytes).unwrap();
        if calls == 100_000 {
            before = resident();
        }
    }
    if let (Some(before), Some(after)) = (before, resident()) {
        println!("{calls} calls: {before} KiB, then {after} KiB");
        assert!(after < before + 64 * 1024, "from {before} KiB to {after} KiB in {calls} calls");
    }
}

const CHILD: &str = "ATTRITION_SOAK_CHILD";

/// Not a test of its own: the process that `killed_while_saving` kills. It saves two models in turn, for ever.
#[test]
fn saves_for_ever_when_asked() {
    let Some(path) = std::env::var_os(CHILD).map(PathBuf::from) else { return };
    let models = [Model::load(path.with_extension("a")).unwrap(), Model::load(path.with_extension("b")).unwrap()];
    for turn in 0.. {
        models[turn % 2].save(&path).unwrap();
    }
}

/// `kill -9` in the middle of a save leaves a whole file: the old one or the new one.
#[test]
fn killed_while_saving() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.attrition");
    let digests: Vec<String> = [("a", 3), ("b", 4)]
        .map(|(name, seed)| {
            let model = model(seed);
            model.save(path.with_extension(name)).unwrap();
            model.digest()
        })
        .into();
    std::fs::copy(path.with_extension("a"), &path).unwrap();
    let mut rng = Seed(11).stream("kill", 0);
    let end = Instant::now() + time();
    let mut kills = 0;
    while Instant::now() < end || kills < 10 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "saves_for_ever_when_asked"])
            .env(CHILD, &path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(20 + rng.below(60) as u64));
        assert!(child.try_wait().unwrap().is_none(), "the saving process ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        let found = Model::load(&path).unwrap();
        assert!(digests.contains(&found.digest()));
        remove_temporaries(folder.path());
    }
    println!("{kills} kills");
}

/// A killed save may leave its temporary file; it never has the name that is loaded.
fn remove_temporaries(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_string_lossy().starts_with("m.") {
            std::fs::remove_file(path).unwrap();
        }
    }
}
