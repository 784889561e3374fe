"""The notebooks run from top to bottom, as they are committed: without outputs."""

from __future__ import annotations

import ast
import json
import os
import pathlib
from typing import Any

import matplotlib
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
SHARED = pathlib.Path(os.environ.get("ATTRITION_SHARED", ROOT.parent / "shared"))


def code_cells(notebook: pathlib.Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def run(notebook: pathlib.Path) -> list[Any]:
    """Run every cell in one namespace; the values of the last lines, as Jupyter shows them."""
    names = {"__name__": "__main__"}
    shown = []
    for i, source in enumerate(code_cells(notebook)):
        name = f"{notebook.name}, cell {i}"
        module = ast.parse(source, name)
        last = module.body.pop() if isinstance(module.body[-1], ast.Expr) else None
        exec(compile(module, name, "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), name, "eval"), names)
            if type(value).__module__ == "attrition":
                assert value._repr_html_().startswith("<div>")
            shown.append(value)
    return shown


@pytest.fixture(autouse=True)
def drawn_nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Any:
    matplotlib.use("Agg")
    from matplotlib import pyplot

    monkeypatch.chdir(tmp_path)
    yield
    pyplot.close("all")


def test_there_are_two() -> None:
    assert [notebook.stem for notebook in NOTEBOOKS] == ["employee_attrition", "first_steps"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda n: n.stem)
def test_it_runs(notebook: pathlib.Path) -> None:
    shown = run(notebook)
    assert any(type(value).__name__ == "Model" for value in shown)
    assert pathlib.Path("attrition.model").is_file()


def test_the_analysis_runs_on_a_real_file(monkeypatch: pytest.MonkeyPatch) -> None:
    path = SHARED / "data" / "ibm_hr_attrition.csv"
    if not path.exists():
        if os.environ.get("ATTRITION_REQUIRE_SHARED") == "1":
            pytest.fail(f"{path} is not there")
        pytest.skip(f"{path} is not there")
    monkeypatch.setenv("EMPLOYEES_CSV", str(path))
    shown = run(ROOT / "examples" / "notebooks" / "employee_attrition.ipynb")
    assert "16.1% of 1470 left" in shown


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda n: n.stem)
def test_it_is_kept_without_outputs(notebook: pathlib.Path) -> None:
    content = json.loads(notebook.read_text(encoding="utf-8"))
    assert content["nbformat"] == 4
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
