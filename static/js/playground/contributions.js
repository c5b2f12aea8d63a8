// Why an answer is what it is: from what is said of a typical row, column by column, to what is said of this row.
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

// What is added up, as people read it: of probabilities hundredths.
export function readable(explanation) {
  if (explanation.output !== "probability") return explanation;
  const contributions = explanation.contributions.map((one) => ({ ...one, contribution: one.contribution * 100 }));
  return { ...explanation, base_value: explanation.base_value * 100, contributions };
}

function othersLabel(others) {
  if (others.every((one) => one.contribution === 0)) return number(others.length) + " columns add nothing";
  return number(others.length) + " other columns";
}

// Steps from `base_value` on, the largest first; of more than `most` columns the smallest are one step, and so are
// several that add nothing. A step without a `feature` is that of the others.
export function stepsOf({ base_value, contributions }, most = MOST) {
  const ordered = [...contributions].sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
  const acting = ordered.filter((one) => one.contribution !== 0).length;
  const few = ordered.length - acting > 1 && most < Infinity ? ordered.slice(0, acting) : ordered;
  const shown = few.length > most ? few.slice(0, most - 1) : few;
  const others = ordered.slice(shown.length);
  const steps = shown.map(({ feature, value, contribution }) => ({ feature, value: valueText(value), label: feature + " = " + valueText(value), contribution }));
  if (others.length) steps.push({ feature: null, value: null, label: othersLabel(others), contribution: others.reduce((sum, one) => sum + one.contribution, 0) });
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
  // Long names often differ in their last letters alone.
  const tail = room < 10 ? 0 : Math.floor((room - 1) / 2);
  const name = feature.length <= room ? feature : feature.slice(0, room - 1 - tail).trimEnd() + "…" + (tail ? feature.slice(-tail) : "");
  return name + (room + end.length <= letters ? end : end.slice(0, letters - room - 1) + "…");
}

// The table below the drawing: base, every column, and what they add up to.
export function rowsOf(explanation) {
  const ordered = stepsOf(explanation, Infinity);
  const end = ordered.at(-1)?.to ?? explanation.base_value;
  return [["A typical row", number(explanation.base_value), ""], ...ordered.map((step) => [step.label, step.text, number(step.to)]), ["This row", "", number(end)]];
}

// What is added up, as the drawing's axis names it.
export function unitOf({ output, class: name }, target) {
  if (output === "value") return target;
  return output === "log-odds" ? "log-odds of " + name : "probability of " + name + " (%)";
}

const sigmoid = (value) => 1 / (1 + Math.exp(-value));

// What the axis means, where its name does not say so.
export function scaleWords({ output }, isBinary) {
  if (output !== "log-odds") return "";
  // Of more than two classes it is not the odds against all others that 0 stands for.
  return "In log-odds, in which this model adds up: " + (isBinary ? "0 is as likely as not, and " : "") + "each 1 more makes the odds 2.7 times as good.";
}

// Where the answer starts and where it gets to. The logarithm of odds tells people nothing: of two classes it is said as a
// probability, of more the answer's own probability is (`share`, null where it is not known).
function wayOf(explanation, target, isBinary, share) {
  const { output, base_value, contributions, class: name } = explanation;
  const end = base_value + contributions.reduce((sum, one) => sum + one.contribution, 0);
  if (output === "value") return target + " is " + number(base_value) + " for a typical row, and " + number(end) + " for this row.";
  if (output === "log-odds" && !isBinary) return share === null ? "" : "The probability of " + name + " is " + percent(share, 1) + " for this row.";
  const probability = output === "log-odds" ? sigmoid : (value) => value;
  return "The probability of " + name + " is " + percent(probability(base_value), 1) + " for a typical row, and " + percent(probability(end), 1) + " for this row.";
}

// What matters most, in a sentence or two.
export function reasonWords(explanation, target, isBinary, share = null) {
  const steps = stepsOf(explanation, Infinity).filter((step) => step.contribution !== 0);
  const way = wayOf(explanation, target, isBinary, share);
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
