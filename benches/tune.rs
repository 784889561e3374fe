//! The search beside its peers: best values after 50 and 100 trials, and time per suggestion. One JSON line a result.
//!
//! `tune quality OBJECTIVE SAMPLER FIRST_SEED SEEDS`: `{"task", "objective", "sampler", "seed", "best": {"50": …, "100": …}}`.
//! `tune time SAMPLER TRIALS`: CPU seconds a suggestion after so many trials in ten dimensions.
#![allow(clippy::disallowed_methods, reason = "objectives of a bench need no equal bits")]

use std::f64::consts::PI;

use attrition_core::tune::{Param, SamplerKind, SearchSpace, Study, StudyOptions, Trial};
use attrition_core::{Result, Seed};

const TRIALS: usize = 100;

fn line(n: usize, low: f64, high: f64) -> Result<SearchSpace> {
    SearchSpace::new((0..n).map(|i| (format!("x{i}"), Param::float(low, high))))
}

fn space(objective: &str) -> Result<SearchSpace> {
    match objective {
        "branin" => SearchSpace::new([("x0", Param::float(-5.0, 10.0)), ("x1", Param::float(0.0, 15.0))]),
        "hartmann6" => line(6, 0.0, 1.0),
        "levy10" => line(10, -10.0, 10.0),
        "sphere10" => line(10, 0.0, 1.0),
        "mixed10" => SearchSpace::new([
            ("rate", Param::float(1e-4, 1.0).log()),
            ("l2", Param::float(1e-6, 10.0).log()),
            ("fraction", Param::float(0.0, 1.0)),
            ("shift", Param::float(-5.0, 5.0)),
            ("depth", Param::int(2, 12)),
            ("leaves", Param::int(4, 512).log()),
            ("kind", Param::choice(["a", "b", "c", "d", "e"])),
            ("encode", Param::choice(["one_hot", "target", "ordinal"])),
            ("level", Param::choice([0, 1, 2, 3, 4]).ordered()),
            ("weights", Param::choice([true, false])),
        ]),
        other => panic!("no objective {other}"),
    }
}

fn xs(trial: &Trial, n: usize) -> Vec<f64> {
    (0..n).map(|i| trial.float(&format!("x{i}")).unwrap()).collect()
}

fn value(objective: &str, trial: &Trial) -> f64 {
    match objective {
        "branin" => {
            let x = xs(trial, 2);
            let inner = x[1] - 5.1 / (4.0 * PI * PI) * x[0] * x[0] + 5.0 / PI * x[0] - 6.0;
            inner * inner + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x[0].cos() + 10.0
        }
        "hartmann6" => {
            const A: [[f64; 6]; 4] = [
                [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
                [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
                [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
                [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
            ];
            const P: [[f64; 6]; 4] = [
                [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
                [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
                [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
                [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
            ];
            let x = xs(trial, 6);
            let part = |i: usize| (0..6).map(|j| A[i][j] * (x[j] - P[i][j]) * (x[j] - P[i][j])).sum::<f64>();
            -[1.0, 1.2, 3.0, 3.2].iter().enumerate().map(|(i, c)| c * (-part(i)).exp()).sum::<f64>()
        }
        "levy10" => {
            let w: Vec<f64> = xs(trial, 10).iter().map(|x| 1.0 + (x - 1.0) / 4.0).collect();
            let square = |v: f64| v * v;
            let inner = w[..9].iter().map(|w| square(w - 1.0) * (1.0 + 10.0 * square((PI * w + 1.0).sin())));
            let last = square(w[9] - 1.0) * (1.0 + square((2.0 * PI * w[9]).sin()));
            square((PI * w[0]).sin()) + inner.sum::<f64>() + last
        }
        "sphere10" => xs(trial, 10).iter().map(|x| (x - 0.3) * (x - 0.3)).sum(),
        _ => {
            let float = |name: &str| trial.float(name).unwrap();
            let int = |name: &str| trial.int(name).unwrap() as f64;
            let kind = trial.choice("kind").unwrap().as_bytes()[0] - b'a';
            let k = f64::from(kind);
            let encode = match trial.choice("encode").unwrap() {
                "one_hot" => 0.15,
                "target" if kind == 2 => 0.0,
                "target" => 0.4,
                _ => 0.25,
            };
            let square = |v: f64| v * v;
            let weights = trial.params["weights"] == true;
            square((float("rate") / 0.03).ln()) / 6.0
                + (float("l2") / 1e-3).ln().abs() / 8.0
                + 3.0 * square(float("fraction") - 0.3 - 0.1 * k)
                + 0.3 * (1.0 - (2.0 * float("shift")).cos())
                + square(float("shift")) / 25.0
                + square((int("depth") - 4.0 - k) / 4.0)
                + square((int("leaves") / 48.0).ln()) / 5.0
                + [0.3, 0.5, 0.0, 0.4, 0.2][usize::from(kind)]
                + encode
                + square(int("level") - 3.0) / 8.0
                + if weights { 0.0 } else { 0.2 }
        }
    }
}

fn sampler(name: &str) -> SamplerKind {
    serde_json::from_value(name.into()).unwrap()
}

fn quality(objective: &str, name: &str, first: u64, seeds: u64) -> Result<()> {
    for seed in first..first + seeds {
        let options = StudyOptions { sampler: sampler(name), seed: Seed(seed), ..StudyOptions::default() };
        let study = Study::new(space(objective)?, options)?;
        let mut best = serde_json::Map::new();
        for done in 1..=TRIALS {
            let trial = study.ask()?;
            study.tell(trial.number, value(objective, &trial))?;
            if done == 50 || done == TRIALS {
                best.insert(done.to_string(), study.best()?.value().into());
            }
        }
        let line =
            serde_json::json!({"task": "quality", "objective": objective, "sampler": name, "seed": seed, "best": best});
        println!("{line}");
    }
    Ok(())
}

/// CPU seconds of this process.
fn cpu() -> f64 {
    // Fields 14 and 15 of /proc/self/stat, in hundredths: fine enough for many suggestions together.
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn time(name: &str, trials: usize) -> Result<()> {
    let options = StudyOptions { sampler: SamplerKind::Random, ..StudyOptions::default() };
    let random = Study::new(space("sphere10")?, options)?;
    let study = Study::new(space("sphere10")?, StudyOptions { sampler: sampler(name), ..StudyOptions::default() })?;
    for _ in 0..trials {
        let drawn = random.ask()?;
        study.enqueue(&drawn.params)?;
        let trial = study.ask()?;
        study.tell(trial.number, value("sphere10", &trial))?;
    }
    let (start, mut n) = (cpu(), 0);
    while n < 20 || (cpu() - start < 1.0 && n < 2000) {
        // The study grows by what is measured, as the peer's does.
        let trial = study.ask()?;
        study.tell(trial.number, value("sphere10", &trial))?;
        n += 1;
    }
    let seconds = (cpu() - start) / f64::from(n);
    println!(
        "{}",
        serde_json::json!({"task": "time", "sampler": name, "trials": trials, "seconds": seconds, "suggestions": n})
    );
    Ok(())
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a whole number");
    match words[..] {
        ["quality", objective, sampler, first, seeds] => quality(objective, sampler, number(first), number(seeds)),
        ["time", sampler, trials] => time(sampler, number(trials) as usize),
        _ => {
            time("tpe", 1000)?;
            time("gp", 200)
        }
    }
}
