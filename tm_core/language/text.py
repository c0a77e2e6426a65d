"""Text for people: safe to show on a terminal, and short enough to quote in a message."""

from __future__ import annotations

import re
from collections.abc import Iterable

# C0, DEL and C1 drive terminals; U+2028 and U+2029 break lines; bidi overrides and isolates reorder
# what is read; a surrogate cannot be encoded at all. The marks U+200E and U+200F stay: ordinary
# right-to-left text needs them, and they reorder nothing but their neighbours.
_BEYOND_C0 = r"\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_HIDDEN = rf"[\x00-\x1f{_BEYOND_C0}]"
_HIDDEN_IN_LINES = rf"[\x00-\x08\x0b-\x1f{_BEYOND_C0}]"


def visible(text: str, *, multiline: bool = False) -> str:
    r"""The text with every control character written out (`\x1b`, `\n`, `\u202e`).

    With `multiline`, line breaks and tabs stay what they are.
    """
    if text.isascii() and text.isprintable():
        return text  # the usual, for which no pattern needs to be compiled
    if multiline:
        return re.sub(_HIDDEN_IN_LINES, _escape, text.replace("\r\n", "\n"))
    return re.sub(_HIDDEN, _escape, text)


def _escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")


_SECRET = r"(?i)(?<=://)([^:/?#\s]*):.*(?=@)|((?:^|[?&\s])(?:ssl)?password=)[^&\s]*"


def masked(text: str) -> str:
    """The text without the password that a URL in it may hold."""
    if "://" not in text:
        return text
    return re.sub(_SECRET, lambda found: f"{found[2]}***" if found[2] else f"{found[1]}:***", text)


def is_blank(text: str) -> bool:
    """Whether nothing of the text would be seen: white space, and what takes no room at all."""
    text = text.strip()
    if not text or text[0] < "\x7f":
        return not text
    # Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), and Braille's blank.
    return not re.sub(
        r"[\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
        r"\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
        r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]",
        "",
        text,
    )


def quote(text: str, limit: int = 60) -> str:
    """The text as a message echoes it: visible, shortened, in quotes."""
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    mark = '"' if "'" in short else "'"
    return f"{mark}{visible(short)}{mark}"


def mentions(text: str) -> list[str]:
    """The names that a text calls as `@name`, each once, in its order.

    No part of an address such as `bea@example.org`, or of a path, is a call.
    """
    found = re.findall(r"(?<![\w@./+-])@(\w(?:[\w.-]*\w)?)", text)
    return list(dict.fromkeys(found))


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean 'title'?`, or nothing when no known word is near."""
    import difflib  # only needed once something is already wrong

    found = difflib.get_close_matches(word[:100].lower(), list(known), n=3)
    if not found:
        return ""
    return "did you mean " + " or ".join(quote(name) for name in found) + "?"
