//! The samplers under one contract, and studies through their public face.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::*;
use crate::{CancelToken, Error, ErrorKind, Result, Run, Seed};

fn mixed() -> SearchSpace {
    let order = Constraint { weights: [("depth".to_owned(), 1.0), ("leaves".to_owned(), -1.0)].into(), max: 0.0 };
    SearchSpace::new([
        ("rate", Param::float(1e-4, 1.0).log()),
        ("fraction", Param::float(0.2, 1.0).step(0.1)),
        ("depth", Param::int(1, 12)),
        ("leaves", Param::int(2, 256).log()),
        ("kind", Param::choice(["a", "b", "c"])),
        ("level", Param::choice([0, 1, 2, 3]).ordered()),
        ("ratio", Param::float(0.0, 1.0).when("kind", ["b"])),
        ("power", Param::int(1, 3).when("kind", ["b", "c"])),
        ("inner", Param::choice([true, false]).when("power", [2])),
    ])
    .unwrap()
    .constrained([order])
    .unwrap()
}

fn cost(trial: &Trial) -> f64 {
    let rate = trial.float("rate").unwrap();
    let depth = trial.int("depth").unwrap() as f64;
    let ratio = trial.float("ratio").unwrap_or(1.0);
    let square = |v: f64| v * v;
    let decades = crate::num::float::ln(rate) / std::f64::consts::LN_10;
    square(decades + 2.0) + square(depth - 6.0) / 20.0 + square(ratio - 0.3) + trial.float("fraction").unwrap()
}

fn options(sampler: SamplerKind, seed: u64) -> StudyOptions {
    StudyOptions { sampler, seed: Seed(seed), ..StudyOptions::default() }
}

fn params(study: &Study) -> Vec<Params> {
    study.trials().into_iter().map(|t| t.params).collect()
}

#[test]
fn every_sampler_stays_in_the_space_learns_nothing_from_the_clock_and_does_not_repeat() {
    for sampler in SamplerKind::ALL {
        let run = |seed| {
            let study = Study::new(mixed(), options(sampler, seed)).unwrap();
            for i in 0..30 {
                let trial = study.ask().unwrap();
                assert_eq!((trial.number, trial.state), (i, TrialState::Running));
                // In range, on the grid, conditions and constraints: all of it.
                assert_eq!(mixed().check_params(&trial.params).unwrap(), trial.params, "{sampler:?}");
                let outcome = if i % 7 == 3 { Outcome::Failed("no luck".into()) } else { cost(&trial).into() };
                study.tell(trial.number, outcome).unwrap();
            }
            params(&study)
        };
        let first = run(1);
        assert_eq!(first, run(1), "{sampler:?}");
        assert_ne!(first, run(2), "{sampler:?}");
        let different: BTreeSet<String> = first.iter().map(|p| serde_json::to_string(p).unwrap()).collect();
        assert_eq!(different.len(), first.len(), "{sampler:?}");
    }
}

#[test]
fn tpe_and_gp_find_what_random_search_does_not() {
    let best = |sampler| {
        let values = (0..5).map(|seed| {
            let study = Study::new(mixed(), options(sampler, seed)).unwrap();
            study
                .optimize(&Optimize { n_trials: 45, ..Optimize::default() }, &Run::new(), |t| Ok(cost(t).into()))
                .unwrap();
            study.best().unwrap().value().unwrap()
        });
        values.sum::<f64>() / 5.0
    };
    let (random, tpe, gp) = (best(SamplerKind::Random), best(SamplerKind::Tpe), best(SamplerKind::Gp));
    assert!(tpe < random - 0.05 && gp < 0.35, "random {random}, tpe {tpe}, gp {gp}");
}

#[test]
fn several_asks_outstanding_are_different_points() {
    for sampler in SamplerKind::ALL {
        let study = Study::new(mixed(), options(sampler, 0)).unwrap();
        for _ in 0..12 {
            let trial = study.ask().unwrap();
            study.tell(trial.number, cost(&trial)).unwrap();
        }
        let asked: Vec<Trial> = (0..8).map(|_| study.ask().unwrap()).collect();
        let rates: BTreeSet<String> = asked.iter().map(|t| format!("{:?}", t.params)).collect();
        assert_eq!(rates.len(), 8, "{sampler:?}");
        for trial in asked.iter().rev() {
            study.tell(trial.number, cost(trial)).unwrap();
        }
        assert_eq!(study.finished()[12..], [19, 18, 17, 16, 15, 14, 13, 12]);
    }
}

