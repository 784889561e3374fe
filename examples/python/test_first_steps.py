"""The example runs as it is."""

import subprocess
import sys
from pathlib import Path

import attrition


def test_first_steps(tmp_path: Path) -> None:
    script = Path(__file__).with_name("first_steps.py")
    done = subprocess.run(
        [sys.executable, "-W", "error", script, tmp_path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "P(leaves) =" in done.stdout
    assert attrition.load(tmp_path / "attrition.model").learner == "glassbox"
