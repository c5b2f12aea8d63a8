// How a run got better: its finished trials in the seconds of training, and the best score so far as steps.
import { number, seconds } from "./format.js";

const SHOWN_PARAMETERS = 6;
// Longer than trials are apart while a run goes on.
const PAUSE_SECONDS = 20;

function parameter([name, value]) {
  return name + " = " + (typeof value === "number" ? number(value) : String(value));
}

// Seconds in which something was training: pauses between extensions of a run do not count.
export function clockOf(trials, started) {
  const spans = trials
    .filter((trial) => trial.started_at && trial.finished_at)
    .map((trial) => [seconds(trial.started_at), seconds(trial.finished_at)])
    .sort((a, b) => a[0] - b[0]);
  const pauses = [];
  let busyUntil = started ? seconds(started) : spans.length ? spans[0][0] : 0;
  const begin = busyUntil;
  for (const [from, until] of spans) {
    if (from - busyUntil > PAUSE_SECONDS) pauses.push([busyUntil, from]);
    busyUntil = Math.max(busyUntil, until);
  }
  return (time) => pauses.reduce((sum, [from, until]) => sum - Math.max(0, Math.min(time, until) - from), time - begin);
}

// One point a finished trial, in the order of their ends.
export function pointsOf(trials, clock, families, titles) {
  return trials
    .filter((trial) => trial.status === "finished" && trial.score !== null && trial.finished_at)
    .map((trial) => ({
      x: Math.max(0, clock(seconds(trial.finished_at))),
      score: trial.score,
      family: families[trial.algorithm] || trial.algorithm,
      title: titles[trial.algorithm] || trial.algorithm,
      number: trial.number + 1,
      seconds: trial.fit_seconds,
      params: Object.entries(trial.params).slice(0, SHOWN_PARAMETERS).map(parameter),
      best: false,
    }))
    .sort((a, b) => a.x - b.x);
}

// Whatever was better than all before it, trials and ensembles. The last of them is marked as the best.
export function stepsOf(points, ensembles, greater) {
  const steps = [];
  let best = null;
  for (const point of [...points, ...ensembles].sort((a, b) => a.x - b.x)) {
    if (best === null || (greater ? point.score > best.score : point.score < best.score)) {
      best = point;
      steps.push({ x: point.x, score: point.score, ensemble: Boolean(point.ensemble) });
    }
  }
  if (best) best.best = true;
  return steps;
}