#[test]
fn a_lag_gives_the_same_trials_for_any_number_of_workers() {
    let trials = |n_jobs: usize| {
        let study = Study::new(mixed(), StudyOptions { lag: Some(4), ..options(SamplerKind::Auto, 5) }).unwrap();
        let slow = AtomicU64::new(0);
        study
            .optimize(&Optimize { n_trials: 24, n_jobs, max_seconds: None }, &Run::new(), |t| {
                // Some take longer than others.
                std::thread::sleep(std::time::Duration::from_millis(slow.fetch_add(7, Ordering::Relaxed) % 5));
                Ok(cost(t).into())
            })
            .unwrap();
        study.trials()
    };
    let one = trials(1);
    assert_eq!(one.len(), 24);
    assert_eq!(one, trials(2));
    assert_eq!(one, trials(4));
    assert_eq!(one, trials(8));
}

#[test]
fn nan_infinities_errors_and_panics_are_failures_and_never_scores() {
    let study = Study::new(mixed(), options(SamplerKind::Auto, 0)).unwrap();
    let objective = |t: &Ongoing<'_>| -> Result<Outcome> {
        match t.number % 6 {
            0 => Ok(f64::NAN.into()),
            1 => Ok(f64::NEG_INFINITY.into()),
            2 => Err(Error::Numeric { what: "fit", why: "no end".into(), hint: "none".into() }),
            3 => panic!("boom"),
            _ => Ok(cost(t).into()),
        }
    };
    study.optimize(&Optimize { n_trials: 30, ..Optimize::default() }, &Run::new(), objective).unwrap();
    let trials = study.trials();
    assert_eq!(trials.iter().filter(|t| t.state == TrialState::Failed).count(), 20);
    assert!(trials.iter().all(|t| (t.state == TrialState::Failed) == (t.error.is_some() && t.values.is_empty())));
    assert!(trials[0].error.as_ref().unwrap().contains("NaN") && trials[2].error.as_ref().unwrap().contains("no end"));
    assert!(trials[3].error.as_ref().unwrap().contains("panicked"));
    assert!(study.best().unwrap().value().unwrap() > 0.0);
    let none = Study::new(mixed(), options(SamplerKind::Auto, 0)).unwrap();
    let e = none
        .optimize(&Optimize { n_trials: 3, ..Optimize::default() }, &Run::new(), |_| Ok(f64::NAN.into()))
        .unwrap_err();
    assert!(e.kind() == ErrorKind::InvalidData && e.to_string().contains("none of them complete"), "{e}");
}

#[test]
fn a_failed_point_is_not_proposed_for_ever() {
    for sampler in SamplerKind::ALL {
        // Half of a small space fails always.
        let space = SearchSpace::new([("a", Param::int(0, 3)), ("b", Param::choice(["x", "y"]))]).unwrap();
        let study = Study::new(space, options(sampler, 0)).unwrap();
        let mut failures = std::collections::BTreeMap::<String, u32>::new();
        for _ in 0..40 {
            let trial = study.ask().unwrap();
            let outcome = match trial.choice("b").unwrap() {
                "x" => Outcome::Failed("x".into()),
                _ => (trial.int("a").unwrap() as f64).into(),
            };
            if matches!(outcome, Outcome::Failed(_)) {
                *failures.entry(format!("{:?}", trial.params)).or_default() += 1;
            }
            study.tell(trial.number, outcome).unwrap();
        }
        assert!(failures.values().all(|&n| n <= 3), "{sampler:?}: {failures:?}");
        // A space of one point that fails.
        let study = Study::new(SearchSpace::new([("a", Param::int(1, 1))]).unwrap(), options(sampler, 0)).unwrap();
        for _ in 0..3 {
            let trial = study.ask().unwrap();
            study.tell(trial.number, Outcome::Failed("always".into())).unwrap();
        }
        let e = study.ask().unwrap_err();
        assert!(e.kind() == ErrorKind::Numeric && e.to_string().contains("failed 3 times"), "{sampler:?}: {e}");
    }
}

