"""Write `python/attrition/_core.pyi` from the built library: names, parameters, defaults and docs as they are at run time.

    PYTHON attrition-py/scripts/stubs.py [--check]

Rust's signatures carry no Python types, so that they stand below, by parameter and by what is returned; a name without one is an
error, and mypy's stubtest holds the result against the library. `--check` writes nothing and fails where the file would change.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

from attrition import _core

STUB = Path(_core.__file__).with_name("_core.pyi")

HEADER = """# Written by scripts/stubs.py from the built library. Do not edit.
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

_Curve = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
_Progress = Callable[[Event], object]
"""

# By the parameter's name; by `function.parameter` where one name means several things.
PARAMETERS = {
    "axes": "Any",
    "batch_rows": "int",
    "beta": "float",
    "column": "str",
    "columns": "str | Sequence[str]",
    "data": "Any",
    "read_parquet.columns": "str | Sequence[str] | None",
    "scan_parquet.columns": "str | Sequence[str] | None",
    "from_bytes.data": "bytes | bytearray",
    "delimiter": "str",
    "folds": "Any",
    "json": "str",
    "kind": "str",
    "knobs": "Mapping[str, Any]",
    "memo": "Any",
    "missing": "str | Sequence[str] | None",
    "n_bins": "int",
    "n_threads": "int | None",
    "name": "str",
    "names": "Sequence[str] | None",
    "options": "Mapping[str, Any]",
    "other": "Profile",
    "path": "str | os.PathLike[str]",
    "positive": "Any",
    "call": "Callable[[dict[str, Any]], tuple[str, Any]]",
    "note.value": "Any",
    "number": "int",
    "objective": "int",
    "outcome": "tuple[str, Any]",
    "params": "Mapping[str, Any]",
    "proba": "Any",
    "progress": "_Progress | None",
    "query": "str",
    "reference": "Sequence[float]",
    "requested_schema": "Any",
    "role": "str",
    "row": "Any",
    "sample_weight": "Any",
    "space": "Mapping[str, Any]",
    "step": "int",
    "storage": "str | os.PathLike[str] | None",
    "strategy": "str",
    "term": "str",
    "text": "str | Sequence[str] | None",
    "threshold": "float",
    "trim": "bool",
    "url": "str",
    "value": "float",
    "values": "Any",
    "y": "Any",
}

# By function, `Class.method` or `Class.attribute`.
RETURNS = {
    "Batches.__iter__": "Batches",
    "Batches.__next__": "Table",
    "CrossValidation.learners": "list[str]",
    "CrossValidation.metrics": "dict[str, dict[str, float | None]]",
    "CrossValidation.predictions": "NDArray[np.float64]",
    "CrossValidation.scores": "dict[str, list[float]]",
    "CrossValidation.thresholds": "list[float]",
    "CrossValidation.to_dict": "dict[str, Any]",
    "Evaluation.confusion": "dict[str, float]",
    "Evaluation.metrics": "dict[str, dict[str, float | None]]",
    "Evaluation.n": "int",
    "Evaluation.threshold": "float",
    "Evaluation._repr_html_": "str",
    "Evaluation.plot": "Any",
    "Evaluation.to_dict": "dict[str, Any]",
    "Event.done": "int",
    "Event.stage": "str",
    "Event.total": "int",
    "Model.__copy__": "Model",
    "Model.__deepcopy__": "Model",
    "Model.__reduce__": "tuple[Any, ...]",
    "Model._repr_html_": "str",
    "Model.contributions": "dict[str, float]",
    "Model.digest": "str",
    "Model.evaluate": "Evaluation",
    "Model.from_bytes": "Model",
    "Model.labels": "list[Any]",
    "Model.learner": "str",
    "Model.params": "dict[str, Any]",
    "Model.predict": "NDArray[Any]",
    "Model.predict_one": "Prediction",
    "Model.predict_proba": "NDArray[np.float64]",
    "Model.proba_one": "float",
    "Model.save": "None",
    "Model.schema": "Schema",
    "Model.importances": "dict[str, dict[str, Any]]",
    "Model.terms": "list[dict[str, Any]]",
    "Model.threshold": "float",
    "Model.to_bytes": "bytes",
    "Model.pipeline": "Pipeline",
    "Model.pipelines": "list[Pipeline]",
    "Model.training": "Training",
    "Model.with_term": "Model",
    "Model.with_threshold": "Model",
    "Model.without_term": "Model",
    "Pipeline.__str__": "str",
    "Pipeline.columns": "list[dict[str, Any]]",
    "Pipeline.features": "list[dict[str, Any]]",
    "Pipeline.params": "dict[str, Any]",
    "Pipeline.selection": "dict[str, Any] | None",
    "Pipeline.to_dict": "dict[str, Any]",
    "Prediction.label": "Any",
    "Prediction.proba": "float",
    "Prediction.threshold": "float",
    "Prediction.to_dict": "dict[str, Any]",
    "Prediction.warnings": "list[Warning]",
    "Profile.__reduce__": "tuple[Any, ...]",
    "Profile.from_bytes": "Profile",
    "Profile.merge": "Profile",
    "Profile.n_rows": "int",
    "Profile.names": "list[str]",
    "Profile.of": "Profile",
    "Profile.to_bytes": "bytes",
    "Profile.to_dict": "dict[str, Any]",
    "Profile.update": "Profile",
    "Schema.__len__": "int",
    "Schema._repr_html_": "str",
    "Schema.__reduce__": "tuple[Any, ...]",
    "Schema.check": "list[dict[str, Any]]",
    "Schema.exclude": "Schema",
    "Schema.features": "list[str]",
    "Schema.fields": "list[dict[str, Any]]",
    "Schema.from_json": "Schema",
    "Schema.id": "Schema",
    "Schema.infer": "Schema",
    "Schema.kind": "Schema",
    "Schema.role": "Schema",
    "Schema.sensitive": "Schema",
    "Schema.target": "Schema",
    "Schema.to_dict": "dict[str, Any]",
    "Schema.to_json": "str",
    "Source.__iter__": "Batches",
    "Source.collect": "Table",
    "Table.__arrow_c_stream__": "object",
    "Table.__getitem__": "NDArray[Any]",
    "Table.__len__": "int",
    "Table._repr_html_": "str",
    "Table.n_columns": "int",
    "Table.n_rows": "int",
    "Table.names": "list[str]",
    "Table.to_dict": "dict[str, list[Any]]",
    "Table.to_pandas": "Any",
    "Table.to_polars": "Any",
    "Table.types": "dict[str, str]",
    "Table.write_csv": "None",
    "Table.write_parquet": "None",
    "Training._repr_html_": "str",
    "Training.__str__": "str",
    "Training.__getitem__": "Any",
    "Training.to_dict": "dict[str, Any]",
    "Warning.column": "str",
    "Warning.kind": "str",
    "Warning.message": "str",
    "_Study.ask": "dict[str, Any]",
    "_Study.best": "dict[str, Any]",
    "_Study.enqueue": "int",
    "_Study.finished": "list[int]",
    "_Study.hypervolume": "float",
    "_Study.importance": "dict[str, Any]",
    "_Study.load": "_Study",
    "_Study.note": "None",
    "_Study.optimize": "None",
    "_Study.options": "dict[str, Any]",
    "_Study.pareto_front": "list[dict[str, Any]]",
    "_Study.refresh": "None",
    "_Study.report": "bool",
    "_Study.set_space": "None",
    "_Study.space": "dict[str, Any]",
    "_Study.tell": "dict[str, Any]",
    "_Study.trials": "list[dict[str, Any]]",
    "_best_threshold": "float",
    "_calibration_curve": "list[dict[str, Any]]",
    "_calibration_error": "tuple[float, float]",
    "_confusion": "dict[str, float]",
    "_cross_validate": "CrossValidation",
    "_employees": "tuple[Table, NDArray[np.float64]]",
    "_error_kinds": "dict[str, str]",
    "_metric": "tuple[float, float | None, float | None]",
    "_metric_names": "list[str]",
    "_metrics": "dict[str, tuple[float, float | None, float | None]]",
    "_options": "dict[str, Any]",
    "_precision_recall_curve": "_Curve",
    "_roc_curve": "_Curve",
    "_train": "Model",
    "load": "Model",
    "read_csv": "Table",
    "read_ipc": "Table",
    "read_json": "Table",
    "read_ndjson": "Table",
    "read_parquet": "Table",
    "scan_csv": "Source",
    "scan_parquet": "Source",
    "scan_sql": "Source",
    "read_sql": "Table",
}

# Methods of every object whose types all Pythons agree on.
FIXED = {
    "__contains__": "def __contains__(self, key: str, /) -> bool: ...",
    "__eq__": "def __eq__(self, value: object, /) -> bool: ...",
    "__getitem__": "def __getitem__(self, key: str, /) -> {returns}: ...",
    "__iter__": "def __iter__(self, /) -> {returns}: ...",
    "__next__": "def __next__(self, /) -> {returns}: ...",
    "__len__": "def __len__(self, /) -> int: ...",
}
# Python's own, which `object` declares.
INHERITED = {
    "__repr__",
    "__doc__",
    "__module__",
    "__new__",
    "__lt__",
    "__le__",
    "__ne__",
    "__gt__",
    "__ge__",
    "__hash__",
}


def parameters(owner: str, function: Any) -> list[str]:
    out = []
    kind = None
    for p in inspect.signature(function).parameters.values():
        if kind is p.POSITIONAL_ONLY and p.kind is not kind:
            out.append("/")
        if p.kind is p.KEYWORD_ONLY and kind is not p.KEYWORD_ONLY:
            out.append("*")
        kind = p.kind
        if p.name in ("self", "cls"):
            out.append(p.name)
            continue
        annotation = PARAMETERS.get(f"{owner}.{p.name}") or PARAMETERS[p.name]
        out.append(f"{p.name}: {annotation}" + ("" if p.default is p.empty else f" = {p.default!r}"))
    if kind is inspect.Parameter.POSITIONAL_ONLY:
        out.append("/")
    return out


def doc(thing: Any, indent: str) -> list[str]:
    text = inspect.getdoc(thing)
    if not text:
        return []
    first, *rest = text.splitlines()
    body = [f'{indent}"""{first}', *(f"{indent}{line}".rstrip() for line in rest)]
    return [*body[:-1], body[-1] + '"""'] if len(body) == 1 else [*body, f'{indent}"""']


