import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import Field, Plugin
from tm_core.testing import Cli
from tm_metrics.charts import ticks

pytestmark = pytest.mark.every_backend

_VOID = {"meta", "br", "link", "img", "hr", "input"}
_NASTY = "</title><script>alert('x')</script> & \"quoted\" \x1b[31m http://evil.example/x.png"
DUE = Plugin(name="due", summary="Due dates", fields=(Field("deadline", "datetime"),))


class Page(HTMLParser):
    """Reads a page strictly: every element must be closed where it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    assert page.tags.isdisjoint({"script", "link", "img", "iframe", "object"})
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "href", "xlink:href", "style", "onclick", "onload"}
    assert "url(" not in html
    assert "@import" not in html
    return page


@pytest.fixture
def history(tm_open: Callable[..., TaskManager]) -> TaskManager:
    """Forty completed tasks within two months, and three open ones of which one is late."""
    tm = tm_open(plugins=[DUE])
    now = datetime.now(UTC)

    def ago(days: float) -> str:
        return (now - timedelta(days=days)).isoformat()

    for number in range(40):
        done = 0.1 + number * 1.4
        review = {"reviewer": "bea", "quality": number % 5 + 1, "timeliness": 3, "at": ago(done)}
        tm.restore(
            {
                "title": _NASTY,
                "status": "completed",
                "assignee": _NASTY if number % 2 else "=1+1",
                "created_at": ago(done + number / 4),
                "completed_at": ago(done),
                "estimated_hours": number % 7,
                "actual_hours": number % 7 * 1.5,
                "feedback": [review],
            }
        )
    for number, status in enumerate(("pending", "in_progress", "blocked")):
        late = ago(2) if number else ago(-2)
        tm.restore({"title": _NASTY, "status": status, "created_at": ago(9), "deadline": late})
    return tm


@pytest.mark.parametrize("days", [1, 30, 400])
@pytest.mark.parametrize("assessment", [False, True])
def test_the_page_is_whole_and_refers_to_nothing(
    history: TaskManager, days: int, assessment: bool
) -> None:
    html = history.report(format="html", days=days, assessment=assessment).text
    page = read(html)
    assert "alert('x')" in page.text
    assert "\x1b" not in html
    # Only in the text of tasks, where it is text.
    assert html.count("http") == html.count("http://evil.example/x.png")
    assert "Overdue: 2" in page.text
    assert ("Compared with" in page.text) == assessment
    assert html.isascii() or html.encode("utf-8").decode("utf-8") == html


def test_without_task_texts_there_is_no_address_at_all(tm_cli: Cli) -> None:
    html = tm_cli("report", "--format", "html").out
    page = read(html)
    assert "http" not in html
    assert "Nothing, or too few tasks to tell." in page.text


def test_of_one_task(tm_cli: Cli) -> None:
    task = tm_cli.add("x", "--estimated-hours", "0", "--assignee", "ada")
    tm_cli("complete", task, "--actual-hours", "0")
    for format in ("html", "text", "json", "csv"):
        assert tm_cli("report", "--assessment", "--format", format).out
    read(tm_cli("report", "--format", "html").out)


def test_csv_reads_back_as_the_figures(history: TaskManager) -> None:
    found = history.report(format="csv")
    rows = list(csv.DictReader(io.StringIO(found.text)))
    told = {(row["metric"], row["group"], row["figure"]): row["value"] for row in rows}
    assert float(told["time", "", "p50_ratio"]) == found["metrics"]["time"]["p50_ratio"]
    assert int(told["flow", "", "completed"]) == found["metrics"]["flow"]["completed"]
    assert (
        int(told["feedback", "'=1+1", "distribution.quality.1"])
        == (found["metrics"]["feedback"]["by_assignee"]["=1+1"]["distribution"]["quality"]["1"])
    )
    # A spreadsheet must not take a name for a formula.
    assert not [row for row in rows if row["group"].startswith("=")]
    completed = [int(r["value"]) for r in rows if r["metric"] == "throughput"][::2]
    assert sum(completed) == found["metrics"]["flow"]["completed"]


def test_json_is_what_the_action_gives(tm_cli: Cli) -> None:
    tm_cli.add("x")
    written = json.loads(tm_cli("report", "--format", "json").out)
    shown = tm_cli("report", "--json").json
    for report in (written, shown):
        assert report.pop("generated_at")
    assert written == shown
    assert written["now"] == {"pending": 1}


def test_the_figures_are_those_of_the_days(history: TaskManager) -> None:
    found = history.report(days=30, assessment=True)
    spans = found["throughput"]["spans"]
    assert len(spans) == 30
    assert sum(span["completed"] for span in spans) == found["metrics"]["flow"]["completed"]
    assert sum(found["lead_times"].values()) == found["metrics"]["flow"]["completed"]
    compared = {row["figure"]: row for row in found["assessment"]}["Completed tasks"]
    assert compared["now"] + compared["before"] == 40
    assert "estimates are 1.5 times too low" in found.text
    assert "\x1b" not in found.text
    assert found["overdue"]["count"] == 2


def test_a_file_is_written_whole_and_its_name_tells_the_format(tm_cli: Cli, tmp_path: Path) -> None:
    def write(name: str) -> str:
        result = tm_cli("report", "--output", str(tmp_path / name))
        assert (result.out, result.err) == ("", f"Report written to {tmp_path / name}\n")
        return (tmp_path / name).read_text(encoding="utf-8")

    (tmp_path / "r.html").write_text("old and much longer" * 10_000)
    read(write("r.html"))
    assert json.loads(write("r.json"))["days"] == 30
    assert write("r.csv").startswith("metric,group,figure,value\n")
    assert write("r.txt").startswith("project: the last 30 days\n")
    assert sorted(path.suffix for path in tmp_path.glob("r.*")) == [
        ".csv",
        ".html",
        ".json",
        ".txt",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--format", "pdf"], 5, "format"),
        (["--days", "0"], 5, "days"),
        (["--days", "x"], 5, "days"),
        (["--output", "no/such/folder/r.html"], 2, "cannot be written"),
        (["--output", "."], 2, "cannot be written"),
    ],
)
def test_bad_input_is_refused(tm_cli: Cli, arguments: list[str], code: int, said: str) -> None:
    result = tm_cli("report", *arguments, code=code)
    assert said in result.err
    assert result.out == ""


@given(st.floats(0.01, 1e9))
def test_ticks_are_few_and_reach_all(most: float) -> None:
    scale = ticks(most)
    assert scale[0] == 0
    assert scale[-1] >= most * 0.999
    assert 2 <= len(scale) <= 6


def test_bars_are_for_a_terminal(history: TaskManager) -> None:
    from tm_core.api import Output
    from tm_metrics.views import metrics

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def drawn(stream: io.StringIO) -> str:
        found: Any = history.metrics("flow")
        metrics(found, Output(stream, io.StringIO(), color="never"))
        return stream.getvalue()

    assert "█" in drawn(Terminal())
    assert "█" not in drawn(io.StringIO())
