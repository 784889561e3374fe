"""What the tests share: a table of employees and a model of it."""

from __future__ import annotations

import attrition
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def employees() -> pd.DataFrame:
    return attrition.datasets.employees(1470, seed=0).to_pandas()


@pytest.fixture(scope="session")
def model(employees: pd.DataFrame) -> attrition.Model:
    return attrition.train(employees, target="Attrition", positive="Yes", sensitive=["Gender"], learner="logistic")
