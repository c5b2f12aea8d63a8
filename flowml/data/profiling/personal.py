"""Columns that seem to tell who somebody is: by their name, in several languages, or by what their values look like.

Judged from the statistics alone, without a look at the table. A mistake in one direction costs a model a few sample
values, one in the other somebody their privacy: where in doubt, a column is personal.
"""

import re
import unicodedata
from collections.abc import Callable

from flowml.domain.datasets import ColumnStats, Role

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# Words of names, without accents; each as a whole word of the name.
_NAMES: tuple[tuple[str, str], ...] = (
    (
        "e-mail addresses",
        r"e?mail|email\w*|courriel|correo|posta elettronica|e post|epost|mejl|почта|邮箱|メール",
    ),
    (
        "telephone numbers",
        (
            r"phone\w*|telephone|tel|mobile|cell|fax|telefon\w*|handy\w*|rufnummer|telefono|celular|movil|portable"
            r"|gsm|puhelin|телефон|电话|電話"
        ),
    ),
    (
        "birthdays",
        (
            r"birth\w*|dob|born|geburt\w*|geboren|naissance|nacimiento|nascita|nascimento|geboorte\w*|fodelse\w*|fodt"
            r"|syntyma\w*|urodzen\w*|narozeni|рождения|生日|出生\w*|生年月日"
        ),
    ),
    (
        "addresses",
        (
            r"address\w*|street|strasse|str|hausnummer|anschrift|adresse|adres|adress|direccion|domicilio|calle|rue|via"
            r"|indirizzo|endereco|rua|postcode|postal|zip|zipcode|plz|postleitzahl|cap|cep|latitude|longitude|lat|lon|lng"
            r"|gps|адрес|улица|地址|住所"
        ),
    ),
    (
        "names of people",
        (
            r"name|names|fullname|firstname|lastname|surname|forename|middlename|nickname|username|user|login|nutzer\w*"
            r"|vorname|nachname|familienname|nom|prenom|nombre|nombres|apellido\w*|cognome|sobrenome|nome|voornaam"
            r"|achternaam|naam|fornamn|efternamn|fornavn|etternavn|imie|nazwisko|jmeno|prijmeni|имя|фамилия|姓名|名前|氏名"
            r"|person|patient|customer|client|employee|kunde|kunden\w*|mitarbeiter\w*|author|contact|passenger|guest"
            r"|teacher|student|doctor"
        ),
    ),
    (
        "numbers of accounts and documents",
        (
            r"ssn|iban|bic|account|konto\w*|cuenta|compte|conto|card|karte\w*|tarjeta|carte|passport|pass|ausweis\w*"
            r"|pasaporte|passeport|dni|nif|nie|cpf|curp|rfc|pesel|nino|nhs|steuer\w*|tax|license|licence|fuhrerschein"
            r"|plate|kennzeichen|insurance|versicherungs\w*|sozialversicherungs\w*|vin|imei|mac|паспорт|инн|снилс|身份证"
        ),
    ),
    ("addresses in the network", r"ip|ipv4|ipv6|ipaddress|host|hostname|url|cookie|session|device|useragent"),
)
_KNOWN_NAMES = tuple((kind, re.compile(rf"(?:^|[\W_])(?:{words})(?:$|[\W_\d])")) for kind, words in _NAMES)
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_PHONE = re.compile(r"\+?\(?\d{1,4}\)?(?:[-\s./()]{0,2}\d){6,13}")
_IP = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?|(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}", re.IGNORECASE)
_IBAN = re.compile(r"[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}(?:\s?[A-Z0-9]{1,3})?")
_CARD = re.compile(r"\d(?:[ -]?\d){12,18}")
_WEB = re.compile(r"(?:https?|ftp)://|www\.")
_PERSON = re.compile(r"(?:[A-Z]\w+\.?,? ){1,3}[A-Z][\w'-]+\.?(?: \(.*\))?")
_DATE = re.compile(r"(\d{4})-\d{2}-\d{2}")
_SOME = 0.3
_MOSTLY = 0.6


def looks_personal(column: ColumnStats) -> str | None:
    """What a column seems to hold that tells who somebody is, such as “e-mail addresses”; None: nothing says so."""
    if column.role is Role.IDENTIFIER:
        return "what identifies the rows"
    if column.role is Role.TEXT:
        return "free text"
    by_name = _by_name(column.name)
    # Yes or no is nobody's name, and a few thousand rows have one of two values.
    if by_name is not None and column.role is not Role.BOOLEAN:
        return by_name
    return _by_values(column)


def _by_name(name: str) -> str | None:
    folded = unicodedata.normalize("NFKD", _CAMEL.sub(" ", name[:200])).casefold()
    plain = "".join(one for one in folded if not unicodedata.combining(one)).replace("_", " ").replace("ß", "ss")
    return next((kind for kind, words in _KNOWN_NAMES if words.search(plain)), None)


def _by_values(column: ColumnStats) -> str | None:
    values = [top.value for top in column.top] + [column.min, column.max]
    texts = [value.strip()[:200] for value in values if isinstance(value, str) and value.strip()]
    if column.dtype == "String":
        for kind, fits, least in _OF_TEXTS:
            if texts and sum(map(fits, texts)) >= least * len(texts):
                return kind
        return None
    if column.dtype in ("Date", "Datetime"):
        return "birthdays" if _as_of_births(column) else None
    numbers = [str(int(value)) for value in values if isinstance(value, int | float) and float(value).is_integer()]
    if numbers and column.n_unique > 0.5 * column.count and all(_is_card(text) for text in numbers):
        return "numbers of accounts and documents"
    return None


def _as_of_births(column: ColumnStats) -> bool:
    """Days spread over generations, hardly ever the same."""
    years = [found[1] for end in (column.min, column.max) if (found := _DATE.match(str(end)))]
    if len(years) < 2 or column.n_unique < 0.5 * column.count:
        return False
    first, last = map(int, years)
    return column.dtype == "Date" and 1900 <= first <= 1990 and last - first >= 30


def _is_card(text: str) -> bool:
    """13 to 19 digits whose last one checks the others."""
    digits = [int(one) for one in text if one.isdigit()]
    if not 13 <= len(digits) <= 19 or not _CARD.fullmatch(text):
        return False
    doubled = [digit if place % 2 == 0 else sum(divmod(2 * digit, 10)) for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def _is_phone(text: str) -> bool:
    return bool(_PHONE.fullmatch(text)) and sum(map(str.isdigit, text)) >= 7 and not _DATE.match(text)


_OF_TEXTS: tuple[tuple[str, Callable[[str], bool], float], ...] = (
    ("e-mail addresses", lambda text: bool(_EMAIL.search(text)), _SOME),
    ("addresses in the network", lambda text: bool(_IP.fullmatch(text) or _WEB.search(text)), _SOME),
    ("numbers of accounts and documents", lambda text: _is_card(text) or bool(_IBAN.fullmatch(text)), _SOME),
    ("telephone numbers", _is_phone, _SOME),
    ("names of people", lambda text: bool(_PERSON.fullmatch(text)), _MOSTLY),
    ("free text", lambda text: len(text.split()) >= 6 or len(text) > 60, _SOME),
)
