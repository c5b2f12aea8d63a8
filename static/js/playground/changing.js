// What would have to change: what is asked for, and what came of it, in words and as texts for the form.
import { number, percent } from "../format.js";
import { numberOf } from "../typed.js";
import { changeWords } from "./difference.js";

const TRUTHS = new Set(["true", "yes", "1", "y", "t", "on"]);

// `rows` are {name, isOrdered, may, direction, min, max} of each column that can change, as texts: {changeable, limits}.
export function askedOf(rows) {
  const limits = {};
  for (const { name, may, isOrdered, direction, min, max } of rows) {
    if (!may || !isOrdered) continue;
    const limit = {};
    if (direction) limit.direction = direction;
    for (const [end, text] of [["min", min], ["max", max]]) if (text.trim()) limit[end] = numberOf(text) ?? text.trim();
    if (Object.keys(limit).length) limits[name] = limit;
  }
  return { changeable: rows.filter((row) => row.may).map((row) => row.name), limits };
}

// What a control shows for a value of the answer. `options` are those of a list.
export function textFor(kind, role, value, options) {
  if (value === null || value === undefined) return "";
  if (role === "boolean") return options.find((option) => option !== "" && TRUTHS.has(option.toLowerCase()) === TRUTHS.has(String(value).toLowerCase())) ?? String(value);
  if (kind === "date") return String(value).slice(0, 10);
  if (kind === "datetime") return String(value).length === 10 ? value + "T00:00:00" : String(value).slice(0, 19);
  return String(value);
}

export function foundWords(found, target) {
  if (!found.found) return found.reason;
  const changes = changeWords(found.changes.map((change) => ({ ...change, name: change.feature })));
  if (!found.probabilities) return "With " + changes + " " + target + " would be " + number(found.prediction) + ".";
  return "With " + changes + " the answer would be " + found.prediction + " (" + percent(found.probability, 1) + ").";
}
