"""Checks the dependencies against deny.toml: licences, sources and duplicate versions.

The same rules as `cargo deny check licenses bans sources`, without building that tool first; and
one more: our crates take no dependency with its default features.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def allowed(expression: str, licences: set[str]) -> bool:
    """Whether an SPDX expression can be met with these licences."""
    # Old manifests write `/` for OR.
    words = re.findall(r"[()]|[\w.+-]+", expression.replace("/", " OR "))
    terms: list[str] = []
    for word in words:
        if word in ("(", ")"):
            terms.append(word)
        elif word in ("AND", "OR"):
            terms.append(word.lower())
        elif terms and terms[-1] == "WITH":
            # An exception only widens what its licence allows.
            terms.pop()
        elif word == "WITH":
            terms.append(word)
        else:
            terms.append(str(word in licences))
    return bool(eval(" ".join(terms), {"__builtins__": {}}))


def main() -> int:
    rules = tomllib.loads(Path("deny.toml").read_text())
    target = rules["graph"]["targets"][0]
    command = [
        "cargo",
        "metadata",
        "--format-version=1",
        "--all-features",
        f"--filter-platform={target}",
    ]
    metadata = json.loads(
        subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    )
    used = {node["id"] for node in metadata["resolve"]["nodes"]}

    problems = []
    versions: dict[str, set[str]] = defaultdict(set)
    licences = set(rules["licenses"]["allow"])
    for package in metadata["packages"]:
        if package["id"] not in used:
            continue
        name = f"{package['name']} {package['version']}"
        versions[package["name"]].add(package["version"])
        if package["source"] not in (None, CRATES_IO):
            problems.append(f"{name} comes from {package['source']}")
        if not package["license"] or not allowed(package["license"], licences):
            problems.append(f"{name} has the licence {package['license']}")
        if package["source"] is None:
            for dependency in package["dependencies"]:
                if dependency["source"] and dependency["uses_default_features"]:
                    problems.append(
                        f"{name} takes {dependency['name']} with default features"
                    )
    skipped = {entry["name"] for entry in rules["bans"].get("skip", [])}
    for crate, found in sorted(versions.items()):
        if len(found) > 1 and crate not in skipped:
            problems.append(f"{crate} is there in versions {', '.join(sorted(found))}")
        if len(found) == 1 and crate in skipped:
            problems.append(
                f"{crate} is there once: take it off the list of exceptions"
            )
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(versions)} crates, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
