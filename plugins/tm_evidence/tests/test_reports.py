"""What each format is read as, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_evidence.reports import Report, Unreadable, merge, parse

JUNIT = b"""<?xml version="1.0"?><testsuites><testsuite name="s" tests="4">
<testcase classname="a" name="one"/>
<testcase classname="a" name="two"><failure message="no"/></testcase>
<testcase classname="a" name="three"><error message="no"/></testcase>
<testcase classname="a" name="four"><skipped/></testcase>
</testsuite></testsuites>"""
BOMB = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<testsuite><testcase name="&b;"/></testsuite>"""
EXTERNAL = b"""<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>
<testsuite><testcase name="&e;"/></testsuite>"""
COBERTURA = (
    b'<coverage line-rate="0.9" branch-rate="0.5" lines-valid="8" lines-covered="7" version="1"/>'
)
BOTH = b'<coverage lines-valid="8" lines-covered="7" branches-valid="2" branches-covered="1"/>'
LCOV = (
    b"TN:\nSF:a.py\nLF:10\nLH:8\nBRF:4\nBRH:1\nend_of_record\n"
    b"SF:b.py\nLF:10\nLH:10\nend_of_record\n"
)
SARIF = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {
                    "rules": [
                        {"id": "R1", "defaultConfiguration": {"level": "error"}},
                        {"id": "R2"},
                    ]
                }
            },
            "results": [
                {"ruleId": "R1"},
                {"ruleId": "R2"},
                {"ruleId": "R2", "level": "note"},
                {"ruleId": "R1", "suppressions": [{"kind": "inSource"}]},
                {"ruleId": "R1", "kind": "pass", "level": "none"},
            ],
        }
    ],
}
COVERAGE_PY = {
    "meta": {"format": 3, "version": "7.6.0", "branch_coverage": True},
    "totals": {
        "covered_lines": 30,
        "num_statements": 40,
        "percent_covered": 72.0,
        "num_branches": 10,
        "covered_branches": 6,
    },
}


def test_junit_counts_outcomes() -> None:
    report = parse(JUNIT, "r.xml")
    assert report.name == "tests"
    assert report.values == {"total": 4, "passed": 1, "failed": 1, "errors": 1, "skipped": 1}


def test_a_single_suite_is_a_junit_report_too() -> None:
    report = parse(b'<testsuite><testcase name="x"/></testsuite>', "r.xml")
    assert report.values["total"] == 1


@pytest.mark.parametrize(
    ("content", "file", "expected"),
    [
        (COBERTURA, "c.xml", {"line": 87.5, "branch": 50.0}),
        (BOTH, "c.xml", {"line": 87.5, "branch": 50.0, "total": 80.0}),
        (LCOV, "c.info", {"line": 90.0, "branch": 25.0, "total": 79.1667}),
        (json.dumps(COVERAGE_PY).encode(), "c.json", {"line": 75.0, "branch": 60.0, "total": 72.0}),
    ],
)
def test_coverage_formats(content: bytes, file: str, expected: dict[str, float]) -> None:
    report = parse(content, file)
    assert (report.name, report.values) == ("coverage", expected)


def test_sarif_takes_levels_from_rules_and_leaves_out_what_is_suppressed() -> None:
    report = parse(json.dumps(SARIF).encode(), "s.sarif")
    assert report.values == {"total": 3, "errors": 1, "warnings": 1, "notes": 1}


def test_plain_data_is_named_after_its_file() -> None:
    assert parse(b'{"p95_ms": 12}', "out/load-report.json") == Report(
        "load_report", "data", "out/load-report.json", {"p95_ms": 12}, {}
    )
    assert parse(b"p95_ms: 12\n", "r.yaml", "load").values == {"p95_ms": 12}


@pytest.mark.parametrize(
    "content",
    [
        BOMB,
        EXTERNAL,
        JUNIT[:-40],
        b"<html/>",
        b'{"runs": [',
        b"\xff\xfe",
        b'{"a": NaN}',
        b"[" * 9999,
    ],
)
def test_what_is_harmful_or_half_written_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(content, "r.json")


def test_a_yaml_bomb_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="alias"):
        parse(b"a: &a [x, x]\nb: [*a, *a]\n", "r.yaml")


def test_a_half_written_lcov_record_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="not ended"):
        parse(LCOV[:40], "c.info")


def test_two_runs_that_disagree_count_the_worse_and_say_so() -> None:
    good = parse(JUNIT.replace(b'<failure message="no"/>', b""), "good.xml")
    bad = parse(JUNIT, "bad.xml")
    for group in ([good, bad], [bad, good]):
        values, conflicts = merge(group)
        assert values == bad.values
        assert len(conflicts) == 1
        assert "a::two" in conflicts[0]


@given(st.lists(st.floats(0, 100), min_size=2, max_size=4))
def test_of_several_coverages_the_lowest_counts(shares: list[float]) -> None:
    group = [Report("coverage", "coverage", f"{i}", {"line": s}, {}) for i, s in enumerate(shares)]
    assert merge(group)[0]["line"] == min(shares)
