"""The kit finds what is wrong, and only that."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

MANIFEST = """
import xml.dom.minidom
from tm_core.api import Action, Hook, Plugin
from tm_core.model import Field

plugin = Plugin(
    name="probe",
    summary="Does as it should not",
    fields=(Field("weight", "int"),),
    hooks={"task_write": Hook("tm_probe.hooks")},
    actions={"probe": Action("tm_probe.hooks:act", "Act")},
)
"""
HOOKS = """
from tm_core.api import hookimpl

@hookimpl
def task_write(ctx, change):
    pass

@hookimpl
def task_draft(ctx, draft):
    pass

def act(ctx):
    return []
"""
TESTS = """
from tm_core.testing import PluginConformance

class TestConformance(PluginConformance):
    plugin = "probe"
"""


def test_what_a_plugin_does_wrong_is_found(tmp_path: Path, tm_environ: Path) -> None:
    files = {
        "tm_probe/__init__.py": MANIFEST,
        "tm_probe/hooks.py": HOOKS,
        "tm_probe-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: tm-probe\nVersion: 1\n",
        "tm_probe-1.dist-info/entry_points.txt": "[tm.plugins]\nprobe = tm_probe:plugin\n",
        "test_probe.py": TESTS,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tm_core.testing", "test_probe.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
    )
    failed = re.findall(r"^FAILED \S+::(\w+)", done.stdout, re.MULTILINE)
    assert sorted(failed) == [
        "test_importing_it_imports_nothing_else",
        "test_it_imports_only_the_api_and_itself",
        "test_its_manifest_is_what_it_implements",
    ], done.stdout
    assert "must import tm_core.api and nothing else" in done.stdout
    assert "imports tm_core.model" in done.stdout
    assert "task_draft" in done.stdout
