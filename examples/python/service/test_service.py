"""The service answers on a real socket as the model itself does."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrition
import pytest

EMPLOYEES = attrition.datasets.employees(400, seed=0)


class Service:
    def __init__(self, url: str, model: attrition.Model, log: Path) -> None:
        self.url, self.model, self.log = url, model, log

    def call(self, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    model = attrition.train(EMPLOYEES, target="Attrition", positive="Yes", learner="logistic")
    model.save(folder / "attrition.model")
    script = Path(__file__).with_name("service.py")
    command = [sys.executable, script, "attrition.model", "--log", "log.jsonl", "--port", "0"]
    with (folder / "stderr").open("w") as errors:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        # A service that never says where it is must not hold the tests up.
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        watchdog.cancel()
        assert url.startswith("http://127.0.0.1:"), (folder / "stderr").read_text()
        yield Service(url, model, folder / "log.jsonl")
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def rows(n: int) -> list[dict[str, Any]]:
    table = EMPLOYEES.to_dict()
    return [{name: values[i] for name, values in table.items()} for i in range(n)]


def test_health_and_model(service: Service) -> None:
    assert service.call("/health") == (200, {"status": "ok"})
    status, about = service.call("/model")
    assert status == 200
    assert about["digest"] == service.model.digest
    assert about["features"] == service.model.schema.features
    assert about["threshold"] == service.model.threshold


def test_predictions_equal_the_models_and_are_logged(service: Service) -> None:
    sent = rows(40)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda row: service.call("/predict", row), sent))
    for row, (status, answer) in zip(sent, answers, strict=True):
        assert status == 200
        assert answer["proba"] == service.model.proba_one(row)
        assert answer["label"] == service.model.predict_one(row).label
    lines = [json.loads(line) for line in service.log.read_text(encoding="utf-8").splitlines()]
    logged = {line["request_id"]: line for line in lines}
    for _, answer in answers:
        line = logged[answer["request_id"]]
        assert (line["proba"], line["label"], line["model"]) == (answer["proba"], answer["label"], service.model.digest)


def test_gaps_and_unseen_levels_are_repaired_and_said(service: Service) -> None:
    status, answer = service.call("/predict", {"Age": 41, "OverTime": "perhaps", "JobLevel": None})
    assert status == 200
    assert answer["proba"] == service.model.proba_one({"Age": 41, "OverTime": "perhaps"})
    kinds = {w["column"]: w["kind"] for w in answer["warnings"]}
    assert (kinds["OverTime"], kinds["JobLevel"]) == ("unseen", "missing")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"Age": "41"}, "Age"),
        ({"OverTime": 1}, "OverTime"),
        ([1, 2], "body"),
        (b"{", "body"),
        ({}, "ATTRITION_SCHEMA_MISMATCH"),
    ],
)
def test_a_wrong_body_is_refused_by_name(service: Service, body: Any, word: str) -> None:
    status, answer = service.call("/predict", body)
    assert status == 422
    assert word in json.dumps(answer)


def test_the_body_is_typed_by_the_schema(service: Service) -> None:
    status, api = service.call("/openapi.json")
    assert status == 200
    assert set(api["components"]["schemas"]["Row"]["properties"]) == set(service.model.schema.features)
