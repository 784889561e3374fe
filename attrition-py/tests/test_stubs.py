"""The committed stub is what the library says, and mypy agrees with both."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_stub_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts" / "stubs.py", "--check"], check=False)
    assert done.returncode == 0, "run scripts/stubs.py with the freshly built library"


def test_stub_and_library_agree() -> None:
    command = [sys.executable, "-m", "mypy.stubtest", "attrition._core", "--mypy-config-file", "pyproject.toml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
