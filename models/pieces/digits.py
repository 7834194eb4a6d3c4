"""Digits: regular expressions for the numbers between two bounds, and for the days of two centuries.

Knows decimal notation and the calendar. The expressions use the syntax that Python's re and llguidance share.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


def integers(low: int, high: int) -> str:
    """A regular expression for the integers from `low` to `high`, without leading zeros, without "-0"."""
    found = []
    if low < 0:
        found.append(f"-(?:{_naturals(max(1, -high), -low)})")
    if high >= 0:
        found.append(_naturals(max(0, low), high))
    return "|".join(found)


def decimals(low: Decimal, high: Decimal, places: int, least: int = 0) -> str:
    """A regular expression for the numbers from `low` to `high` with `least` to `places` digits after the point."""
    found = []
    for count in range(least, places + 1):
        first = int((low * 10**count).to_integral_value(ROUND_CEILING))
        last = int((high * 10**count).to_integral_value(ROUND_FLOOR))
        if first < 0:
            found.append(f"-(?:{_scaled(max(1, -last), -first, count)})")
        if last >= 0:
            found.append(_scaled(max(0, first), last, count))
    return "|".join(part for part in found if part not in ("", "-(?:)"))


def days() -> str:
    """A regular expression for the days from 1900-01-01 to 2099-12-31 in ISO form; 29 February in leap years only."""
    long = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    short = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8])"
    leap = "(?:19(?:0[48]|[2468][048]|[13579][26])|20(?:[02468][048]|[13579][26]))-02-29"
    return f"(?:19|20)[0-9]{{2}}-(?:{long}|{short})|{leap}"


def _scaled(low: int, high: int, places: int) -> str:
    """The numbers n / 10**places for n from `low` to `high` (>= 0), with exactly `places` digits after the point."""
    if not places:
        return _naturals(low, high)
    unit = 10**places
    if low > high:
        return ""
    whole_low, whole_high = -(-low // unit), (high + 1) // unit - 1  # the integers all of whose fractions fit
    if whole_low > whole_high:
        parts = [(n, max(low, n * unit), min(high, n * unit + unit - 1)) for n in range(low // unit, high // unit + 1)]
        return "|".join(f"{n}[.](?:{_padded(first - n * unit, last - n * unit, places)})" for n, first, last in parts)
    found = [f"(?:{_naturals(whole_low, whole_high)})[.][0-9]{{{places}}}"]
    if low < whole_low * unit:
        found.append(f"{whole_low - 1}[.](?:{_padded(low % unit, unit - 1, places)})")
    if high > whole_high * unit + unit - 1:
        found.append(f"{whole_high + 1}[.](?:{_padded(0, high % unit, places)})")
    return "|".join(found)


def _naturals(low: int, high: int) -> str:
    """0 <= low <= high, else empty: one alternative for each count of digits, so that nothing starts with a zero."""
    found = []
    for width in range(len(str(low)), len(str(high)) + 1):
        first = max(low, 10 ** (width - 1) if width > 1 else 0)
        last = min(high, 10**width - 1)
        if first <= last:
            found.append(_padded(first, last, width))
    return "|".join(found)


def _padded(low: int, high: int, width: int) -> str:
    """The numbers from `low` to `high`, each written with exactly `width` digits."""
    if width == 0:
        return ""
    a, b = f"{low:0{width}d}", f"{high:0{width}d}"
    if a.strip("0") == "" and b.strip("9") == "":
        return f"[0-9]{{{width}}}"
    if a[0] == b[0]:
        return f"{a[0]}(?:{_padded(int(a[1:] or 0), int(b[1:] or 0), width - 1)})"
    rest, found = width - 1, []
    first, last = int(a[0]), int(b[0])
    if rest and a[1:].strip("0"):
        found.append(f"{first}(?:{_padded(int(a[1:]), 10**rest - 1, rest)})")
        first += 1
    tail = None
    if rest and b[1:].strip("9"):
        tail = f"{last}(?:{_padded(0, int(b[1:]), rest)})"
        last -= 1
    if first <= last:
        digits = f"[{first}-{last}]" if first < last else str(first)
        found.append(digits + (f"[0-9]{{{rest}}}" if rest else ""))
    return "|".join([*found, tail] if tail else found)
