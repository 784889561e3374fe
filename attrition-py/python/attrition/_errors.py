"""The exceptions: one class per kind of error, each also the natural builtin."""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "ArtifactError",
    "AttritionError",
    "CancelledError",
    "FileError",
    "InternalError",
    "InvalidDataError",
    "InvalidParamError",
    "NotFoundError",
    "NumericError",
    "SchemaMismatchError",
    "UnsupportedError",
]


class AttritionError(Exception):
    """Base of every error that attrition raises.

    ``code`` is stable (``"ATTRITION_…"``, the same in Node). The message says what was got, what was expected and
    what to do; the place stands in ``source``, ``line`` (from 1), ``row`` (from 0) and ``column`` where there is one.
    """

    code: ClassVar[str] = "ATTRITION"
    source: str | None = None
    line: int | None = None
    row: int | None = None
    column: str | None = None
    name: str | None = None
    got: str | None = None
    expected: str | None = None
    hint: str | None = None
    problems: list[dict[str, Any]] | None = None

    def __init__(self, message: str = "", /, **facts: Any) -> None:
        super().__init__(message)
        for name, value in facts.items():
            if value is not None:
                setattr(self, name, value)

    def __str__(self) -> str:
        # OSError would put its number and the file's name in place of the message.
        return str(self.args[0]) if self.args else ""


class InvalidParamError(AttritionError, ValueError):
    """A parameter is out of its range, or unknown: ``name``, ``got``, ``expected``, ``hint``."""

    code = "ATTRITION_INVALID_PARAM"


class InvalidDataError(AttritionError, ValueError):
    """The data cannot be read, or cannot be learned from."""

    code = "ATTRITION_INVALID_DATA"


class SchemaMismatchError(AttritionError, ValueError):
    """A table or a row does not fit the model: every problem at once in ``problems``."""

    code = "ATTRITION_SCHEMA_MISMATCH"


class NotFoundError(AttritionError, LookupError):
    """There is no column (or other thing) of that ``name``."""

    code = "ATTRITION_NOT_FOUND"


class FileError(AttritionError, OSError):
    """The system refused a file: ``filename``, ``errno``; the system's own exception is the cause."""

    code = "ATTRITION_IO"


class ArtifactError(AttritionError, ValueError):
    """The bytes are no artifact, or are damaged, or of a newer format."""

    code = "ATTRITION_ARTIFACT"


class NumericError(AttritionError, ArithmeticError):
    """The arithmetic does not end: no convergence, a singular system."""

    code = "ATTRITION_NUMERIC"


class UnsupportedError(AttritionError, NotImplementedError):
    """The combination is understood and not offered."""

    code = "ATTRITION_UNSUPPORTED"


class CancelledError(AttritionError, RuntimeError):
    """The work was cancelled."""

    code = "ATTRITION_CANCELLED"


class InternalError(AttritionError, RuntimeError):
    """A defect of attrition; please report it."""

    code = "ATTRITION_INTERNAL"
