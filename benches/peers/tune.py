"""The search beside Optuna: best values of 50 and 100 trials on four objectives, and CPU time per suggestion, in one run.

python tune.py PATH_OF_THE_tune_BENCH [SEEDS]

Optuna's GPSampler needs torch (requirements-tune.txt). For each objective and budget: the medians over the seeds, and the one-sided
Mann-Whitney test that ours is worse. Exits with 1 where ours is significantly worse (0.05) than Optuna's better sampler.
"""

import json
import math
import subprocess
import sys
import time
import warnings

OBJECTIVES = ("branin", "hartmann6", "levy10", "mixed10")
SAMPLERS = ("tpe", "gp")
BUDGETS = ("50", "100")

HARTMANN_A = [
    [10, 3, 17, 3.5, 1.7, 8],
    [0.05, 10, 17, 0.1, 8, 14],
    [3, 3.5, 1.7, 10, 17, 8],
    [17, 8, 0.05, 10, 0.1, 14],
]
HARTMANN_P = [
    [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
    [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
    [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
    [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
]


def floats(trial, n, low, high):
    return [trial.suggest_float(f"x{i}", low, high) for i in range(n)]


def branin(trial):
    x, y = trial.suggest_float("x0", -5, 10), trial.suggest_float("x1", 0, 15)
    inner = y - 5.1 / (4 * math.pi**2) * x * x + 5 / math.pi * x - 6
    return inner**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann6(trial):
    x = floats(trial, 6, 0, 1)
    parts = [
        sum(a * (v - p) ** 2 for a, p, v in zip(*rows, x, strict=True))
        for rows in zip(HARTMANN_A, HARTMANN_P, strict=True)
    ]
    return -sum(c * math.exp(-part) for c, part in zip([1, 1.2, 3, 3.2], parts, strict=True))


def levy10(trial):
    w = [1 + (x - 1) / 4 for x in floats(trial, 10, -10, 10)]
    inner = sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])
    return math.sin(math.pi * w[0]) ** 2 + inner + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)


def mixed10(trial):
    rate, l2 = trial.suggest_float("rate", 1e-4, 1, log=True), trial.suggest_float("l2", 1e-6, 10, log=True)
    fraction, shift = trial.suggest_float("fraction", 0, 1), trial.suggest_float("shift", -5, 5)
    depth, leaves = trial.suggest_int("depth", 2, 12), trial.suggest_int("leaves", 4, 512, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b", "c", "d", "e"])
    encode = trial.suggest_categorical("encode", ["one_hot", "target", "ordinal"])
    level = trial.suggest_int("level", 0, 4)  # Optuna has no ordered choice.
    weights = trial.suggest_categorical("weights", [True, False])
    k = "abcde".index(kind)
    return (
        math.log(rate / 0.03) ** 2 / 6
        + abs(math.log(l2 / 1e-3)) / 8
        + 3 * (fraction - 0.3 - 0.1 * k) ** 2
        + 0.3 * (1 - math.cos(2 * shift))
        + shift**2 / 25
        + ((depth - 4 - k) / 4) ** 2
        + math.log(leaves / 48) ** 2 / 5
        + [0.3, 0.5, 0.0, 0.4, 0.2][k]
        + {"one_hot": 0.15, "target": 0.0 if k == 2 else 0.4, "ordinal": 0.25}[encode]
        + (level - 3) ** 2 / 8
        + (0.0 if weights else 0.2)
    )


def sphere10(trial):
    return sum((x - 0.3) ** 2 for x in floats(trial, 10, 0, 1))


def study(sampler, seed):
    import optuna
    import torch

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    kinds = {
        "tpe": optuna.samplers.TPESampler,
        "gp": optuna.samplers.GPSampler,
        "random": optuna.samplers.RandomSampler,
    }
    return optuna.create_study(sampler=kinds[sampler](seed=seed))


def peer_quality(objective, sampler, first, seeds):
    for seed in range(int(first), int(first) + int(seeds)):
        searched = study(sampler, seed)
        best = {}
        for budget in BUDGETS:
            searched.optimize(globals()[objective], n_trials=int(budget) - len(searched.trials))
            best[budget] = searched.best_value
        print(json.dumps({"objective": objective, "sampler": sampler, "seed": seed, "best": best}), flush=True)


def peer_time(sampler, trials):
    import optuna

    searched, drawn = study(sampler, 0), study("random", 0)
    drawn.optimize(sphere10, n_trials=int(trials))
    searched.add_trials(drawn.trials)
    space = {f"x{i}": optuna.distributions.FloatDistribution(0, 1) for i in range(10)}
    start, n = time.process_time(), 0
    while n < 5 or (time.process_time() - start < 1 and n < 100):
        trial = searched.ask(space)
        searched.tell(trial, sum((x - 0.3) ** 2 for x in trial.params.values()))
        n += 1
    print(json.dumps({"sampler": sampler, "seconds": (time.process_time() - start) / n}))


def lines(*command):
    out = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def main(ours, seeds="20"):
    import statistics

    from scipy.stats import mannwhitneyu

    peer = (sys.executable, __file__, "--peer")
    for sampler, trials, target in (("tpe", "1000", 50), ("gp", "200", 10)):
        mine = lines(ours, "time", sampler, trials)[0]["seconds"]
        theirs = lines(*peer, "time", sampler, trials)[0]["seconds"]
        print(
            f"{sampler}, a suggestion after {trials} trials in 10 dimensions: ours {1e3 * mine:.3f} ms, Optuna {1e3 * theirs:.1f} ms of CPU "
            f"time, 1/{theirs / mine:.0f} (target 1/{target})"
        )
    worse, better, cases = 0, 0, 0
    for objective in OBJECTIVES:
        mine = lines(ours, "quality", objective, "auto", "0", seeds)
        theirs = {s: lines(*peer, "quality", objective, s, "0", seeds) for s in SAMPLERS}
        for budget in BUDGETS:
            values = [run["best"][budget] for run in mine]
            peers = {s: [run["best"][budget] for run in runs] for s, runs in theirs.items()}
            medians = {s: statistics.median(v) for s, v in peers.items()}
            best = min(medians, key=medians.get)
            p = mannwhitneyu(values, peers[best], alternative="greater").pvalue
            mine_median = statistics.median(values)
            cases += 1
            worse += p < 0.05
            better += mine_median < medians[best]
            shown = ", ".join(f"Optuna {s} {m:.6g}" for s, m in medians.items())
            print(
                f"{objective}, {budget} trials, {seeds} seeds: median ours {mine_median:.6g}, {shown}; p(worse than {best}) {p:.3f}"
            )
    print(f"better median on {better} of {cases}, significantly worse on {worse}")
    sys.exit(1 if worse else 0)


if __name__ == "__main__":
    if sys.argv[1] == "--peer":
        {"quality": peer_quality, "time": peer_time}[sys.argv[2]](*sys.argv[3:])
    else:
        main(*sys.argv[1:])
