from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tm_core import TaskManager
from tm_core.api import Field, Plugin, Spread

pytestmark = pytest.mark.every_backend

SIZED = Plugin(name="sized", summary="Sizes", fields=(Field("size", "float"),))
_VALUES = st.lists(st.none() | st.floats(-1e6, 1e6), max_size=12)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(_VALUES)
def test_a_spread_is_that_of_the_values_there_are(
    tm_open: Callable[..., TaskManager], values: list[float | None]
) -> None:
    with tm_open(plugins=[SIZED]) as tm:
        with tm.transaction():
            for old in tm.find():
                tm.delete(old.id, purge=True)
            for value in values:
                tm.add("x", size=value)
        sql = f"SELECT {tm.database.dialect.spread('size')} AS spread FROM task"
        spread = Spread.of(tm.database.query(sql)[0]["spread"])
    known = sorted(value for value in values if value is not None)
    assert spread.size == len(known)
    if not known:
        assert (spread.mean, spread.quantile(50), spread.told(80)) == (
            None,
            None,
            {"mean": None, "p80": None},
        )
        return
    assert spread.mean == pytest.approx(sum(known) / len(known))
    assert (spread.quantile(0), spread.quantile(100)) == (known[0], known[-1])
    for percent in range(1, 101):
        within = [value for value in known if value <= spread.points[percent]]
        assert len(within) * 100 >= percent * len(known)
        below = [value for value in known if value < spread.points[percent]]
        assert len(below) * 100 < percent * len(known)


def test_a_part_of_a_document(tm_store: TaskManager) -> None:
    part = tm_store.database.dialect.json_part
    tm_store.add("x")
    sql = (
        f"SELECT {part('data', 'after', 'title')} AS title,"
        f" {part('data', 'no-such', 'x')} AS absent FROM event"
    )
    assert tm_store.database.query(sql) == [{"title": "x", "absent": None}]
