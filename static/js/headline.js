// The one number that is shown for a run; flowml/web/headline.py writes it the same way on the server.
import { NONE, score } from "./format.js";

const OF_A_CLASS = ["f1", "precision", "recall"];
const FORMS = { percent: [0, 2, 100], share: [2, 4, 1], number: [-15, 9, 1] };

// What to expect on new rows, the range that it lies in, and what a constant guess reaches: texts, empty where unknown.
export function headline(job, metric) {
  const value = job.best_score;
  if (value === null || value === undefined) return { value: NONE, range: "", constant: "" };
  const [low, high, guess] = [job.best_score_low ?? null, job.best_score_high ?? null, job.baseline_score ?? null];
  if (low === null || high === null || high <= low) {
    return { value: score(value, metric.format), range: "", constant: constant(guess === null ? "" : score(guess, metric.format)) };
  }
  const [least, most, scale] = FORMS[metric.format];
  const decimals = Math.min(most, Math.max(least, -Math.floor(Math.log10(((high - low) * scale) / 4))));
  const unit = metric.format === "percent" ? " %" : "";
  const shown = Math.max(0, decimals);
  const form = new Intl.NumberFormat("en-US", { minimumFractionDigits: shown, maximumFractionDigits: shown });
  const step = 10 ** decimals;
  const text = (one) => form.format(Math.floor(one * scale * step + 0.5) / step).replace("-", "−");
  return {
    value: text(value) + unit,
    range: text(low) + " to " + text(high) + unit + " on new rows",
    constant: constant(guess === null ? "" : text(guess) + unit),
  };
}

// The metric's title; where it is about a class, with that class.
export function titleOf(job, metric) {
  if (!OF_A_CLASS.includes(job.metric) || !job.best_model_id) return metric.title;
  return job.positive_class === null ? metric.title + ", averaged over classes" : metric.title + " for “" + job.positive_class + "”";
}

function constant(text) {
  return text && "a constant guess: " + text;
}
