"""Studies from Python: what crosses the border, threads, failures, journals."""

from __future__ import annotations

import json
import math
import threading

import attrition
import pytest
from attrition import Choice, Float, Int, Study, TrialPruned

SPACE = {
    "rate": Float(1e-4, 1, log=True),
    "depth": Int(2, 10),
    "kind": Choice(["a", "b"]),
    "ratio": Float(0, 1, when=("kind", "b")),
    "level": Choice([None, False, 2], ordered=True, when={"kind": ["a", "b"]}),
}


def cost(trial: attrition.Trial) -> float:
    p = trial.params
    return (math.log10(p["rate"]) + 2) ** 2 + abs(p["depth"] - 6) / 4 + p.get("ratio", 1) + (p["level"] is not None)


def test_a_search_finds_the_minimum_and_is_the_same_again() -> None:
    study = Study(SPACE, seed=1)
    study.optimize(cost, n_trials=40)
    assert study.best_params["kind"] == "b" and study.best_params["depth"] == 6 and study.best_params["level"] is None
    assert study.best_value == min(t.value for t in study.trials if t.value is not None) < 0.2
    assert type(study.best_params["rate"]) is float and type(study.best_params["depth"]) is int
    again = Study(SPACE, seed=1)
    for _ in range(40):
        trial = again.ask()
        assert trial.state == "running" and trial.value is None
        assert again.tell(trial, cost(trial)).state == "complete"
    assert again.to_dict()["trials"] == study.to_dict()["trials"]
    assert set(study.importance()) == set(SPACE)
    json.dumps(study.to_dict())


def test_conditions_hold_and_the_space_reads_back() -> None:
    study = Study(SPACE, sampler="random", constraints=[{"weights": {"depth": 1}, "max": 5}])
    for _ in range(30):
        trial = study.ask()
        assert ("ratio" in trial.params) == (trial.params["kind"] == "b")
        assert trial.params["depth"] <= 5
        study.tell(trial, pruned=True)
    space = study.space
    assert space["version"] == 1 and space["params"]["ratio"]["when"] == {"kind": ["b"]}
    assert Study(space["params"], sampler="random", constraints=space["constraints"]).space == space


def test_jobs_run_on_threads_and_a_lag_makes_them_equal() -> None:
    seen = set()

    def fn(trial: attrition.Trial) -> float:
        seen.add(threading.get_ident())
        return cost(trial)

    def trials(n_jobs: int) -> list[dict[str, object]]:
        study = Study(SPACE, lag=3, seed=2)
        study.optimize(fn, n_trials=18, n_jobs=n_jobs)
        return [t.to_dict() for t in study.trials]

    assert trials(1) == trials(3)
    assert threading.get_ident() not in seen


def test_failures_are_a_state_with_their_error() -> None:
    def fn(trial: attrition.Trial) -> float:
        trial.note("twice", [trial.number] * 2)
        if trial.number % 4 == 0:
            raise ZeroDivisionError("no rows")
        if trial.number % 4 == 1:
            return float("nan")
        if trial.number % 4 == 2:
            trial.report(0, 1.0)
            raise TrialPruned
        return cost(trial)

    study = Study(SPACE)
    events: list[attrition.Event] = []
    study.optimize(fn, n_trials=8, progress=events.append)
    assert [t.state for t in study.trials] == ["failed", "failed", "pruned", "complete"] * 2
    assert study.trials[0].error is not None and "ZeroDivisionError: no rows" in study.trials[0].error
    assert study.trials[1].error is not None and "NaN" in study.trials[1].error
    assert (
        study.trials[2].reports == {0: 1.0}
        and study.trials[2].notes == {"twice": [2, 2]}
        and study.trials[2].value is None
    )
    assert (events[-1].stage, events[-1].done, events[-1].total) == ("tune", 8, 8)
    with pytest.raises(attrition.InvalidDataError, match="none of them complete; trial 2 failed: KeyError"):
        Study(SPACE).optimize(lambda trial: trial.params["no such"], n_trials=3)


def test_pruning_by_folds() -> None:
    def fn(trial: attrition.Trial) -> float:
        for fold in range(6):
            if trial.report(fold, cost(trial) + fold / 10):
                raise TrialPruned
        return cost(trial)

    study = Study(SPACE, pruner={"type": "wilcoxon"})
    study.optimize(fn, n_trials=30)
    assert sum(t.state == "pruned" for t in study.trials) > 5


def test_a_journal_is_resumed(tmp_path) -> None:
    path = tmp_path / "study.journal"
    study = Study(SPACE, storage=path, seed=3)
    study.optimize(cost, n_trials=12)
    study.ask()
    del study
    again = Study(SPACE, storage=str(path), seed=3)
    assert [t.state for t in again.trials] == ["complete"] * 12 + ["waiting"]
    again.optimize(cost, n_trials=3)
    whole = Study(SPACE, seed=3)
    whole.optimize(cost, n_trials=15)
    assert [t.to_dict() for t in again.trials] == [t.to_dict() for t in whole.trials]
    loaded = Study.load(path)
    assert loaded.best_params == whole.best_params and loaded.options["seed"] == 3
    with pytest.raises(attrition.InvalidParamError, match="those of the journal"):
        Study(SPACE, storage=path, seed=4)


def test_a_space_grows_and_trials_can_be_given() -> None:
    study = Study({"n": Int(1, 4)})
    assert study.enqueue({"n": 4}) == 0
    study.optimize(lambda trial: -trial.params["n"], n_trials=6)
    assert study.trials[0].params == {"n": 4}
    study.set_space({"n": Int(1, 50)})
    study.optimize(lambda trial: -trial.params["n"], n_trials=15)
    assert study.best_params["n"] > 45


def test_two_objectives() -> None:
    study = Study({"x": Float(0, 1)}, direction=["minimize", "maximize"])
    study.optimize(lambda trial: [trial.params["x"], trial.params["x"] ** 2], n_trials=15)
    assert len(study.pareto_front) == 15
    assert 0 < study.hypervolume([1, 0]) < 1
    with pytest.raises(attrition.UnsupportedError, match="Pareto"):
        study.best_value  # noqa: B018


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Study({}), "at least one parameter"),
        (lambda: Study({"x": Float(1, 0)}), "x.low"),
        (lambda: Study({"x": Float(0, 1)}, sampler="best"), "sampler"),
        (lambda: Study({"x": Float(0, 1, when=("y", 1))}), "no parameter named `y`"),
        (lambda: Study({"x": Float(0, 1)}).tell(3, 1.0), "no trial named"),
        (lambda: Study({"x": Float(0, 1)}).optimize(cost, n_jobs=0), "n_jobs"),
    ],
)
def test_wrong_input_is_a_clear_error(call, message: str) -> None:
    with pytest.raises(attrition.AttritionError, match=message):
        call()


def test_what_the_progress_raises_ends_the_search() -> None:
    def stop(event: attrition.Event) -> None:
        if event.done >= 3:
            raise KeyboardInterrupt

    study = Study(SPACE, sampler="random")
    with pytest.raises(KeyboardInterrupt):
        study.optimize(lambda trial: threading.Event().wait(0.01) or cost(trial), n_trials=1000, progress=stop)
    assert 3 <= len(study.trials) < 1000
