"""Tables made up for measuring, the same for the same seed: with missing values, categories and noise."""

import csv
import math
import random
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def passengers(rows: int = 891, seed: int = 0) -> list[Row]:
    """Who survived a shipwreck: two classes, mixed columns, names, gaps."""
    chance = random.Random(seed)
    table = []
    for number in range(1, rows + 1):
        sex = chance.choice(["male", "male", "female"])
        travel_class = chance.choices([1, 2, 3], [24, 21, 55])[0]
        age = max(0.5, chance.gauss(40 - 4 * travel_class, 14))
        fare = math.exp(chance.gauss(4.6 - 0.9 * (travel_class - 1), 0.6))
        relatives = chance.choices([0, 1, 2, 5], [60, 22, 13, 5])[0]
        score = 2.4 * (sex == "female") - 0.9 * (travel_class - 1) - 0.02 * (age - 30) - 0.25 * relatives + 0.2
        survived = chance.random() < 1 / (1 + math.exp(-1.6 * score))
        title = {"male": "Mr", "female": "Mrs"}[sex]
        table.append(
            {
                "PassengerId": number,
                "Survived": int(survived),
                "Pclass": travel_class,
                "Name": f"Family{chance.randrange(400)}, {title}. {chance.choice('ABCDEFGHJKLM')}.",
                "Sex": sex,
                "Age": None if chance.random() < 0.2 else round(age, 1),
                "Relatives": relatives,
                "Fare": round(fare, 4),
                "Cabin": f"{chance.choice('ABCDE')}{chance.randrange(1, 120)}" if chance.random() < 0.23 else None,
                "Embarked": None if chance.random() < 0.003 else chance.choices(["S", "C", "Q"], [72, 19, 9])[0],
            }
        )
    return table


def incomes(rows: int = 39_073, seed: int = 0) -> list[Row]:
    """Who earns more than a limit: two uneven classes, as many categories as numbers, tens of thousands of rows."""
    chance = random.Random(seed)
    schools = ["basic", "secondary", "college", "bachelor", "master", "doctorate"]
    works = ["private", "self-employed", "local", "state", "federal", None]
    trades = [f"trade-{letter}" for letter in "abcdefghijklmn"]
    worth = {trade: chance.gauss(0, 0.7) for trade in trades}
    table = []
    for _ in range(rows):
        age = chance.triangular(17, 90, 33)
        school = chance.choices(range(6), [12, 32, 26, 20, 8, 2])[0]
        hours = min(99.0, max(1.0, chance.gauss(40, 12)))
        trade = chance.choice(trades)
        married = chance.random() < 0.3 + 0.3 * (age > 30)
        gain = round(math.exp(chance.gauss(8.5, 1))) if chance.random() < 0.08 else 0
        score = 0.75 * school + 1.6 * married + 0.03 * (hours - 40) + worth[trade] + 1.2 * (gain > 7000)
        score -= 0.0018 * (age - 50) ** 2 + 3.4
        rich = chance.random() < 1 / (1 + math.exp(-1.5 * score))
        table.append(
            {
                "age": int(age),
                "work": chance.choices(works, [70, 8, 6, 4, 3, 6])[0],
                "weight": round(chance.gauss(190_000, 60_000)),
                "education": schools[school],
                "education_years": 4 + 2 * school + chance.randrange(2),
                "marital": "married" if married else chance.choice(["single", "divorced", "widowed"]),
                "occupation": trade if chance.random() > 0.06 else None,
                "sex": chance.choice(["male", "female"]),
                "capital_gain": gain,
                "hours": round(hours),
                "country": chance.choices(["home", "north", "south", "east"], [90, 4, 3, 3])[0],
                "income": ">50K" if rich else "<=50K",
            }
        )
    return table


def houses(rows: int = 4_000, seed: int = 0) -> list[Row]:
    """What houses cost: a number to predict."""
    chance = random.Random(seed)
    table = []
    for _ in range(rows):
        x, y = chance.random(), chance.random()
        area = max(20.0, chance.gauss(110, 40))
        year = chance.randrange(1900, 2024)
        near = math.exp(-4 * ((x - 0.3) ** 2 + (y - 0.6) ** 2))
        price = area * (900 + 2600 * near) * (1 + 0.002 * (year - 1960)) * math.exp(chance.gauss(0, 0.12))
        table.append(
            {
                "x": round(x, 4),
                "y": round(y, 4),
                "area": round(area, 1),
                "rooms": max(1, round(area / 27 + chance.gauss(0, 0.8))),
                "year": year,
                "heating": chance.choice(["gas", "oil", "heat pump", None]),
                "price": round(price),
            }
        )
    return table


def write_csv(table: list[Row], path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(table[0]))
        writer.writeheader()
        writer.writerows(table)
    return path
