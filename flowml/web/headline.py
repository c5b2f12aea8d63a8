"""The one number that is shown for a run, and how it is written; `static/js/headline.js` writes it the same way."""

import math
from dataclasses import dataclass

from flowml.domain.jobs import Job
from flowml.domain.wording import NONE
from flowml.web.words import metric_of, metric_title, metric_words, score_text

# The smallest and the largest number of decimals, and what a score is multiplied by to be written.
_FORMS = {"percent": (0, 2, 100.0), "share": (2, 4, 1.0), "number": (-15, 9, 1.0)}


@dataclass(frozen=True)
class Headline:
    """What to expect on new rows: `value`, with 90 % confidence within `low` to `high`; what a constant guess reaches.

    What is not known is an empty text.
    """

    title: str
    value: str
    low: str = ""
    high: str = ""
    guess: str = ""

    @property
    def range(self) -> str:
        """
        >>> Headline("Accuracy", "80 %", "78", "82 %").range
        '78 to 82 % on new rows'
        """
        return f"{self.low} to {self.high} on new rows" if self.low else ""

    @property
    def constant(self) -> str:
        """
        >>> Headline("Accuracy", "80 %", guess="62 %").constant
        'a constant guess: 62 %'
        """
        return f"a constant guess: {self.guess}" if self.guess else ""

    @property
    def detail(self) -> str:
        """Range and constant guess in one line."""
        return " · ".join(filter(None, (self.range, self.constant)))


def headline(job: Job) -> Headline:
    """The headline of a run, also while it runs."""
    title = metric_of(job.metric or "", job.positive_class).title if job.best_model_id else metric_title(job.metric)
    return headline_of(title, job.metric, job.best_score, job.best_score_low, job.best_score_high, job.baseline_score)


def headline_of(
    title: str,
    metric: str | None,
    score: float | None,
    low: float | None,
    high: float | None,
    guess: float | None,
) -> Headline:
    """As many decimals as the range is worth: its quarter decides the last one.

    >>> headline_of("Accuracy", "accuracy", 0.8012, 0.779, 0.8204, 0.6162)
    Headline(title='Accuracy', value='80 %', low='78', high='82 %', guess='62 %')
    >>> headline_of("RMSE", "rmse", 33_420.0, 31_410.0, 35_210.0, None).value
    '33,400'
    """
    if score is None:
        return Headline(title, NONE)
    form = metric_words(metric or "").format
    if low is None or high is None or high <= low:
        return Headline(title, score_text(score, metric), guess="" if guess is None else score_text(guess, metric))
    least, most, scale = _FORMS[form]
    decimals = min(most, max(least, -math.floor(math.log10((high - low) * scale / 4))))
    unit = " %" if form == "percent" else ""

    def text(value: float) -> str:
        # Half up, as the script does it.
        rounded = math.floor(value * scale * 10.0**decimals + 0.5) / 10.0**decimals
        return f"{rounded:,.{max(0, decimals)}f}".replace("-", "−")

    return Headline(
        title, text(score) + unit, text(low), text(high) + unit, "" if guess is None else text(guess) + unit
    )
