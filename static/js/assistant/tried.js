// Ideas and what came of those that were tried, without the page that shows them.
import { number, plural } from "../format.js";

const OPEN = new Set(["waiting", "running"]);

function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])]));
}

// The same for the same operations, in whatever order their fields are.
export function keyOf(operations) {
  return JSON.stringify(sorted(operations));
}

export function isOpen(tried) {
  return OPEN.has(tried?.status);
}

export function progressText(tried) {
  if (tried.status === "waiting") return "Waiting for its turn…";
  if (!tried.folds) return "Preparing the rows…";
  const next = Math.min(tried.folds_done + 1, tried.folds);
  return "Fold " + number(next) + " of " + number(tried.folds) + ", with and without it";
}

const LOOKS = {
  helps: { icon: "check", badge: "badge-good" },
  hurts: { icon: "bad", badge: "badge-bad" },
  unclear: { icon: "info", badge: "" },
  same: { icon: "info", badge: "" },
  too_few: { icon: "info", badge: "" },
  backwards: { icon: "warn", badge: "badge-warn" },
};

export function lookOf(verdict) {
  return LOOKS[verdict] ?? LOOKS.unclear;
}

// The gains of all folds and the interval of each family, as a chart takes them; a percentage is in points.
export function gainChart(outcome) {
  const scale = outcome.format === "percent" ? 100 : 1;
  const unit = outcome.format === "percent" ? " (percentage points)" : "";
  const times = (value) => (value === null ? null : value * scale);
  const families = outcome.families.map((family) => ({ title: family.title, mean: times(family.mean), low: times(family.low), high: times(family.high) }));
  const points = outcome.families.flatMap((family) => family.points.filter((point) => point.gain !== null).map((point) => ({ family: family.title, gain: times(point.gain), repeat: point.repeat, fold: point.fold })));
  const rows = outcome.families.flatMap((family) => family.points.map((point) => [family.title, point.repeat + 1, point.fold + 1, point.without, point.beside, point.gain]));
  return {
    kind: "gains",
    title: "By how much it is better, fold by fold",
    caption: "A point is one fold: right of the line it is better with the idea, by " + outcome.metric_title + unit + ". The bar is the mean with its interval of 95 %.",
    spec: { families, points, label: "Better by " + outcome.metric_title + unit },
    columns: ["Models", "Division", "Fold", "Without", "With", "Better by"],
    rows,
  };
}

export function summaryOf({ target, count, loading, note, run = false }) {
  if (!target) return "Choose what you want to predict: ideas are for that.";
  if (loading) return "Looking for what goes together…";
  if (note) return note;
  if (count === 0) return "The rows suggest no column for “" + target + "” that stands out clearly enough to be worth trying beside what FlowML’s models make by themselves.";
  const how = run ? ", with the settings of the run that you came from" : "";
  return plural(count, "idea") + " of FlowML’s own for “" + target + "”. “Try it” trains models with and without it over the same folds" + how + ": an idea that does not help is said not to.";
}
