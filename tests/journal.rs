//! A search whose process is killed at any moment goes on as if nothing had happened.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use attrition_core::tune::{
    Optimize, Outcome, Param, Pruner, SamplerKind, SearchSpace, Study, StudyOptions, Trial, TrialState,
};
use attrition_core::{Result, Run, Seed};

const JOURNAL: &str = "ATTRITION_TEST_JOURNAL";

/// Trials and kills: few in a test, those of the long run with `ATTRITION_SOAK_SECONDS`.
fn size() -> (u64, usize) {
    if std::env::var_os("ATTRITION_SOAK_SECONDS").is_some() { (200, 100) } else { (40, 8) }
}

fn study(path: Option<&Path>) -> Result<Study> {
    let space = SearchSpace::new([
        ("rate", Param::float(1e-4, 1.0).log()),
        ("depth", Param::int(1, 12)),
        ("kind", Param::choice(["a", "b"])),
        ("ratio", Param::float(0.0, 1.0).when("kind", ["b"])),
    ])?;
    let pruner = Some(Pruner::wilcoxon());
    let options = StudyOptions { sampler: SamplerKind::Tpe, seed: Seed(9), pruner, ..StudyOptions::default() };
    match path {
        None => Study::new(space, options),
        Some(path) => Study::open(path, space, options),
    }
}

fn search(study: &Study) -> Result<()> {
    let left = size().0 - study.finished().len() as u64;
    study.optimize(&Optimize { n_trials: left, ..Optimize::default() }, &Run::new(), |trial| {
        let cost = trial.float("rate")? + (trial.int("depth")? - 5).abs() as f64 + trial.float("ratio").unwrap_or(0.5);
        for fold in 0..5 {
            if trial.report(fold, cost + fold as f64)? {
                return Ok(Outcome::Pruned);
            }
        }
        if trial.number % 10 == 7 { Ok(f64::NAN.into()) } else { Ok(cost.into()) }
    })
}

/// The process that is killed: this test binary, called for this test alone.
#[test]
fn child() {
    if let Some(path) = std::env::var_os(JOURNAL) {
        search(&study(Some(Path::new(&path))).unwrap()).unwrap();
    }
}

#[test]
fn a_search_killed_again_and_again_ends_as_one_that_was_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("study.journal");
    let (trials, kills) = size();
    let mut rng = Seed(std::process::id().into()).stream("kill", 0);
    let mut killed = 0;
    let mut before: Vec<Trial> = Vec::new();
    for _ in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child", "--exact"])
            .env(JOURNAL, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Killed once it has written so much more, wherever it is then.
        let length = || std::fs::metadata(&path).map_or(0, |m| m.len());
        let enough = length() + rng.below(4000) as u64;
        while length() <= enough && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_micros(20));
        }
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().ok();
        child.wait().unwrap();
        // Nothing that was finished is lost or changed.
        let Ok(now) = Study::load(&path).map(|s| s.trials()) else { continue };
        for (old, new) in before.iter().zip(&now) {
            assert!(!old.state.is_finished() || old == new, "{old:?} became {new:?}");
        }
        assert!(now.len() >= before.len());
        before = now;
    }
    assert!(killed > 0, "no process was killed while it worked");
    let resumed = study(Some(&path)).unwrap();
    search(&resumed).unwrap();
    let whole = study(None).unwrap();
    search(&whole).unwrap();
    assert_eq!(resumed.trials(), whole.trials());
    assert_eq!(resumed.finished().len() as u64, trials);
    assert!(resumed.trials().iter().any(|t| t.state == TrialState::Pruned));
}
