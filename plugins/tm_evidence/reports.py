"""The formats: JUnit XML, coverage (coverage.py JSON, Cobertura XML, LCOV), SARIF, JSON and YAML.

XML is read by defusedxml: no entities, no external references.
"""

from __future__ import annotations

import io
import json
import math
import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

_OUTCOMES = ("passed", "skipped", "error", "failed")
"""Of a test case, the worst last."""


class Unreadable(Exception):
    """A file that is not what it seems, or only half of it."""


class Report(NamedTuple):
    """What one file says."""

    name: str
    """The first part of its names: `tests`, `coverage`, `sarif`, or the file's stem."""
    kind: str
    """`junit`, `coverage`, `sarif`, or `data`."""
    file: str
    values: dict[str, Any]
    cases: dict[str, str]
    """The outcome of each test case of a JUnit report, by `class::name`."""


def parse(content: bytes, file: str, name: str = "") -> Report:
    """Read a report of any known format, told by its content.

    Args:
        content: The whole file.
        file: Its path, for messages and for the names of plain data.
        name: The first part of its names, instead of the usual one.

    Raises:
        Unreadable: It is of no known format, or not whole.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 at byte {error.start}") from error
    start = text.lstrip()[:200]
    if start.startswith("<"):
        return _xml(content, file, name)
    if file.endswith((".info", ".lcov")) or start.startswith(("TN:", "SF:")):
        return Report(name or "coverage", "coverage", file, _lcov(text), {})
    data = _data(text, file)
    if isinstance(data, dict) and isinstance(data.get("runs"), list) and "version" in data:
        return Report(name or "sarif", "sarif", file, _sarif(data), {})
    if isinstance(data, dict) and "totals" in data and "coverage" in str(data.get("meta", "")):
        return Report(name or "coverage", "coverage", file, _coverage_py(data["totals"]), {})
    if not isinstance(data, dict):
        data = {"value": data}
    stem = os.path.basename(file).partition(".")[0]
    return Report(name or re.sub(r"\W", "_", stem), "data", file, data, {})


def _data(text: str, file: str) -> Any:
    if file.endswith((".yaml", ".yml")):
        from tm_core.api import TmError, load_yaml

        try:
            return load_yaml(text, file)
        except TmError as error:
            raise Unreadable(error.message) from error

    def finite(value: str) -> float:
        number = float(value)
        if not math.isfinite(number):
            raise Unreadable(f"{value} is not a number that can be compared")
        return number

    try:
        return json.loads(text, parse_constant=finite)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not whole JSON: {' '.join(str(error).split())}") from error


def _xml(content: bytes, file: str, name: str) -> Report:
    from xml.etree.ElementTree import ParseError

    import defusedxml
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(content, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except (ParseError, defusedxml.DefusedXmlException, ValueError, LookupError) as error:
        raise Unreadable(f"not whole, harmless XML: {' '.join(str(error).split())}") from error
    tag = root.tag.rpartition("}")[2]
    if tag in ("testsuites", "testsuite"):
        cases = _junit(content)
        return Report(name or "tests", "junit", file, _counts(cases), cases)
    if tag == "coverage":
        return Report(name or "coverage", "coverage", file, _cobertura(root), {})
    raise Unreadable(f"XML of an unknown kind: <{tag}>")


def _junit(content: bytes) -> dict[str, str]:
    import junitparser
    from defusedxml.ElementTree import parse as parse_safely

    try:
        document = junitparser.JUnitXml.fromfile(io.BytesIO(content), parse_func=parse_safely)
    except (junitparser.JUnitXmlError, ValueError) as error:
        raise Unreadable(str(error)) from error
    suites = [document] if isinstance(document, junitparser.TestSuite) else list(document)
    cases: dict[str, str] = {}
    while suites:
        suite = suites.pop()
        suites.extend(suite.testsuites())  # type: ignore[no-untyped-call]  # as junitparser has it
        for case in suite:
            if not isinstance(case, junitparser.TestCase):
                continue
            key = f"{case.classname or suite.name or ''}::{case.name or ''}"
            outcome = _outcome([type(result).__name__.lower() for result in case.result])
            # The same case twice in one file is a repetition: each counts.
            while key in cases:
                key += "'"
            cases[key] = outcome
    return cases


def _outcome(results: Sequence[str]) -> str:
    known = {"failure": "failed", "error": "error", "skipped": "skipped"}
    return max(
        (known.get(each, "passed") for each in results), key=_OUTCOMES.index, default="passed"
    )


def _counts(cases: dict[str, str]) -> dict[str, Any]:
    outcomes = list(cases.values())
    return {
        "total": len(outcomes),
        "passed": outcomes.count("passed"),
        "failed": outcomes.count("failed"),
        "errors": outcomes.count("error"),
        "skipped": outcomes.count("skipped"),
    }


def _percent(covered: float, total: float) -> float | None:
    return round(100.0 * covered / total, 4) if total else None


def _shares(lines: tuple[float, float], branches: tuple[float, float]) -> dict[str, Any]:
    """Shares of pairs of covered and all; the whole is reckoned as coverage.py's report does.

    It counts a branch like a line: coverage.py, `results.py`, `Numbers.ratio_covered`.
    """
    both = lines[0] + branches[0], lines[1] + branches[1]
    return _known(
        {"line": _percent(*lines), "branch": _percent(*branches), "total": _percent(*both)}
    )


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _coverage_py(totals: dict[str, Any]) -> dict[str, Any]:
    try:
        lines = totals["covered_lines"], totals["num_statements"]
        branches = totals.get("covered_branches", 0), totals.get("num_branches", 0)
        return _shares(lines, branches) | {"total": round(float(totals["percent_covered"]), 4)}
    except (KeyError, TypeError, ValueError) as error:
        raise Unreadable(f"coverage totals are not complete: {error}") from error


def _cobertura(root: Any) -> dict[str, Any]:
    def counts(kind: str) -> tuple[float, float] | None:
        covered, valid = root.get(f"{kind}-covered"), root.get(f"{kind}-valid")
        return None if covered is None or valid is None else (float(covered), float(valid))

    def rate(kind: str) -> dict[str, Any]:
        share = root.get(f"{kind}-rate")
        return {kind: round(100.0 * float(share), 4)} if share else {}

    try:
        lines, branches = counts("lines"), counts("branches")
        if lines is not None and branches is not None:
            return _shares(lines, branches)
        line = rate("line") if lines is None else _known({"line": _percent(*lines)})
        return line | (
            rate("branch") if branches is None else _known({"branch": _percent(*branches)})
        )
    except ValueError as error:
        raise Unreadable(f"Cobertura figures are no numbers: {error}") from error


def _lcov(text: str) -> dict[str, Any]:
    sums = {"LF": 0, "LH": 0, "BRF": 0, "BRH": 0}
    open_record = False
    for line in text.splitlines():
        key, _, value = line.strip().partition(":")
        open_record = (open_record or key == "SF") and key != "end_of_record"
        if key in sums:
            try:
                sums[key] += int(value)
            except ValueError as error:
                raise Unreadable(f"LCOV: {line!r} has no number") from error
    if open_record:
        raise Unreadable("LCOV: the last record is not ended")
    return _shares((sums["LH"], sums["LF"]), (sums["BRH"], sums["BRF"]))


def _sarif(data: dict[str, Any]) -> dict[str, Any]:
    counts = {"total": 0, "errors": 0, "warnings": 0, "notes": 0}
    plural = {"error": "errors", "warning": "warnings", "note": "notes"}
    for run in data["runs"]:
        if not isinstance(run, dict):
            raise Unreadable("SARIF: a run is no object")
        rules = {}
        driver = run.get("tool", {}).get("driver", {})
        for rule in driver.get("rules", []):
            rules[rule.get("id")] = rule.get("defaultConfiguration", {}).get("level", "warning")
        for result in run.get("results") or []:
            if result.get("kind", "fail") != "fail" or result.get("suppressions"):
                continue
            level = result.get("level") or rules.get(result.get("ruleId"), "warning")
            counts["total"] += 1
            if level in plural:
                counts[plural[level]] += 1
    return counts


def merge(group: Sequence[Report]) -> tuple[dict[str, Any], list[str]]:
    """What reports of one name say together, and where they disagree, in sentences."""
    if len(group) == 1:
        return group[0].values, []
    if all(report.kind == "junit" for report in group):
        return _merged_tests(group)
    if all(report.kind == "sarif" for report in group):
        sums = {key: sum(each.values[key] for each in group) for key in group[0].values}
        return sums, []
    merged = dict(group[0].values)
    conflicts: list[str] = []
    for report in group[1:]:
        for key, value in report.values.items():
            known = merged.setdefault(key, value)
            if known != value:
                worse = isinstance(value, (int, float)) and isinstance(known, (int, float))
                if worse:
                    merged[key] = min(known, value)
                conflicts.append(
                    f"{report.file} and {group[0].file} disagree about {report.name}.{key}:"
                    f" {value} and {known}; {merged[key]} counts"
                )
    return merged, conflicts


def _merged_tests(group: Sequence[Report]) -> tuple[dict[str, Any], list[str]]:
    cases: dict[str, str] = {}
    differing: list[str] = []
    for report in group:
        for case, outcome in report.cases.items():
            known = cases.setdefault(case, outcome)
            if known != outcome:
                differing.append(case)
                cases[case] = max(known, outcome, key=_OUTCOMES.index)
    conflicts = []
    if differing:
        files = ", ".join(report.file for report in group)
        conflicts.append(
            f"{files} disagree about {len(differing)} test(s), such as {differing[0]};"
            " the worse outcome counts"
        )
    return _counts(cases), conflicts
