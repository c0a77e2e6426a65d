import io
import re
import sys
from typing import Any

import pytest

from tm_core import TaskManager
from tm_core.api import Output
from tm_metrics import plots, views

WEEKS = {f"2026-03-{day:02d}": count for day, count in ((2, 3), (9, 12), (16, 0), (23, 7))}
PAIRS = [(1.0, 2.0), (4.0, 3.0), (8.0, 16.0)]
NAMES = ("estimated hours", "actual hours")
MISSING = "the extra 'plots' is not installed"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(view: Any, result: Any, columns: int = 80) -> str:
    """What a terminal of so many columns gets."""
    stream = Terminal()

    class Sized(Output):
        @property
        def width(self) -> int:
            return columns

    view(result, Sized(stream, io.StringIO(), color="never"))
    return stream.getvalue()


@pytest.fixture
def without_plotext(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotext", None)


def measured(tm: TaskManager) -> None:
    for estimated, actual in [*PAIRS, *PAIRS]:
        task = tm.add("x", estimated_hours=estimated, assignee="ada")
        tm.complete(task.id, actual_hours=actual)


def test_weeks_are_columns_of_the_terminals_width() -> None:
    pytest.importorskip("plotext", reason=MISSING)
    for columns in (40, 60, 80):
        drawing = plots.columns(WEEKS, columns)
        assert max(map(len, drawing.splitlines())) == columns
        assert all(day[5:] in drawing for day in WEEKS)
        assert re.search(r"█12█", drawing)
        assert "\x1b" not in drawing
    assert plots.columns(WEEKS, 20) == "", "the labels need room"
    assert plots.columns(dict.fromkeys(WEEKS, 0), 80) == ""
    assert plots.columns(WEEKS, 80) == plots.columns(WEEKS, 80), "nothing stays of an earlier one"


def test_points_have_axes_alike() -> None:
    pytest.importorskip("plotext", reason=MISSING)
    drawing = plots.points(PAIRS, NAMES, 80)
    lines = drawing.splitlines()
    assert drawing.count("•") == 3
    assert lines[1].startswith("20┤")
    assert lines[-2].split() == ["0", "5", "10", "15", "20"]
    assert all(name in lines[-1] for name in NAMES)
    assert plots.points([], NAMES, 80) == ""
    assert plots.points([(0.0, 0.0)], NAMES, 80)


def test_figures_at_a_terminal() -> None:
    pytest.importorskip("plotext", reason=MISSING)
    assert "┤" in shown(views.metrics, {"flow": {"completed_per_week": WEEKS}})
    scores = shown(views.metrics, {"feedback": {"scores": {"1": 0, "2": 3, "3": 5}}})
    assert "┤" not in scores
    assert "3  █" in scores, "few labels are bars in any case"


@pytest.mark.usefixtures("without_plotext")
def test_without_the_library_there_are_bars() -> None:
    said = shown(views.metrics, {"flow": {"completed_per_week": WEEKS}})
    assert [line.split()[0] for line in said.splitlines()[2:]] == [*WEEKS]
    assert said.splitlines()[3].endswith(f"{'█' * 32} 12")


def test_a_report_at_a_terminal_has_the_plot_and_a_piped_one_has_not(tm_store: TaskManager) -> None:
    pytest.importorskip("plotext", reason=MISSING)
    measured(tm_store)
    report = tm_store.report()
    assert "actual hours" in shown(views.report, report).split("Time\n----\n")[1]
    piped = io.StringIO()
    views.report(report, Output(piped, io.StringIO()))
    assert "┤" not in piped.getvalue()
    assert "┤" not in shown(views.report, tm_store.report(format="csv"))


@pytest.mark.usefixtures("without_plotext")
def test_a_report_without_the_library(tm_store: TaskManager) -> None:
    measured(tm_store)
    report = tm_store.report()
    assert shown(views.report, report) == report.text
    assert "None" not in report.text, "what cannot be told is left out"
