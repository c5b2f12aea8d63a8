// A model tried with a row: what is known of it, where its answer stands, and its columns where there are many.
import { number, percent } from "./format.js";

// One sentence about a row and its prediction; without a truth it only says which row it is.
export function truthOf(example, target, result) {
  const row = "Row " + number(example.number) + " of " + example.dataset;
  if (example.truth === null) return row + ".";
  const truth = row + ": " + target + " was " + (typeof example.truth === "number" ? number(example.truth) : example.truth);
  if (result.probabilities) {
    if (!(example.label in result.probabilities)) return truth + ".";
    return truth + (example.label === String(result.prediction) ? ", as predicted." : ", not as predicted.");
  }
  if (typeof example.truth !== "number" || typeof result.prediction !== "number") return truth + ".";
  const off = result.prediction - example.truth;
  if (off === 0) return truth + ", as predicted.";
  const share = example.truth === 0 ? "" : " (" + percent(Math.abs(off / example.truth), 1) + ")";
  return truth + "; the prediction is " + number(Math.abs(off)) + share + (off > 0 ? " too high." : " too low.");
}

// Where an interval, the prediction in it and the truth stand, in percent of a line that reaches over them and over all
// values of the training data (`range`, null where that is not known).
export function placesOf({ low, value, high, range, truth }) {
  const known = [low, value, high, ...(range ?? []), ...(truth === null ? [] : [truth])];
  const start = Math.min(...known);
  const width = Math.max(...known) - start || 1;
  const place = (at) => Math.round(((at - start) / width) * 1000) / 10;
  return { low: place(low), value: place(value), high: place(high), truth: truth === null ? null : place(truth), start, end: start + width };
}

// Which columns of many somebody looks for: those whose name has every word.
export function found(names, query) {
  const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
  return names.filter((name) => words.every((word) => name.toLowerCase().includes(word)));
}

// Things in the order of the importance of their columns; those that nothing is known of last, as they were.
export function byImportance(things, nameOf, items) {
  const places = new Map(items.map((item, place) => [item.feature, place]));
  const place = (thing) => places.get(nameOf(thing)) ?? items.length;
  return [...things].sort((a, b) => place(a) - place(b));
}

// The values of columns without a control: as the table has them, so that numbers stay numbers.
export function keptOf(names, example) {
  return Object.fromEntries(names.map((name) => [name, example.raw[name] ?? null]));
}

// Puts values into controls, both by name; answers what the controls then hold, which may be written in another way. A
// category that a list does not offer is added to it.
export function filledIn(controls, values) {
  const held = new Map();
  for (const [name, control] of controls) {
    const value = values.get(name);
    if (control.options && ![...control.options].some((option) => option.value === value)) control.add(new Option(value, value));
    control.value = value;
    held.set(name, control.value);
  }
  return held;
}
