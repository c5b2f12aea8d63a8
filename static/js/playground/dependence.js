// How an answer depends on one column: the line over the rows of the training data, and where this row stands.
import { number, percent } from "../format.js";

const asTime = (text) => Date.parse(String(text).length > 10 ? text + (/[Z+]|-\d\d:\d\d$/.test(String(text).slice(10)) ? "" : "Z") : text + "T00:00:00Z");

const TRUTHS = new Set(["true", "yes", "1", "y", "t", "on"]);

// What a value of the column is on the axis: a number, a time in milliseconds, else its text.
export function placeOf(kind, value) {
  if (value === null || value === undefined || value === "") return null;
  if (kind === "number") return typeof value === "number" ? value : Number.isFinite(Number(value)) ? Number(value) : null;
  if (kind === "date") return Number.isNaN(asTime(value)) ? null : asTime(value);
  if (kind === "boolean") return TRUTHS.has(String(value).toLowerCase()) ? "true" : "false";
  return String(value);
}

// What the answer of a row is in the units of the line: the probability of a class, or the number.
export function heightOf(answer, name) {
  if (!answer) return null;
  const found = answer.probabilities ? answer.probabilities[name] : answer.prediction;
  return typeof found === "number" ? found : null;
}

// What the line says in a sentence.
export function dependenceWords({ feature, kind, grid, mean, class: name }, target) {
  const text = name === null || name === undefined ? number : (value) => percent(value, 1);
  const what = name === null || name === undefined ? target : "the probability of " + name;
  const [least, most] = [Math.min(...mean), Math.max(...mean)];
  if (text(least) === text(most)) return "Whatever " + feature + " is, " + what + " is " + text(most) + " on average.";
  const at = (value) => (kind === "number" ? number(grid[mean.indexOf(value)]) : String(grid[mean.indexOf(value)]));
  return "On average " + what + " is least, " + text(least) + ", where " + feature + " is " + at(least) + ", and greatest, " + text(most) + ", where it is " + at(most) + ".";
}
