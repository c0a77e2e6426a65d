import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Finding, Hook, Plugin, hookimpl
from tm_core.testing import Cli
from tm_doctor.commands import mended
from tm_doctor.surroundings import look_around


def subjects(cli: Cli, level: str, *arguments: str) -> list[str]:
    found = cli("doctor", *arguments, "--json", code=None).json
    return [each["subject"] for each in found if each["level"] == level]


def test_a_new_store_is_well(tm_cli: Cli) -> None:
    assert {"disk", "permissions"} <= set(subjects(tm_cli, "ok"))
    assert subjects(tm_cli, "error") == []


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_what_everybody_can_read_is_told_and_closed(tm_cli: Cli) -> None:
    folder = tm_cli.folder / ".task-orchestrator"
    folder.chmod(0o755)
    store = folder / "tasks.db"
    store.chmod(0o644)
    assert f"get at {store} (tm doctor --fix)" in tm_cli("doctor").out
    assert "permissions" in subjects(tm_cli, "warning", "--fix", "--dry-run")
    assert stat.S_IMODE(store.stat().st_mode) == 0o644
    assert "mended: everybody" in tm_cli("doctor", "--fix").out
    assert stat.S_IMODE(store.stat().st_mode) == 0o640
    assert "permissions" in subjects(tm_cli, "ok")


def test_what_was_left_behind_goes_once_it_is_old(tm_cli: Cli) -> None:
    folder = tm_cli.folder / ".task-orchestrator"
    old, new = folder / "old.tmp", folder / "new.tmp"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    assert "leftover" in subjects(tm_cli, "warning")
    tm_cli("doctor", "--fix")
    assert not old.exists()
    assert new.exists()


@pytest.mark.parametrize(("free", "level"), [(10**6, "error"), (10**8, "warning"), (10**9, "ok")])
def test_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, level: str
) -> None:
    monkeypatch.setattr("tm_doctor.surroundings.shutil.disk_usage", lambda path: Usage(free))
    [disk] = [each for each in look_around(str(tmp_path), "") if each.subject == "disk"]
    assert disk.level == level


class Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_a_fix_that_fails_is_told(tmp_path: Path) -> None:
    def fail() -> None:
        raise OSError("no")

    left = mended(Finding("warning", "x", "it is so", "", fail))
    assert (left.level, left.fix) == ("warning", None)
    assert "not mended: OSError" in left.message
    assert mended(Finding("ok", "x", "well")) == Finding("ok", "x", "well")


class Careful:
    """Finds something, and can mend it."""

    def __init__(self) -> None:
        self.done = False

    def mend(self) -> None:
        self.done = True

    @hookimpl
    def health_checks(self, ctx: Any) -> Iterator[Finding]:
        yield Finding("warning", "careful", "it is so", "", self.mend)


def test_plugins_findings_can_be_mended(tm_open: Any) -> None:
    careful = Careful()
    plugin = Plugin("careful", "x", hooks={"health_checks": Hook(careful)})
    manager: TaskManager = tm_open(plugins=[plugin])
    [finding] = [each for each in manager.health() if each.subject == "careful"]
    assert finding.as_dict()["fix"] is True
    assert not careful.done
    assert mended(finding).level == "ok"
    assert careful.done
