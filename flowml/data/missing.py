"""The spellings of “no value” that tables use."""

# What pandas, R, SQL, SAS and the UCI archive write; no word that people also use as a category of its own.
MISSING = (
    "",
    "?",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "#NULL!",
    "-1.#IND",
    "-1.#QNAN",
    "1.#IND",
    "1.#QNAN",
    "-NaN",
    "-nan",
    "NaN",
    "nan",
    "<NA>",
    "N/A",
    "n/a",
    "NA",
    "NULL",
    "Null",
    "null",
    "None",
    "NaT",
)

# Missing only where every other value is a number: elsewhere these may mean something.
MISSING_AMONG_NUMBERS = (
    "-",
    "--",
    ".",
    "..",
    "*",
    "na",
    "none",
    "nil",
    "missing",
    "Missing",
    "unknown",
    "Unknown",
    "#DIV/0!",
    "#VALUE!",
    "#REF!",
    "#NUM!",
    "#NAME?",
)
