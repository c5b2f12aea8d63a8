import pytest

from flowml.data.profiling.personal import looks_personal
from flowml.domain.datasets import ColumnStats, Role, TopValue

CATEGORIES, NUMBERS, DATES = Role.CATEGORICAL, Role.NUMERIC, Role.DATETIME


def column(name: str, *values: object, dtype: str = "String", role: Role = CATEGORIES) -> ColumnStats:
    top = tuple(TopValue(value, 2) for value in values)
    ends = (min(values), max(values)) if values else (None, None)  # type: ignore[type-var]
    return ColumnStats(name, dtype, role, 10, 0, 0.0, 9, min=ends[0], max=ends[1], top=top)


@pytest.mark.parametrize(
    "name",
    [
        "Name", "FirstName", "customer_name", "Nachname", "prénom", "Apellidos", "фамилия", "姓名", "e-mail", "correo",
        "E-Mail-Adresse", "phone number", "Telefonnr", "téléphone", "Geburtsdatum", "dateOfBirth", "DOB", "Straße",
        "fecha_nacimiento", "street_address", "PLZ", "zip", "dirección", "IBAN", "ssn", "passport_no", "ip_address",
        "username", "latitude", "кем.телефон", "name2",
    ],
)  # fmt: skip
def test_names_of_columns_say_it(name: str) -> None:
    assert looks_personal(column(name, "x", "y"))


@pytest.mark.parametrize(
    "values",
    [
        ("a@b.example", "c@d.example"), ("+49 228 12345-6", "0228/1234567"), ("10.0.0.1", "192.168.1.20"),
        ("2001:db8::1", "fe80:0:0::1"), ("DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819"),
        ("4111 1111 1111 1111", "5500-0000-0000-0004"), ("Anna Schmidt", "Braund, Mr. Owen Harris"),
        ("She said that it hurts since then", "b"), ("https://x.example/u/1", "https://y.example"),
    ],
)  # fmt: skip
def test_values_say_it_whatever_the_name(values: tuple[str, ...]) -> None:
    assert looks_personal(column("x7", *values))


def test_texts_identifiers_cards_and_birthdays() -> None:
    assert looks_personal(column("x", role=Role.TEXT)) == "free text"
    assert looks_personal(column("x", dtype="Int64", role=Role.IDENTIFIER))
    assert looks_personal(column("x", 4111111111111111, 5500000000000004, dtype="Int64", role=NUMBERS))
    assert looks_personal(column("x", "1931-02-03", "2001-05-06", dtype="Date", role=DATES)) == "birthdays"


@pytest.mark.parametrize(
    "found",
    [
        column("Sex", "male", "female"), column("Pclass", 1, 3, dtype="Int64", role=NUMBERS), column("unit", "kg", "g"),
        column("sold", "2023-01-01", "2024-12-31", dtype="Date", role=DATES), column("colour", "red", "blue"),
        column("shipped", dtype="Boolean", role=Role.BOOLEAN), column("size", "XL 40", "S 36"),
        column("description_length", 3, 4, dtype="Int64", role=NUMBERS), column("version", "1.2.3", "1.10.0"),
        column("tenure", 1, 72, dtype="Int64", role=NUMBERS), column("day", "2024-01-02", "2024-05-05"),
    ],
    ids=lambda found: found.name,
)  # fmt: skip
def test_other_columns_are_nobodys(found: ColumnStats) -> None:
    assert looks_personal(found) is None
