"""Money: an amount and a currency, read from how customers write it.

Knows ISO 4217 and the usual signs, names and scales. Does not know exchange rates, nor which currency a shop means when
none is said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from models.values.number import NUMBER, figures, value

_ISO_4217 = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VED VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG
"""
_CODES = frozenset(_ISO_4217.split())
_NAMES = {
    "us dollars?": "USD", "canadian dollars?": "CAD", "australian dollars?": "AUD", "singapore dollars?": "SGD",
    "hong kong dollars?": "HKD", "new zealand dollars?": "NZD", "dollars?": "USD", "bucks?": "USD", "usd": "USD",
    "euros?": "EUR", "eur": "EUR", "british pounds?": "GBP", "pounds?(?: sterling)?": "GBP", "quid": "GBP",
    "gbp": "GBP", "indian rupees?": "INR", "pakistani rupees?": "PKR", "rupees?": "INR", "rs": "INR", "inr": "INR",
    "swiss francs?": "CHF", "chf": "CHF", "yen": "JPY", "jpy": "JPY", "yuan": "CNY", "renminbi": "CNY", "rmb": "CNY",
    "cny": "CNY", "krw": "KRW", "dirhams?": "AED", "aed": "AED", "baht": "THB", "thb": "THB", "ringgit": "MYR",
    "rupiah": "IDR", "aud": "AUD", "cad": "CAD", "sgd": "SGD", "nzd": "NZD", "sek": "SEK", "nok": "NOK", "dkk": "DKK",
    "zloty": "PLN",
}  # fmt: skip
_SIGNS = {
    "us$": "USD", "a$": "AUD", "c$": "CAD", "s$": "SGD", "hk$": "HKD", "nz$": "NZD", "r$": "BRL", "$": "USD",
    "€": "EUR", "£": "GBP", "₹": "INR", "¥": "JPY", "₩": "KRW", "฿": "THB", "₫": "VND", "₺": "TRY", "₱": "PHP",
    "₪": "ILS", "₴": "UAH",
}  # fmt: skip
_SIGN = re.compile(r"(?<![a-z])(?:" + "|".join(map(re.escape, _SIGNS)) + ")", re.I)
_NAME = re.compile(
    r"(?<![^\W\d_])(?:" + "|".join(f"(?P<n{i}>{name})" for i, name in enumerate(_NAMES)) + r")\b\.?", re.I
)
_CODE = re.compile(rf"(?<![^\W\d_])(?:{'|'.join(sorted(_CODES))})(?![^\W\d_])")
_MARK = re.compile(r"\b([A-Z]{3})¤")
_NEITHER = re.compile(  # a range, a rate or a lower bound is no amount; nor is a coin that several countries use
    r"\b(?:between|or|least|per|each|every|more|over|above|minimum|not|pesos?|crowns?|kron(?:er|or|a)|dinars?|riyals?|shillings?"
    r"|pp|\w+n't)\b|[/%]\s*(?!-)\w|\d\s*(?:-|–|\bto\b)\s*\d",
    re.I,
)
# With no currency said, a number among other words than these counts something else than money.
_FILLERS = """
    about all altogether around at below budget cost costs for from i in is it less maximum max me more most much
    my no of only our please roughly say than the total under up to upto us we approximately approx within with
    by have
"""
_AROUND = frozenset(_FILLERS.split())


@dataclass(frozen=True)
class Money:
    """`amount` in units of `currency` (ISO 4217), which is "" if none was said. ValueError for any other currency."""

    amount: Decimal
    currency: str = ""

    def __post_init__(self) -> None:
        if self.currency and self.currency not in _CODES:
            raise ValueError(f"{self.currency!r} is no ISO 4217 code; write one such as EUR, or leave it empty.")
        if not self.amount.is_finite():
            raise ValueError("An amount of money must be a finite number.")

    def __str__(self) -> str:
        """ "20000 INR", which reads back to the same money."""
        amount = self.amount.normalize()
        places = -int(amount.as_tuple().exponent)
        # Exactly three decimals would read as a group of thousands.
        text = f"{amount:f}0" if places == 3 else f"{amount:f}"
        return f"{text} {self.currency}".rstrip()

    @classmethod
    def read(cls, text: str, today: date | None = None) -> Money | None:
        """ "20k rupees", "₹15,000", "$1.2k", "USD 450", "1.5 lakh": the one amount in `text`, else None.

        Dollars without a country are US dollars, rupees Indian. Without a currency, every other word must be one that
        often stands around an amount ("under 500"), so that "2 people" is no money.
        """
        text = text.replace("¤", " ").strip().removesuffix("/-").rstrip(".!?").replace("’", "'")
        sign = -1 if re.match(r"-\s?[\d.]+( [A-Z]{3})?$", text) else 1
        text = _SIGN.sub(
            lambda match: f" {_SIGNS[match[0].casefold()]}¤ ", text.removeprefix("-") if sign < 0 else text
        )
        text = _CODE.sub(lambda match: f" {match[0]}¤ ", text) if "¤" not in text else text
        text = _NAME.sub(_code, text)
        text = figures(" ".join(text.split()))
        currencies, amounts = set(_MARK.findall(text)), NUMBER.findall(text)
        if _NEITHER.search(text.replace("no more than", "")) or len(amounts) != 1 or len(currencies) > 1:
            return None
        words = re.sub(r"[^\w\s']", " ", NUMBER.sub(" ", text).casefold()).split()
        if (number := value(amounts[0], money=True)) is None or not (currencies or _AROUND.issuperset(words)):
            return None
        return cls(sign * number, currencies.pop() if currencies else "")


def _code(match: re.Match[str]) -> str:
    names = list(_NAMES.values())
    return f" {names[int(str(match.lastgroup)[1:])]}¤ "