#[test]
fn a_space_of_one_point_of_a_thousand_parameters_and_of_no_point() {
    for sampler in SamplerKind::ALL {
        let study =
            Study::new(SearchSpace::new([("a", Param::float(2.0, 2.0))]).unwrap(), options(sampler, 0)).unwrap();
        study
            .optimize(&Optimize { n_trials: 15, ..Optimize::default() }, &Run::new(), |t| Ok(t.float("a")?.into()))
            .unwrap();
        assert_eq!(study.best().unwrap().value(), Some(2.0));
    }
    for sampler in [SamplerKind::Auto, SamplerKind::Sobol] {
        let many =
            (0..1000).map(|i| (format!("p{i:03}"), if i % 2 == 0 { Param::float(0.0, 1.0) } else { Param::int(0, 5) }));
        let study = Study::new(SearchSpace::new(many).unwrap(), options(sampler, 0)).unwrap();
        let sum = |t: &Ongoing<'_>| Ok(t.params.values().filter_map(serde_json::Value::as_f64).sum::<f64>().into());
        study.optimize(&Optimize { n_trials: 14, ..Optimize::default() }, &Run::new(), sum).unwrap();
        assert_eq!(study.trials().len(), 14);
    }
    let never = Constraint { weights: [("a".to_owned(), 1.0)].into(), max: -1.0 };
    let space = SearchSpace::new([("a", Param::float(0.0, 1.0))]).unwrap().constrained([never]).unwrap();
    let e = Study::new(space, StudyOptions::default()).unwrap().ask().unwrap_err();
    assert!(e.to_string().contains("loosen the constraints"), "{e}");
}

#[test]
fn cancellation_ends_it_and_the_trial_in_flight_waits() {
    let token = CancelToken::new();
    let run = Run::new().cancel_token(token.clone());
    let study = Study::new(mixed(), options(SamplerKind::Random, 0)).unwrap();
    let objective = |t: &Ongoing<'_>| {
        if t.number == 5 {
            token.cancel();
            t.run().check()?;
        }
        Ok(cost(t).into())
    };
    let e = study.optimize(&Optimize { n_trials: 20, ..Optimize::default() }, &run, objective).unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Cancelled);
    let trials = study.trials();
    assert_eq!((trials.len(), trials[5].state), (6, TrialState::Waiting));
    assert_eq!(study.ask().unwrap().number, 5);
    let late = Optimize { n_trials: 20, n_jobs: 1, max_seconds: Some(0.0) };
    study.optimize(&late, &Run::new(), |t| Ok(cost(t).into())).unwrap();
    assert_eq!(study.trials().len(), 6);
}

#[test]
fn ask_and_tell_say_what_is_wrong() {
    let study = Study::new(mixed(), StudyOptions::default()).unwrap();
    assert_eq!(study.tell(0, 1.0).unwrap_err().kind(), ErrorKind::NotFound);
    let trial = study.ask().unwrap();
    let e = study.tell(0, vec![1.0, 2.0]).unwrap_err().to_string();
    assert!(e.contains("2 values") && e.contains("one an objective"), "{e}");
    assert!(study.report(0, 0, f64::NAN).is_err());
    study.note(0, "folds", json!([1, 2])).unwrap();
    assert_eq!(study.tell(0, cost(&trial)).unwrap().notes["folds"], json!([1, 2]));
    let e = study.tell(0, 1.0).unwrap_err().to_string();
    assert!(e.contains("complete") && e.contains("running trial"), "{e}");
    assert!(study.trial(7).unwrap_err().to_string().contains("0 to 0"));
    for bad in [
        r#"{"direction": []}"#,
        r#"{"lag": 0}"#,
        r#"{"sampler": "best"}"#,
        r#"{"pruner": {"type": "wilcoxon", "p_value": 2}}"#,
    ] {
        assert_eq!(StudyOptions::from_json(bad).unwrap_err().kind(), ErrorKind::InvalidParam, "{bad}");
    }
    for bad in
        [Optimize { n_jobs: 0, ..Optimize::default() }, Optimize { max_seconds: Some(-1.0), ..Optimize::default() }]
    {
        assert!(study.optimize(&bad, &Run::new(), |_| Ok(0.0.into())).is_err());
    }
}

