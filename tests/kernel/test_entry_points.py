"""The entry points in pyproject.toml and the folders under plugins/ are the same plugins.

A folder without an entry point would be shipped and never found; an entry point without a folder
would be reported as broken on every machine.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def declared() -> dict[str, str]:
    """Feature name to `package:object`, as pyproject.toml has them."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    table: dict[str, str] = project["entry-points"]["tm.plugins"]
    return table


def folders() -> list[Path]:
    """The folders under plugins/, without what only byte code is left of (a switch of branches)."""
    return sorted(
        folder
        for folder in (ROOT / "plugins").iterdir()
        if folder.is_dir()
        and any(path.is_file() and path.suffix != ".pyc" for path in folder.rglob("*"))
    )


def test_each_folder_has_exactly_one_entry_point_and_each_entry_point_a_folder() -> None:
    packages = [target.partition(":")[0] for target in declared().values()]
    assert sorted(packages) == [folder.name for folder in folders()]


def test_there_are_plugins() -> None:
    assert folders()


def test_entry_points_name_the_manifest_of_a_built_in() -> None:
    for name, target in declared().items():
        assert name == name.lower().replace("_", "-"), "a feature's name has dashes"
        package, _, attribute = target.partition(":")
        assert package.startswith("tm_"), f"{name}: top-level names are shared with everyone"
        assert attribute == "plugin", f"{name}: {target}"


def test_each_folder_is_a_typed_package() -> None:
    for folder in folders():
        assert (folder / "__init__.py").is_file(), f"{folder.name} is not a package"
        assert (folder / "py.typed").is_file(), f"{folder.name} has no py.typed"


def test_the_folders_around_packages_are_none_themselves() -> None:
    # Each would become a top-level `plugins` or `tests` that shadows anyone else's.
    assert not (ROOT / "plugins" / "__init__.py").exists()
    assert not (ROOT / "tests" / "__init__.py").exists()
