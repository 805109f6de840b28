"""What the files of a folder contain, and what they say of themselves: `contents.py DIST`.

It looks at all wheels and sources of both distributions; `scripts/wheel` builds them.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

PYTHON = Path(__file__).resolve().parents[2]
LICENCES = {"LICENSE-APACHE", "LICENSE-MIT"}


def modules(source: Path) -> set[str]:
    """What a package of this folder must have: its modules, stubs and marker."""
    return {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.suffix in {".py", ".pyi"} or path.name == "py.typed"
    }


def metadata(wheel: zipfile.ZipFile, name: str) -> Message:
    (path,) = [each for each in wheel.namelist() if each.endswith(f".dist-info/{name}")]
    return Parser().parsestr(wheel.read(path).decode())


def check_wheel(path: Path, package: str, source: Path) -> None:
    with zipfile.ZipFile(path) as wheel:
        names = set(wheel.namelist())
        code = {name for name in names if name.startswith(f"{package}/")}
        rest = {name.split("/")[0] for name in names - code}
        assert {part.rpartition(".")[2] for part in rest} == {"dist-info"}, rest
        native = {name for name in code if name.endswith(".so")}
        assert code - native == modules(source), (code - native) ^ modules(source)
        assert f"{package}/py.typed" in code
        assert len(native) == (package == "apptuit"), native
        licences = {
            name.rpartition("/")[2]: wheel.read(name) for name in names if "/licenses/" in name
        }
        assert licences == {name: (PYTHON.parent / name).read_bytes() for name in LICENCES}
        told = metadata(wheel, "METADATA")
        assert told["Requires-Python"] == ">=3.9"
        assert told["License-Expression"] == "Apache-2.0 OR MIT"
        pure = metadata(wheel, "WHEEL")["Root-Is-Purelib"]
        assert pure == ("false" if native else "true"), pure
        needed = [each for each in told.get_all("Requires-Dist", []) if "extra ==" not in each]
        if package == "pyformance":
            assert needed == ["apptuit>=3.0"], needed
            return
        assert needed == ["pyformance>=1.0"], needed
        extras = told.get_all("Provides-Extra")
        assert set(extras) == {"arrow", "numpy", "pandas", "polars"}, extras
        (entries,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "apptuit=apptuit.pytest_plugin" in wheel.read(entries).decode().replace(" ", "")


def check_source(path: Path, package: str) -> None:
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {"PKG-INFO", "pyproject.toml", "README.md", *LICENCES}, sorted(names)[:20]
    assert not [name for name in names if "__pycache__" in name or "/target/" in name]
    if package == "apptuit":
        assert names >= {"Cargo.lock", "python/rust/lib.rs", "src/apptuit/_native.pyi"}
        # What is a distribution of its own, or tests against other parts of the repository.
        assert not [
            name for name in names if name.startswith(("python/pyformance", "python/tests"))
        ]


def main() -> None:
    dist = Path(sys.argv[1])
    sources = {
        "apptuit": PYTHON / "src",
        "pyformance": PYTHON / "pyformance" / "src",
    }
    for package, source in sources.items():
        wheels, archives = dist.glob(f"{package}-*.whl"), list(dist.glob(f"{package}-*.tar.gz"))
        found = sorted(wheels)
        assert found, f"no wheel of {package} in {dist}"
        for wheel in found:
            check_wheel(wheel, package, source)
        assert len(archives) == 1, archives
        check_source(archives[0], package)
        for path in (*found, *archives):
            print(f"{path.name}: complete")


if __name__ == "__main__":
    main()
