// A file that was answered: how far it is, and in words what its rows and answers are like.
import { duration, number, percent, plural } from "../format.js";

const HAS_ENDED = new Set(["finished", "failed", "cancelled"]);
const SOME_SHARE = 0.005;

export const ended = (scoring) => HAS_ENDED.has(scoring.status);

// How far it is, in words, and as a share, null where that is not known.
export function progressOf({ status, rows, n_rows, rows_per_second }) {
  if (status === "waiting") return { text: "Waits for its turn", share: null };
  const speed = rows_per_second ? ", " + number(Math.round(rows_per_second)) + " a second" : "";
  if (n_rows === null) return { text: rows ? number(rows) + " rows" + speed : "Looking at the file", share: null };
  return { text: number(rows) + " of " + plural(n_rows, "row") + speed, share: n_rows ? rows / n_rows : 1 };
}

// What was answered, in a line.
export function doneWords({ summary, seconds, filename }) {
  return plural(summary.rows, "row") + " of " + filename + " answered in " + duration(seconds) + ".";
}

function remarks(column, rows) {
  const said = [];
  const of = (count) => number(count) + " (" + percent(count / rows, 1) + ")";
  if (column.unseen) said.push(of(column.unseen) + " never seen in training");
  if (column.beyond) said.push(of(column.beyond) + " beyond all of training");
  if (column.missing) said.push(of(column.missing) + " missing");
  return said;
}

const WEIGHTS = { large: 2, some: 1 };
const DRIFT = { large: "spread otherwise than in training", some: "spread a little otherwise", none: "spread as in training" };

// The columns with something to say, the worst first: {name, drift, verdict, text}. `quiet`: how many have nothing.
export function columnsOf({ rows, columns }) {
  const total = Math.max(1, rows);
  const odd = columns.filter((column) => WEIGHTS[column.drift] || column.unseen + column.beyond > 0 || column.missing / total > SOME_SHARE);
  const weight = (column) => 2 * (WEIGHTS[column.drift] ?? 0) + (column.unseen + column.beyond) / total + column.missing / total / 2;
  const shown = odd
    .sort((a, b) => weight(b) - weight(a))
    .map((column) => ({
      name: column.name,
      drift: column.drift,
      verdict: column.drift === null ? "not compared" : DRIFT[column.drift],
      index: column.psi === null ? "" : "PSI " + number(column.psi),
      text: remarks(column, total).join(", "),
    }));
  return { shown, quiet: columns.length - shown.length };
}

// What a file's rows are like as a whole, and what to do about it.
export function fitWords({ columns }) {
  const large = columns.filter((column) => column.drift === "large").map((column) => column.name);
  const unseen = columns.filter((column) => column.unseen > 0).length;
  if (large.length) return "These rows are unlike those of training in " + large.slice(0, 3).join(", ") + (large.length > 3 ? " and " + plural(large.length - 3, "other column") : "") + ": the answers may be worse than the scores say.";
  if (unseen) return plural(unseen, "column") + (unseen === 1 ? " has" : " have") + " values that training has not seen; everything else is as it was.";
  return columns.some((column) => column.drift !== null) ? "These rows are like those of training." : "There is nothing to compare these rows with: the training table is gone.";
}

// The bars of what is predicted: {kind, bars}, with the shares in training where they are known.
export function predictionsOf({ rows, predictions }) {
  if (predictions.classes) {
    const bars = predictions.classes.map((one) => ({ label: one.label, rows: one.rows, share: one.rows / Math.max(1, rows), training: one.share_in_training }));
    return { kind: "classes", bars: bars.sort((a, b) => b.share - a.share) };
  }
  if (!predictions.numbers) return { kind: "none", bars: [] };
  const { edges, shares } = predictions.numbers.histogram;
  return { kind: "numbers", bars: shares.map((share, at) => ({ low: edges[at], high: edges[at + 1], share })) };
}

export function predictionWords({ predictions }, target) {
  const { numbers, drift } = predictions;
  const otherwise = drift === "large" || drift === "some" ? " In training " + target + " was spread otherwise." : "";
  if (!numbers) return "How often each class is predicted; the ring: its share in training." + otherwise;
  return "Half of the predictions are between " + number(numbers.quantiles["0.25"]) + " and " + number(numbers.quantiles["0.75"]) + ", " + number(numbers.mean) + " on average." + otherwise;
}
