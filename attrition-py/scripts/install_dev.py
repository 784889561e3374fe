"""Make `import attrition` work in a virtual environment from the library that cargo built, without building anything.

    VENV_PYTHON attrition-py/scripts/install_dev.py TARGET_DIR

copies TARGET_DIR/release/libattrition_py.so to python/attrition/_core.abi3.so and puts a .pth file into the site-packages of
the Python that runs this script. Standard library only.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

PACKAGE_ROOT = Path(__file__).resolve().parent.parent / "python"
# What cargo calls the library, and what Python wants to find.
LIBRARIES = {
    "linux": ("libattrition_py.so", "_core.abi3.so"),
    "darwin": ("libattrition_py.dylib", "_core.abi3.so"),
    "win32": ("attrition_py.dll", "_core.pyd"),
}


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    built_name, module_name = LIBRARIES.get(sys.platform, LIBRARIES["linux"])
    built = Path(sys.argv[1]) / "release" / built_name
    if not built.is_file():
        print(
            f"{built} is not there; run `cargo build --release --workspace` first",
            file=sys.stderr,
        )
        return 1
    module = PACKAGE_ROOT / "attrition" / module_name
    # Beside it and renamed: a process that has the old one loaded keeps it.
    fresh = module.with_name(f"{module.name}.{os.getpid()}.tmp")
    shutil.copy2(built, fresh)
    fresh.replace(module)
    site_packages = Path(sysconfig.get_paths()["purelib"])
    (site_packages / "attrition_dev.pth").write_text(f"{PACKAGE_ROOT}\n", encoding="utf-8")
    print(f"attrition: {module}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
