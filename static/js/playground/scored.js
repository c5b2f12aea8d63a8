// A file that was answered: how far it is, and in words what its rows and answers are like.
import { cellText, duration, number, percent, plural } from "../format.js";

const HAS_ENDED = new Set(["finished", "failed", "cancelled"]);
// From here on an index is worth a word (automl/files/drift.py).
const SOME_INDEX = 0.1;
// What is missing more often than in training by less than this is nothing to say.
const SOME_SHARE = 0.05;

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

// No row has a value, though in training some had.
const isEmpty = (column, rows) => rows > 0 && column.missing === rows && column.missing_in_training !== 1;

const lacksMore = (column, rows) => column.missing / rows - (column.missing_in_training ?? 0) > SOME_SHARE;

function remarks(column, rows) {
  const said = [];
  const of = (count) => number(count) + " (" + percent(count / rows, 1) + ")";
  if (column.unseen) said.push(of(column.unseen) + " never seen in training");
  if (column.beyond) said.push(of(column.beyond) + " beyond all of training");
  const before = column.missing_in_training;
  if (column.missing) said.push(of(column.missing) + " missing" + (before === null || before === undefined ? "" : ", in training " + percent(before, 1)));
  return said;
}

const WEIGHTS = { large: 2, some: 1 };
const DRIFT = { large: "spread otherwise than in training", some: "spread a little otherwise", none: "spread as in training" };

// Of a column without values there is nothing else to say.
function verdictOf(column, rows) {
  if (isEmpty(column, rows)) return { verdict: "no values", drift: "large", index: "" };
  if (column.drift === null) return { verdict: lacksMore(column, rows) ? "more often missing" : "not compared", drift: lacksMore(column, rows) ? "some" : null, index: "" };
  // Few rows are never spread as many are.
  if (column.drift === "none" && column.psi >= SOME_INDEX) return { verdict: "too few rows to tell", drift: null, index: "" };
  return { verdict: DRIFT[column.drift], drift: column.drift, index: column.psi === null ? "" : "PSI " + number(column.psi) };
}

// The columns with something to say, the worst first: {name, drift, verdict, text}. `quiet`: how many have nothing.
export function columnsOf({ rows, columns }) {
  const total = Math.max(1, rows);
  const odd = columns.filter((column) => WEIGHTS[column.drift] || column.unseen + column.beyond > 0 || isEmpty(column, rows) || lacksMore(column, total));
  const weight = (column) => (isEmpty(column, rows) ? 6 : 0) + 2 * (WEIGHTS[column.drift] ?? 0) + (column.unseen + column.beyond) / total + column.missing / total / 2;
  const shown = odd
    .sort((a, b) => weight(b) - weight(a))
    .map((column) => ({
      name: column.name,
      ...verdictOf(column, rows),
      text: remarks(column, total).join(", "),
    }));
  return { shown, quiet: columns.length - shown.length };
}

// How good the answers are, where the file says it; empty where it does not.
export function truthWords({ truth }, target) {
  if (!truth) return "";
  const rows = plural(truth.rows, "row") + " whose " + target + " the file has";
  const found = truth.right === null ? "They are off by " + number(truth.mean_absolute_error) + " on average in the " : percent(truth.right / truth.rows, 1) + " of them are right in the ";
  return found + rows + "; rows that the model has learned from make that look better.";
}

// Of columns of which so many are shown, and so many have nothing to say.
export function quietWords(shown, quiet, { columns }) {
  const said = shown ? ["The worst first."] : [];
  if (!columns.some((column) => column.drift !== null)) said.push("The training table is gone, so that nothing is compared.");
  else if (quiet) said.push(number(quiet) + (shown ? " more" : "") + (quiet === 1 ? " column is" : " columns are") + " as in training.");
  return said.join(" ");
}

// What a file's rows are like as a whole, and what to do about it.
export function fitWords({ rows, columns }) {
  const listed = (names) => names.slice(0, 3).join(", ") + (names.length > 3 ? " and " + plural(names.length - 3, "other column") : "");
  const empty = columns.filter((column) => isEmpty(column, rows)).map((column) => column.name);
  const large = columns.filter((column) => column.drift === "large" && !isEmpty(column, rows)).map((column) => column.name);
  if (empty.length) return "This file has nothing in " + listed(empty) + (large.length ? ", and " + listed(large) + (large.length === 1 ? " is" : " are") + " unlike training" : "") + ": the answers may be worse than the scores say.";
  const unseen = columns.filter((column) => column.unseen > 0).length;
  if (large.length) return "These rows are unlike those of training in " + listed(large) + ": the answers may be worse than the scores say.";
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

// The first rows as a table of texts: the answers, with the digits that people read, then what the file has.
export function cellTexts({ answers, columns, rows }) {
  const text = (value, at) => (at < answers.length && typeof value === "number" ? number(value) : cellText(value));
  return { names: [...answers, ...columns], rows: rows.map((row) => row.map(text)) };
}
