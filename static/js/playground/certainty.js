// How sure an answer is, in words: its interval or set at the coverage that was asked for, and the threshold.
import { percent } from "../format.js";

const share = (value) => percent(value, Number.isInteger(Math.round(value * 1000) / 10) ? 0 : 1);

// Below an interval; of a model of an earlier version that knows one coverage alone that is said.
export function intervalWords(interval, asked) {
  const words = share(interval.coverage) + " of true values lie between";
  return Math.abs(interval.coverage - asked) < 0.0005 ? words : words + ": this model knows no other share";
}

// Which classes the rows of the list stand for: all in their order, or of too many the likeliest.
export function shownClasses(probabilities, most) {
  const names = Object.keys(probabilities);
  if (names.length <= most) return names;
  return names.sort((a, b) => probabilities[b] - probabilities[a]).slice(0, most);
}

// The set of classes, in which the predicted one always is; empty where the answer has none.
export function setWords(answer, coverage) {
  if (!answer.set) return "";
  const often = "in " + share(coverage) + " of cases";
  const names = answer.set.join(", ");
  if (answer.set.length === 1) return "Sure enough: " + often + " the truth is in a set like this one, of " + names + " alone.";
  if (answer.set.length === Object.keys(answer.probabilities).length) return "It cannot tell: " + often + " the truth is in a set like this one, of all classes.";
  return often[0].toUpperCase() + often.slice(1) + " the truth is in a set like this one: " + names + ".";
}

// From which probability on the last of two classes is predicted.
export function thresholdWords(answer) {
  const names = Object.keys(answer.probabilities ?? {});
  if (answer.threshold === null || answer.threshold === undefined || names.length !== 2) return "";
  return names[1] + " is predicted from a probability of " + percent(answer.threshold, 1) + " on.";
}
