"""What a user approved on this machine, and nothing else."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_core.api import Approvals, NotFound, TmError
from tm_core.configuration.consent import _digest


@pytest.fixture
def approvals(tmp_path: Path) -> Approvals:
    return Approvals({"XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path)})


def test_what_was_approved_is_exactly_that(approvals: Approvals) -> None:
    asked = approvals.ask("run", "make it", "make", b"it")
    assert asked.approved_at is None
    approved = approvals.approve(asked.digest[:8])
    assert approved.approved_at is not None
    assert approvals.ask("run", "make it", "make", b"it") == approved
    for other in (("run", "make", b"it "), ("run", "makeit"), ("walk", "make", b"it")):
        assert approvals.ask(other[0], "make it", *other[1:]).approved_at is None
    assert approvals.withdraw(asked.digest) == approved
    assert approvals.ask("run", "make it", "make", b"it").approved_at is None


def test_each_is_listed_the_oldest_first(approvals: Approvals) -> None:
    assert list(approvals) == []
    for name in ("b", "a", "b"):
        approvals.ask("run", name, name)
    assert [each.what for each in approvals] == ["b", "a"]


@pytest.mark.parametrize("digest", ["", "0", "abcdef", "../../config", "*"])
def test_unknown_digits(approvals: Approvals, digest: str) -> None:
    approvals.ask("run", "a", "a")
    for method in (approvals.approve, approvals.withdraw):
        with pytest.raises(NotFound):
            method(digest)


@pytest.mark.skipif(os.name == "nt", reason="permissions are those of POSIX")
def test_it_is_private_and_what_others_could_write_counts_for_nothing(
    approvals: Approvals,
) -> None:
    asked = approvals.ask("run", "a", "a")
    approvals.approve(asked.digest)
    folder = Path(approvals.folder)
    file = folder / f"{asked.digest}.json"
    assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0
    assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0
    for path, wrong, right in ((file, 0o622, 0o600), (folder, 0o777, 0o700)):
        path.chmod(wrong)
        assert list(approvals) == []
        path.chmod(right)
        assert len(list(approvals)) == 1
    aside = folder.parent / "theirs.json"
    file.rename(aside)
    file.symlink_to(aside)
    assert list(approvals) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"digest": 1}', "\x00", '"x"'])
def test_a_broken_file_is_no_approval(approvals: Approvals, content: str) -> None:
    asked = approvals.ask("run", "a", "a")
    approvals.approve(asked.digest)
    file = Path(approvals.folder, f"{asked.digest}.json")
    file.write_text(content, encoding="utf-8")
    assert approvals.ask("run", "a", "a").approved_at is None


def test_the_file_of_another_content_is_none_of_this(approvals: Approvals) -> None:
    good = approvals.approve(approvals.ask("run", "good", "good").digest)
    evil = approvals.ask("run", "evil", "evil")
    Path(approvals.folder, f"{evil.digest}.json").write_text(
        json.dumps(good._asdict()), encoding="utf-8"
    )
    assert approvals.ask("run", "evil", "evil").approved_at is None


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "task-orchestrator").write_text("", encoding="utf-8")
    with pytest.raises(TmError, match="approvals cannot be kept"):
        Approvals({"XDG_CONFIG_HOME": str(tmp_path), "APPDATA": str(tmp_path)}).ask("a", "b")


@given(st.lists(st.text() | st.binary()), st.lists(st.text() | st.binary()))
def test_different_contents_have_different_digests(
    first: list[str | bytes], second: list[str | bytes]
) -> None:
    def as_bytes(parts: list[str | bytes]) -> list[bytes]:
        return [p if isinstance(p, bytes) else p.encode("utf-8", "replace") for p in parts]

    a, b = as_bytes(first), as_bytes(second)
    assert (_digest(*a) == _digest(*b)) == (a == b)