#[test]
fn trials_given_come_first_and_a_grown_space_keeps_the_old_ones() {
    let small = SearchSpace::new([("n", Param::int(1, 4)), ("kind", Param::choice(["a", "b"]))]).unwrap();
    let study = Study::new(small, options(SamplerKind::Auto, 0)).unwrap();
    let given = Params::from([("n".to_owned(), json!(4)), ("kind".to_owned(), json!("b"))]);
    study.enqueue(&given).unwrap();
    assert!(study.enqueue(&Params::new()).is_err());
    let objective = |t: &Ongoing<'_>| {
        let kind = match t.choice("kind")? {
            "c" => 0.0,
            _ => 1.0,
        };
        Ok((kind - t.int("n")? as f64).into())
    };
    study.optimize(&Optimize { n_trials: 12, ..Optimize::default() }, &Run::new(), objective).unwrap();
    assert_eq!(study.trials()[0].params, given);
    study
        .set_space(SearchSpace::new([("n", Param::int(1, 40)), ("kind", Param::choice(["a", "b", "c"]))]).unwrap())
        .unwrap();
    study.optimize(&Optimize { n_trials: 20, ..Optimize::default() }, &Run::new(), objective).unwrap();
    let best = study.best().unwrap();
    assert!(best.choice("kind").unwrap() == "c" && best.int("n").unwrap() >= 39, "{best:?}");
}

#[test]
fn a_pruned_trial_is_a_state_and_no_score() {
    let pruner = Some(Pruner::wilcoxon());
    let study = Study::new(mixed(), StudyOptions { pruner, ..options(SamplerKind::Auto, 3) }).unwrap();
    let objective = |t: &Ongoing<'_>| {
        let base = cost(t);
        for fold in 0..8 {
            if t.report(fold, base + 0.01 * fold as f64)? {
                return Ok(Outcome::Pruned);
            }
        }
        Ok((base + 0.035).into())
    };
    study.optimize(&Optimize { n_trials: 40, ..Optimize::default() }, &Run::new(), objective).unwrap();
    let trials = study.trials();
    let pruned: Vec<&Trial> = trials.iter().filter(|t| t.state == TrialState::Pruned).collect();
    assert!(pruned.len() > 10, "{}", pruned.len());
    assert!(pruned.iter().all(|t| t.values.is_empty() && (4..8).contains(&t.reports.len())));
    let best = study.best().unwrap();
    assert!(trials.iter().all(|t| t.value().is_none_or(|v| v >= best.value().unwrap())));
}

#[test]
fn two_objectives_give_a_front_that_covers_more_than_random_search() {
    let front = |sampler| {
        let space = SearchSpace::new((0..4).map(|i| (format!("x{i}"), Param::float(0.0, 1.0)))).unwrap();
        let direction = Directions::Several(vec![Direction::Minimize, Direction::Maximize]);
        let study = Study::new(space, StudyOptions { direction, ..options(sampler, 0) }).unwrap();
        let objective = |t: &Ongoing<'_>| {
            let x: Vec<f64> = (0..4).map(|i| t.float(&format!("x{i}"))).collect::<Result<_>>()?;
            let rest: f64 = x[1..].iter().map(|v| (v - 0.5) * (v - 0.5)).sum();
            Ok(vec![x[0] + rest, -(1.0 - x[0].sqrt() + rest)].into())
        };
        study.optimize(&Optimize { n_trials: 40, ..Optimize::default() }, &Run::new(), objective).unwrap();
        assert_eq!(study.best().unwrap_err().kind(), ErrorKind::Unsupported);
        let front = study.pareto_front();
        for a in &front {
            assert!(!front.iter().any(|b| dominates(&[b.values[0], -b.values[1]], &[a.values[0], -a.values[1]])));
        }
        study.hypervolume(&[1.5, -1.5]).unwrap()
    };
    let (random, tpe, gp) = (front(SamplerKind::Random), front(SamplerKind::Tpe), front(SamplerKind::Gp));
    // The whole front covers about 1.92.
    assert!(tpe > random && gp > random && gp > 1.7, "random {random}, tpe {tpe}, gp {gp}");
}

#[test]
fn importance_tells_apart_what_matters() {
    let space = SearchSpace::new([
        ("much", Param::float(0.0, 1.0)),
        ("kind", Param::choice(["a", "b", "c"])),
        ("little", Param::float(0.0, 1.0)),
        ("nothing", Param::int(0, 9)),
    ]);
    let study = Study::new(space.unwrap(), options(SamplerKind::Sobol, 0)).unwrap();
    assert!(study.importance(0).is_err());
    let objective = |t: &Ongoing<'_>| {
        let kind = if t.choice("kind")? == "b" { 2.0 } else { 0.0 };
        Ok((6.0 * t.float("much")? + kind + 0.5 * t.float("little")?).into())
    };
    study.optimize(&Optimize { n_trials: 200, ..Optimize::default() }, &Run::new(), objective).unwrap();
    let found = study.importance(0).unwrap();
    // Of the variance 36/12 + 4·2/9 + 0.25/12 = 3.91: 0.767, 0.227, 0.005, 0.
    let share = |name: &str| found.params[name];
    assert!((share("much") - 0.767).abs() < 0.05 && (share("kind") - 0.227).abs() < 0.05, "{found:?}");
    assert!(share("little") < 0.03 && share("nothing") < 0.01 && found.interactions < 0.06, "{found:?}");
    assert!(study.importance(1).is_err());
}