def function(name: str, thing: Any, qualified: str, indent: str, first: str | None) -> list[str]:
    arguments = parameters(name, thing)
    if first == "cls":
        arguments = ["cls", *arguments]
    head = f"{indent}def {name}({', '.join(arguments)}) -> {RETURNS[qualified]}:"
    body = doc(thing, indent + "    ")
    return [head, *body] if body else [head + " ..."]


def member(owner: str, name: str, thing: Any) -> list[str]:
    qualified = f"{owner}.{name}"
    if name in FIXED:
        return ["    " + FIXED[name].format(returns=RETURNS.get(qualified))]
    if inspect.isgetsetdescriptor(thing):
        return ["    @property", f"    def {name}(self) -> {RETURNS[qualified]}:", *doc(thing, "        ")]
    if isinstance(thing, staticmethod):
        return ["    @staticmethod", *function(name, thing.__func__, qualified, "    ", None)]
    if isinstance(thing, classmethod) or type(thing).__name__ == "classmethod_descriptor":
        bound = getattr(getattr(_core, owner), name)
        return ["    @classmethod", *function(name, bound, qualified, "    ", "cls")]
    return function(name, thing, qualified, "    ", None)


def stub() -> str:
    lines = [HEADER]
    public = {n: v for n, v in vars(_core).items() if not n.startswith("__")}
    for name in sorted(n for n, v in public.items() if inspect.isclass(v)):
        thing = public[name]
        lines += ["@final", f"class {name}:", *doc(thing, "    "), ""]
        members = {n: v for n, v in vars(thing).items() if n not in INHERITED}
        if "__new__" in vars(thing):
            lines += [f"    def __new__(cls, {', '.join(parameters(name, thing))}) -> {name}: ..."]
        for n in sorted(members):
            lines += member(name, n, members[n])
        if "__eq__" in members:
            lines += ["    __hash__ = None  # type: ignore[assignment]"]
        lines += [""]
    for name in sorted(n for n, v in public.items() if not inspect.isclass(v)):
        lines += [*function(name, public[name], name, "", None), ""]
    lines += [f"__all__ = {sorted(_core.__all__)!r}"]
    return "\n".join(lines) + "\n"


def main() -> int:
    text = stub()
    if "--check" in sys.argv[1:]:
        return 0 if STUB.is_file() and STUB.read_text(encoding="utf-8") == text else 1
    STUB.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
