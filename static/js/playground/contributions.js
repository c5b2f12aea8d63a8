// Why an answer is what it is: from what is said on average, column by column, to what is said of this row.
import { number, percent } from "../format.js";

const MOST = 12;

function signedNumber(value) {
  return (value < 0 ? "−" : "+") + number(Math.abs(value));
}

function valueText(value) {
  if (value === null || value === undefined || value === "") return "missing";
  const text = typeof value === "number" ? number(value) : String(value);
  return text.length > 24 ? text.slice(0, 23) + "…" : text;
}

// Steps from `base_value` on, the largest first; from `most` columns on the smallest are one step. A step without a
// `feature` is that of the others.
export function stepsOf({ base_value, contributions }, most = MOST) {
  const ordered = [...contributions].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const shown = ordered.length > most ? ordered.slice(0, most - 1) : ordered;
  const others = ordered.slice(shown.length);
  const steps = shown.map(({ feature, value, contribution }) => ({ feature, value: valueText(value), label: feature + " = " + valueText(value), contribution }));
  if (others.length) steps.push({ feature: null, value: null, label: number(others.length) + " other columns", contribution: others.reduce((sum, one) => sum + one.contribution, 0) });
  let at = base_value;
  return steps.map((step) => {
    const from = at;
    at += step.contribution;
    return { ...step, from, to: at, text: signedNumber(step.contribution) };
  });
}

// A step beside the axis in so many letters: of what is too long the column's name is cut, not its value.
export function shortLabel({ feature, value, label }, letters) {
  if (label.length <= letters) return label;
  if (!feature) return label.slice(0, letters - 1) + "…";
  const end = " = " + value;
  const room = Math.max(4, letters - end.length);
  return feature.slice(0, room - 1).trimEnd() + "…" + (room + end.length <= letters ? end : end.slice(0, letters - room - 1) + "…");
}

// The table below the drawing: base, every column, and what they add up to.
export function rowsOf(explanation) {
  const ordered = stepsOf(explanation, Infinity);
  const end = ordered.at(-1)?.to ?? explanation.base_value;
  return [["On average", number(explanation.base_value), ""], ...ordered.map((step) => [step.label, step.text, number(step.to)]), ["This row", "", number(end)]];
}

// What is added up, as the drawing's axis names it.
export function unitOf({ output, class: name }, target) {
  if (output === "value") return target;
  return (output === "log-odds" ? "log-odds of " : "probability of ") + name;
}

const sigmoid = (value) => 1 / (1 + Math.exp(-value));

// Where the answer starts and where it gets to. The logarithm of odds tells people nothing: of two classes it is said as a
// probability, of more not at all.
function wayOf(explanation, target, isBinary) {
  const { output, base_value, contributions, class: name } = explanation;
  const end = base_value + contributions.reduce((sum, one) => sum + one.contribution, 0);
  if (output === "value") return target + " is " + number(base_value) + " on average, and " + number(end) + " for this row.";
  if (output === "log-odds" && !isBinary) return "";
  const share = output === "log-odds" ? sigmoid : (value) => value;
  return "The probability of " + name + " is " + percent(share(base_value), 1) + " on average, and " + percent(share(end), 1) + " for this row.";
}

// What matters most, in a sentence or two.
export function reasonWords(explanation, target, isBinary) {
  const steps = stepsOf(explanation, Infinity).filter((step) => step.contribution !== 0);
  const way = wayOf(explanation, target, isBinary);
  if (!steps.length) return (way + " No column makes a difference.").trim();
  const up = steps.find((step) => step.contribution > 0);
  const down = steps.find((step) => step.contribution < 0);
  const said = [];
  if (explanation.output === "value") {
    if (up) said.push("it is raised most by " + up.label + " (" + number(up.contribution) + ")");
    if (down) said.push((up ? "" : "it is ") + "lowered most by " + down.label + " (" + number(-down.contribution) + ")");
  } else {
    if (up) said.push("for it speaks most " + up.label);
    if (down) said.push("against it " + (up ? "" : "speaks most ") + down.label);
  }
  const reasons = said.join(explanation.output === "value" ? " and " : "; ");
  return ((way || "Of " + explanation.class + ":") + " " + (way ? reasons[0].toUpperCase() + reasons.slice(1) : reasons) + ".").trim();
}