#[test]
fn a_journal_cut_at_any_byte_goes_on_as_if_nothing_had_happened() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let options = StudyOptions { pruner: Some(Pruner::wilcoxon()), ..options(SamplerKind::Tpe, 11) };
    let objective = |t: &Ongoing<'_>| {
        t.report(0, cost(t))?;
        t.note("half", json!(cost(t) / 2.0))?;
        if t.number == 4 { Err(Error::Internal("four".into())) } else { Ok(cost(t).into()) }
    };
    let run = |study: &Study, n: u64| {
        study.optimize(&Optimize { n_trials: n, ..Optimize::default() }, &Run::new(), objective)
    };
    let study = Study::open(&whole, mixed(), options.clone()).unwrap();
    run(&study, 14).unwrap();
    let want = study.trials();
    let bytes = std::fs::read(&whole).unwrap();
    drop(study);
    let torn = dir.path().join("torn");
    for cut in (0..bytes.len()).step_by(61).chain([bytes.len()]) {
        std::fs::write(&torn, &bytes[..cut]).unwrap();
        let study = Study::open(&torn, mixed(), options.clone()).unwrap();
        let done = study.finished().len() as u64;
        run(&study, 14 - done).unwrap();
        assert_eq!(study.trials(), want, "cut at {cut}");
        drop(study);
        assert_eq!(Study::load(&torn).unwrap().trials(), want);
    }
}

#[test]
fn several_share_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("shared");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                // Each opens the file for itself, as processes do.
                let study = Study::open(&path, mixed(), options(SamplerKind::Tpe, 0)).unwrap();
                study
                    .optimize(&Optimize { n_trials: 10, ..Optimize::default() }, &Run::new(), |t| Ok(cost(t).into()))
                    .unwrap();
            });
        }
    });
    let study = Study::load(&path).unwrap();
    let trials = study.trials();
    assert_eq!(trials.len(), 30);
    assert!(trials.iter().all(|t| t.state == TrialState::Complete));
    let different: BTreeSet<String> = trials.iter().map(|t| format!("{:?}", t.params)).collect();
    assert_eq!(different.len(), 30);
    // While it is open here, another's running trials are left alone; later they wait.
    let asked = study.ask().unwrap();
    let other = Study::load(&path).unwrap();
    assert_eq!(other.trial(30).unwrap().state, TrialState::Running);
    drop((study, other));
    let again = Study::load(&path).unwrap().ask().unwrap();
    assert_eq!((again.number, again.params), (30, asked.params));
    let e = Study::open(&path, mixed(), options(SamplerKind::Tpe, 1)).unwrap_err();
    assert!(e.to_string().contains("those of the journal"), "{e}");
    assert_eq!(Study::load(dir.path().join("none")).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn posterior_is_scikit_learns() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/gaussian_process.json");
    let vectors: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let numbers =
        |v: &serde_json::Value| v.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<f64>>();
    let rows = |v: &serde_json::Value| v.as_array().unwrap().iter().map(numbers).collect::<Vec<_>>();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 3);
    for case in cases {
        let (input, expected) = (&case["input"], &case["expected"]);
        let number = |name: &str| input[name].as_f64().unwrap();
        let gp = GaussianProcess::new(
            rows(&input["x"]),
            &numbers(&input["y"]),
            &numbers(&input["length_scales"]),
            number("variance"),
            number("noise"),
        )
        .unwrap();
        for ((at, mean), deviation) in
            rows(&input["at"]).iter().zip(numbers(&expected["mean"])).zip(numbers(&expected["deviation"]))
        {
            let (got, variance) = gp.predict(at);
            assert!(
                (got - mean).abs() < 1e-7 && (variance.sqrt() - deviation).abs() < 1e-6,
                "{case}: {got} {variance}"
            );
        }
    }
    assert!(GaussianProcess::new(vec![vec![0.0]], &[0.0], &[0.0], 1.0, 0.0).is_none());
    assert!(GaussianProcess::new(vec![vec![0.0]], &[f64::NAN], &[1.0], 1.0, 0.0).is_none());
}
