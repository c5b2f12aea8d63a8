// What-if: an answer beside the one before, and in words what made the difference.
import { number, percent } from "../format.js";

const MOST = 3;

// The columns whose values are others than before; both are objects by column, `names` their order.
export function changesOf(names, before, after) {
  return names.filter((name) => (before[name] ?? null) !== (after[name] ?? null)).map((name) => ({ name, from: before[name] ?? null, to: after[name] ?? null }));
}

function shown(value) {
  if (value === null) return "unknown";
  const text = typeof value === "number" ? (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)))) : String(value).trim();
  return text.length > 30 ? text.slice(0, 29) + "…" : text;
}

export function changeWords(changes) {
  const said = changes.slice(0, MOST).map(({ name, from, to }) => name + " " + shown(to) + " instead of " + shown(from));
  if (changes.length > MOST) said.push(changes.length - MOST === 1 ? "one other change" : number(changes.length - MOST) + " other changes");
  return said.length < 2 ? said.join("") : said.slice(0, -1).join(", ") + " and " + said.at(-1);
}

// An answer in a line: a number, or a class with its probability.
export function answerWords(answer) {
  if (!answer.probabilities) return typeof answer.prediction === "number" ? number(answer.prediction) : String(answer.prediction);
  return answer.prediction + " (" + percent(answer.probability ?? answer.confidence, 1) + ")";
}

function ofNumbers(target, before, after) {
  const off = after.prediction - before.prediction;
  if (off === 0) return target + " stays " + number(after.prediction);
  const share = before.prediction === 0 ? "" : " (" + percent(Math.abs(off / before.prediction), 1) + ")";
  return target + " is " + number(Math.abs(off)) + share + (off > 0 ? " higher" : " lower");
}

// Of classes: whether the answer is another one, and how the probability of the one before has moved.
function ofClasses(before, after) {
  const name = String(before.prediction);
  const [was, is] = [before.probabilities[name] ?? 0, after.probabilities[name] ?? 0];
  const [from, to] = [percent(was, 1), percent(is, 1)];
  const moved = from === to ? "stays at " + to : (is > was ? "rises" : "falls") + " from " + from + " to " + to;
  const probability = "the probability of " + name + " " + moved;
  return String(after.prediction) === name ? probability : "the answer is " + after.prediction + " instead of " + name + ", and " + probability;
}

// The whole sentence; empty where nothing was changed.
export function differenceWords(target, changes, before, after) {
  if (!changes.length) return "";
  const effect = before.probabilities && after.probabilities ? ofClasses(before, after) : ofNumbers(target, before, after);
  return "With " + changeWords(changes) + " " + effect + ".";
}
