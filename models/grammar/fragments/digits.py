"""Digits: regular expressions for the numbers between two bounds, and for the multiples of a number between them.

Knows decimal notation. The expressions use the syntax that Python's re and llguidance share.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor

ENDINGS = 200
"""Ways in which the multiples of a number may end (those of 25 in four) before `multiples` gives up."""


@lru_cache(1024)
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
    step = Decimal(1).scaleb(-places)
    found = []
    if low < 0 and (below := _fractions(max(step, -high), -low, places, least)):
        found.append(f"-(?:{below})")
    if high >= 0:
        found.append(_fractions(max(Decimal(0), low), high, places, least))
    return "|".join(part for part in found if part)


def multiples(low: Decimal, high: Decimal, step: Decimal, places: int, least: int = 0) -> str | None:
    """As `decimals`, multiples of `step` > 0 only. None where they are many and end in more than `ENDINGS` ways."""
    found = []
    for count in range(least, places + 1):
        unit = (Fraction(step) * 10**count).numerator  # of 10**-count: the smallest multiple with `count` places
        first, last = ceil(Fraction(low) * 10**count / unit), floor(Fraction(high) * 10**count / unit)
        block = next((10**width for width in range(19) if 10**width % unit == 0), 0)
        if not 0 < block // unit <= ENDINGS:
            if last - first >= ENDINGS:
                return None
            block = 0
        if first < 0 and (below := _every(max(1, -last), -first, unit, block, count)):
            found.append(f"-(?:{below})")
        if last >= 0:
            found.append(_every(max(0, first), last, unit, block, count))
    return "|".join(part for part in found if part)


def _fractions(low: Decimal, high: Decimal, places: int, least: int) -> str:
    """0 <= low, else empty: whole numbers all of whose fractions fit at once, what remains at the ends one by one."""
    if low > high:
        return ""
    step = Decimal(1).scaleb(-places)
    first, last = ceil(low), floor(high + step) - 1
    if first > last:
        return _each(low, high, places, least)
    tail = f"[.][0-9]{{{max(least, 1)},{places}}}" if places else ""
    found = [f"(?:{_naturals(first, last)})" + (f"(?:{tail})?" if tail and not least else tail)]
    found.append(_each(low, first - step, places, least))
    found.append(_each(Decimal(last + 1), high, places, least))
    return "|".join(part for part in found if part)


def _each(low: Decimal, high: Decimal, places: int, least: int) -> str:
    found = []
    for count in range(least, places + 1):
        first = int((low * 10**count).to_integral_value(ROUND_CEILING))
        last = int((high * 10**count).to_integral_value(ROUND_FLOOR))
        found.append(_scaled(first, last, count))
    return "|".join(part for part in found if part)


def _every(first: int, last: int, unit: int, block: int, places: int) -> str:
    """The numbers k * unit / 10**places for k from `first` to `last` (>= 0), with exactly `places` digits after the
    point. `block`: a power of ten that `unit` divides, so that endings repeat in each block; 0 if there is none."""
    per = block // unit or last + 1
    begin, end = max(1, -(-first // per)), (last + 1) // per  # block 0 has no digits in front of the endings
    if begin >= end:
        return "|".join(_written(k * unit, places) for k in range(first, last + 1))
    width = len(str(block)) - 1
    endings = [str(k * unit).zfill(width)[:width] for k in range(per)]
    if 0 < places <= width:
        endings = [f"{ending[: width - places]}[.]{ending[width - places :]}" for ending in endings]
    before = [_written(k * unit, places) for k in range(first, begin * per)]
    between = f"(?:{_scaled(begin, end - 1, max(0, places - width))})(?:{'|'.join(endings)})"
    after = [_written(k * unit, places) for k in range(end * per, last + 1)]
    return "|".join([*before, between, *after])


def _written(scaled: int, places: int) -> str:
    digits = f"{scaled:0{places + 1}d}"
    return f"{digits[:-places]}[.]{digits[-places:]}" if places else digits


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
        return "|".join(f"{n}[.](?:{padded(first - n * unit, last - n * unit, places)})" for n, first, last in parts)
    found = [f"(?:{_naturals(whole_low, whole_high)})[.][0-9]{{{places}}}"]
    if low < whole_low * unit:
        found.append(f"{whole_low - 1}[.](?:{padded(low % unit, unit - 1, places)})")
    if high > whole_high * unit + unit - 1:
        found.append(f"{whole_high + 1}[.](?:{padded(0, high % unit, places)})")
    return "|".join(found)


def _naturals(low: int, high: int) -> str:
    """0 <= low <= high, else empty: by count of digits, so that nothing starts with a zero; full counts at once."""
    found, full = ["0"] if low == 0 <= high else [], []
    for width in range(len(str(low)), len(str(high)) + 1):
        least, most = 10 ** (width - 1), 10**width - 1
        first, last = max(low, least), min(high, most)
        if (first, last) == (least, most):
            full.append(width)
        elif first <= last:
            found.append(padded(first, last, width))
    if full:
        found.append(f"[1-9][0-9]{{{full[0] - 1},{full[-1] - 1}}}" if full[-1] > 1 else "[1-9]")
    return "|".join(found)


def padded(low: int, high: int, width: int) -> str:
    """The numbers from `low` to `high`, each written with exactly `width` digits."""
    if width == 0:
        return ""
    a, b = f"{low:0{width}d}", f"{high:0{width}d}"
    if a == b:
        return a
    if a.strip("0") == "" and b.strip("9") == "":
        return f"[0-9]{{{width}}}"
    if a[0] == b[0]:
        return f"{a[0]}(?:{padded(int(a[1:] or 0), int(b[1:] or 0), width - 1)})"
    rest, found = width - 1, []
    first, last = int(a[0]), int(b[0])
    if rest and a[1:].strip("0"):
        found.append(f"{first}(?:{padded(int(a[1:]), 10**rest - 1, rest)})")
        first += 1
    tail = None
    if rest and b[1:].strip("9"):
        tail = f"{last}(?:{padded(0, int(b[1:]), rest)})"
        last -= 1
    if first <= last:
        digits = f"[{first}-{last}]" if first < last else str(first)
        found.append(digits + (f"[0-9]{{{rest}}}" if rest else ""))
    return "|".join([*found, tail] if tail else found)
