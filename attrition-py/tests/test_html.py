"""What notebooks show: small, without script or network, and safe whatever the columns and labels are called."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from typing import Any

import attrition
import numpy as np
import pandas as pd
import pytest

HOSTILE = "</td><img src=x onerror=alert(1)>&\"'`<script>"
# What the renderer writes; none of them runs or fetches anything.
TAGS = set("div p strong small table thead tbody tr th td br svg title text path polyline circle g".split())
ATTRIBUTES = set(
    "style xmlns role width height viewbox fill stroke font-size font-family x y text-anchor d stroke-opacity "
    "stroke-dasharray stroke-width points cx cy r transform".split()
)


class Page(HTMLParser):
    """Collects the tags, attributes and text of a fragment, and sees that every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        assert {name for name, _ in attrs} <= ATTRIBUTES
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module", params=["logistic", "boosting"])
def hostile(request: pytest.FixtureRequest) -> tuple[attrition.Model, pd.DataFrame]:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            HOSTILE: rng.normal(size=300),
            HOSTILE + "2": rng.choice([HOSTILE, "<b>"], size=300),
        }
    )
    frame["<i>target"] = np.where(frame[HOSTILE] + rng.normal(size=300) > 0, HOSTILE, "<u>no")
    params = {"n_trees": 10} if request.param == "boosting" else None
    model = attrition.train(
        frame, target="<i>target", positive=HOSTILE, learner=request.param, params=params, holdout=None, cv=3
    )
    return model, frame


def test_names_and_labels_stay_text(hostile: tuple[attrition.Model, pd.DataFrame]) -> None:
    model, frame = hostile
    things: list[Any] = [attrition.Table(frame), model.schema, model, model.training, model.evaluate(frame)]
    for thing in things:
        html = thing._repr_html_()
        text = "".join(Page(html).text)
        assert len(html) < 20_000
        assert "http" not in html.replace('xmlns="http://www.w3.org/2000/svg"', "")
        # Colours of the page around it, so that it can be read on dark.
        assert "color:" not in html and "#" not in html.replace("&#", "")
        if not isinstance(thing, attrition.Evaluation | attrition.Training):
            assert HOSTILE in text


def test_they_say_what_they_are(model: attrition.Model, employees: pd.DataFrame) -> None:
    table = "".join(Page(attrition.Table(employees)._repr_html_()).text)
    assert "1470 rows × " in table and "OverTime" in table
    shown = "".join(Page(model._repr_html_()).text)
    assert "P(Attrition == Yes)" in shown and "logistic" in shown and "strongest inputs" in shown
    schema = "".join(Page(model.schema._repr_html_()).text)
    assert all(name in schema for name in employees.columns)
    evaluation = model.evaluate(employees)
    page = "".join(Page(evaluation._repr_html_()).text)
    assert f"{evaluation.metrics['roc_auc']['value']:.4f}" in page
    assert "Hold-out" in "".join(Page(model.training._repr_html_()).text)


def test_curves_are_drawn_by_matplotlib(model: attrition.Model, employees: pd.DataFrame) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    evaluation = model.evaluate(employees)
    figure = evaluation.plot()
    assert [axis.get_title() for axis in figure.axes] == ["ROC", "Precision–recall", "Calibration"]
    curves = evaluation.to_dict()["curves"]
    assert figure.axes[0].lines[-1].get_xdata().tolist() == curves["roc"]["x"]
    assert figure.axes[1].lines[-1].get_ydata().tolist() == curves["precision_recall"]["y"]
    own, axes = pyplot.subplots(1, 3)
    assert evaluation.plot(axes) is own
    with pytest.raises(ValueError, match="3 axes, got 2"):
        evaluation.plot(axes[:2])
    pyplot.close("all")


def test_without_matplotlib_the_error_says_what_to_do(
    model: attrition.Model, employees: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        model.evaluate(employees).plot()
