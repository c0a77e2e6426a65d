"""The door for plugins: what it names is there, and is fetched only when asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tm_core import api


def test_each_name_is_there_and_no_other() -> None:
    """What type checkers see, and what can be fetched at run time, are the same names."""
    offered = [each.partition("=")[0] for names in api._HOMES.values() for each in names.split()]
    assert sorted(offered) == sorted(api.__all__)
    assert [name for name in api.__all__ if getattr(api, name) is None] == []


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        api.Nothing  # noqa: B018


def test_a_manifest_needs_only_the_model() -> None:
    """A plugin's `__init__` is imported by whoever makes the index: it shall cost little."""
    code = "from tm_core.api import Action, Plugin; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("tm_core.")}
    assert ours == {"tm_core.api", "tm_core.model", "tm_core.record"}
