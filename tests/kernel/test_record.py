"""Records: tuples with named fields."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tm_core.api import Record


class Place(Record):
    """For these tests."""

    name: str
    number: int = 7
    notes: tuple[str, ...] = ()


@given(st.text(), st.integers(), st.lists(st.text()).map(tuple))
def test_values_are_found_by_name_and_by_place(name: str, number: int, notes: Any) -> None:
    """Given either way, it is the same record, and equals the plain tuple."""
    place = Place(name, number, notes)
    assert (place.name, place.number, place.notes) == (name, number, notes) == place
    assert Place(number=number, notes=notes, name=name) == place
    assert Place(name, notes=notes, number=number) == place
    assert place._asdict() == {"name": name, "number": number, "notes": notes}


def test_what_is_absent_takes_its_default() -> None:
    assert Place("here") == ("here", 7, ())
    assert Place(name="here", notes=("a",)).number == 7


@pytest.mark.parametrize(
    ("values", "named", "wrong"),
    [
        ((), {}, "missing: ['name']"),
        (("here", 1, (), 4), {}, "has the fields name, number, notes"),
        (("here",), {"size": 1}, "unknown or given twice: ['size']"),
        (("here",), {"name": "there"}, "unknown or given twice: ['name']"),
    ],
)
def test_what_does_not_fit_is_refused(values: Any, named: Any, wrong: str) -> None:
    with pytest.raises(TypeError) as refused:
        Place(*values, **named)
    assert wrong in str(refused.value)


def test_a_record_does_not_change_but_another_can_be_made_of_it() -> None:
    place = Place("here")
    with pytest.raises(AttributeError):
        place.number = 8  # type: ignore[misc]  # what the type checker forbids as well
    assert place._replace(number=8) == Place("here", 8)
    assert place.number == 7


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_is_the_same(again: Any) -> None:
    place = Place("here", 1, ("a", "b"))
    found = again(place)
    assert found == place
    assert type(found) is Place


def test_it_is_made_of_a_row_of_just_as_many_values() -> None:
    assert Place._make(["here", 1, ()]) == Place("here", 1)
    with pytest.raises(TypeError, match="Place has 3 fields, not 2"):
        Place._make(["here", 1])


def test_it_tells_what_it_is() -> None:
    assert repr(Place("here")) == "Place(name='here', number=7, notes=())"
