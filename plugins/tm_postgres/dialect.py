"""SQL text where engines differ: PostgreSQL's."""

from __future__ import annotations

from .statements import schema_text

_POINTS = ", ".join(str(max(point / 100 - 1e-12, 0)) for point in range(101))
# A hair less than each hundredth: its product with a count must not be rounded up past a whole.


class PostgresDialect:
    """Implements `tm_core.api.SQLDialect`."""

    def contains(self, haystack: str, needle: str) -> str:
        return f"(strpos({haystack}, {needle}) > 0)"

    def list_contains(self, column: str, item: str) -> str:
        return (
            f"EXISTS (SELECT 1 FROM jsonb_array_elements_text(CAST({column} AS jsonb))"
            f" AS item(value) WHERE item.value = {item})"
        )

    def lower(self, text: str) -> str:
        return f"unicode_lower({text})"

    def upper(self, text: str) -> str:
        return f"unicode_upper({text})"

    def list_items(self, column: str) -> str:
        return (
            'LATERAL (SELECT each.value COLLATE "C" AS value FROM'
            f" jsonb_array_elements_text(CAST({column} AS jsonb)) AS each(value))"
        )

    def hours_between(self, start: str, end: str) -> str:
        return (
            f"CAST(EXTRACT(EPOCH FROM (CAST({end} AS timestamptz) - CAST({start} AS timestamptz)))"
            " / 3600.0 AS double precision)"
        )

    def spread(self, value: str) -> str:
        return (
            f"(CASE WHEN count({value}) = 0 THEN '[0, 0.0, []]'"
            f" ELSE CAST(json_build_array(count({value}), sum({value}),"
            f" percentile_disc(ARRAY[{_POINTS}]) WITHIN GROUP (ORDER BY {value})) AS text) END)"
        )

    def json_part(self, column: str, *path: str) -> str:
        steps = "".join(", '" + step.replace("'", "''") + "'" for step in path)
        return f'(jsonb_extract_path_text(CAST({column} AS jsonb){steps}) COLLATE "C")'

    def schema(self, text: str) -> str:
        return schema_text(text)
