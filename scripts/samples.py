"""Write the sample tables of the home page: `python scripts/samples.py`.

Both are made up by seeded rules, with what real tables have: missing values, skewed numbers, an id column, and an
answer that can be learned but not perfectly. Running it again writes the same bytes.
"""

import csv
import math
import random
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "static" / "samples"
Row = dict[str, object]


def customers(rng: random.Random, count: int) -> Iterator[Row]:
    """Subscribers of a telephone company, and whether they left."""
    for number in range(count):
        contract = rng.choices(("month to month", "one year", "two years"), (55, 25, 20))[0]
        internet = rng.choices(("fibre", "dsl", "none"), (46, 36, 18))[0]
        tenure = min(72, max(1, round(rng.expovariate(1 / (14 if contract == "month to month" else 38)))))
        base = {"fibre": 68, "dsl": 44, "none": 20}[internet]
        charges = round(max(18.0, rng.gauss(base, 11)), 2)
        calls = min(9, int(rng.expovariate(1 / 1.3)))
        payment = rng.choices(("bank transfer", "credit card", "paper check"), (38, 34, 28))[0]
        senior = rng.random() < 0.17
        odds = -1.9 + 1.5 * (contract == "month to month") - 1.2 * (contract == "two years") - 0.035 * tenure
        odds += 0.75 * (internet == "fibre") + 0.34 * calls + 0.55 * (payment == "paper check") + 0.3 * senior
        odds += 0.018 * (charges - base) + rng.gauss(0, 0.5)
        yield {
            "customer_id": f"C{100_000 + 37 * number}",
            "signed_up": date(2025, 6, 30) - timedelta(days=30 * tenure + rng.randrange(30)),
            "age": ""
            if rng.random() < 0.05
            else round(rng.triangular(65, 88) if senior else rng.triangular(18, 64, 36)),
            "region": rng.choices(("north", "south", "east", "west"), (30, 25, 28, 17))[0],
            "contract": contract,
            "internet": internet,
            "payment": payment,
            "tenure_months": tenure,
            "monthly_charges": charges,
            "total_charges": "" if rng.random() < 0.02 else round(charges * tenure * rng.uniform(0.93, 1.04), 2),
            "support_calls": calls,
            "paperless": "yes" if rng.random() < 0.6 else "no",
            "churned": "yes" if rng.random() < 1 / (1 + math.exp(-odds)) else "no",
        }


def houses(rng: random.Random, count: int) -> Iterator[Row]:
    """Houses of a small town, and what they were sold for."""
    districts = {"Old Town": 1.28, "Harbour": 1.42, "Hillside": 1.1, "Station": 0.86, "Meadows": 0.97}
    conditions = {"needs work": 0.82, "fair": 0.94, "good": 1.04, "renovated": 1.17}
    for _ in range(count):
        district = rng.choices(tuple(districts), (20, 12, 22, 26, 20))[0]
        condition = rng.choices(tuple(conditions), (14, 34, 36, 16))[0]
        kind = rng.choices(("flat", "terraced house", "detached house"), (48, 30, 22))[0]
        typical = {"flat": 72, "terraced house": 112, "detached house": 158}[kind]
        area = round(max(26, rng.gauss(typical, typical * 0.24)))
        built = round(rng.triangular(1890, 2023, 1985))
        garden = 0 if kind == "flat" else round(rng.expovariate(1 / (90 if kind == "terraced house" else 420)))
        price = 1650 * area**0.94 * districts[district] * conditions[condition] * 1.6
        price *= 1 + 0.0022 * (built - 1970) + (0.06 if garden > 200 else 0)
        price *= math.exp(rng.gauss(0, 0.1))
        yield {
            "sold_on": date(2024, 1, 1) + timedelta(days=rng.randrange(540)),
            "district": district,
            "kind": kind,
            "living_area_m2": area,
            "rooms": max(1, round(area / 27 + rng.gauss(0, 0.7))),
            "garden_m2": garden,
            "built": "" if rng.random() < 0.06 else built,
            "condition": condition,
            "energy_class": rng.choice("ABC" if built > 2005 else "CDE" if built > 1975 else "DEFG"),
            "has_parking": "yes" if rng.random() < (0.85 if kind == "detached house" else 0.42) else "no",
            "distance_to_centre_km": round(abs(rng.gauss(2.6 if district != "Old Town" else 0.6, 1.1)), 1),
            "price": int(round(price, -2)),
        }


def write(name: str, rows: list[Row]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    write("customer-churn.csv", list(customers(random.Random(11), 600)))
    write("house-prices.csv", list(houses(random.Random(7), 500)))
