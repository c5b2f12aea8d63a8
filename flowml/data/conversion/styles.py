"""How people write numbers, as patterns over one text."""

from __future__ import annotations

from dataclasses import dataclass

# As pandas, R and JavaScript write numbers beyond all others.
INFINITE = r"(?i)^[-+]?(?:inf|infinity|∞)$"
_CODES = (
    "USD|EUR|GBP|JPY|CHF|CAD|AUD|NZD|SEK|NOK|DKK|ISK|PLN|CZK|HUF|RON|BGN|TRY|RUB|UAH|INR|PKR|BDT|LKR|CNY|RMB|KRW|SGD"
    "|HKD|TWD|THB|IDR|MYR|PHP|VND|BRL|MXN|ARS|CLP|COP|PEN|ZAR|EGP|NGN|KES|ILS|AED|SAR|QAR|KWD|BTC|ETH"
)
_SIGNS = "€£¥￥円元원₹₽₩₺₪฿₫₴₦₱₡₲₵₸₭₮¢"
_NAMES = r"zł|Kč|[Kk]r\.?|Ft|лв\.?|руб\.?|SFr\.?|Fr\.|Rs\.?|lei"
CURRENCY = rf"(?:(?:US|AU|CA|NZ|HK|NT|A|C|S|R)?\$|[{_SIGNS}]|{_NAMES}|{_CODES})"

BLANK = "[ \u00a0\u202f\u2009]"
_EXPONENT = r"(?:[eE][-+]?\d{1,3})?"


@dataclass(frozen=True)
class Style:
    """A way to write numbers: the decimal sign, and what stands between thousands (empty for nothing)."""

    decimal: str
    thousands: str

    @property
    def pattern(self) -> str:
        decimal = r"\." if self.decimal == "." else ","
        grouped = {
            "": "",
            # Indian numbers are grouped by two digits above the first thousand.
            ",": r"[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d?(?:,\d{2})+,\d{3}|",
            ".": r"[1-9]\d{0,2}(?:\.\d{3})+|",
            " ": rf"[1-9]\d{{0,2}}(?:{BLANK}\d{{3}})+|",
            "'": r"[1-9]\d{0,2}(?:['’]\d{3})+|",
        }[self.thousands]
        return rf"^-?(?:(?:{grouped}\d+)(?:{decimal}\d*)?|{decimal}\d+){_EXPONENT}$"

    @property
    def thousands_pattern(self) -> str:
        return {"": "", ",": ",", ".": r"\.", " ": BLANK, "'": "['’]"}[self.thousands]
