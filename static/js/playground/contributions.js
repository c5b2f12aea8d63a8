// Why an answer is what it is: from what is said on average, column by column, to what is said of this row.
import { number } from "../format.js";

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
  const steps = shown.map(({ feature, value, contribution }) => ({ feature, label: feature + " = " + valueText(value), contribution }));
  if (others.length) steps.push({ feature: null, label: number(others.length) + " other columns", contribution: others.reduce((sum, one) => sum + one.contribution, 0) });
  let at = base_value;
  return steps.map((step) => {
    const from = at;
    at += step.contribution;
    return { ...step, from, to: at, text: signedNumber(step.contribution) };
  });
}

// The table below the drawing: base, every column, and what they add up to.
export function rowsOf(explanation) {
  const ordered = stepsOf(explanation, Infinity);
  const end = ordered.at(-1)?.to ?? explanation.base_value;
  return [["On average", number(explanation.base_value), ""], ...ordered.map((step) => [step.label, step.text, number(step.to)]), ["This row", "", number(end)]];
}

// What matters most, in a sentence; `unit` says what is added up.
export function reasonWords(explanation, unit) {
  const steps = stepsOf(explanation, Infinity).filter((step) => step.contribution !== 0);
  const end = explanation.base_value + explanation.contributions.reduce((sum, one) => sum + one.contribution, 0);
  const whole = unit + " is " + number(explanation.base_value) + " on average, and " + number(end) + " for this row";
  if (!steps.length) return whole + ": no column makes a difference.";
  const [first, second] = steps;
  const effect = (step) => step.label + (step.contribution > 0 ? " raises it by " : " lowers it by ") + number(Math.abs(step.contribution));
  return whole + ". " + effect(first) + (second ? ", " + effect(second) : "") + ".";
}
