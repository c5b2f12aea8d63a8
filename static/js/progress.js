// How a run got better: its finished trials in the seconds of its time, and its best models as steps. Both are as
// they were stored when they happened, so that a mark stays where it is whatever comes later.
import { number } from "./format.js";
import { hasEnded } from "./status.js";

const SHOWN_PARAMETERS = 6;
// With fewer trials than this all of them are within the chart.
const FEW = 4;

function parameter([name, value]) {
  return name + " = " + (typeof value === "number" ? number(value) : String(value));
}

// One point a finished trial, in the order of their ends.
export function pointsOf(trials, families, titles) {
  return trials
    .filter((trial) => trial.status === "finished" && trial.score !== null && trial.elapsed_seconds !== null)
    .map((trial) => ({
      id: trial.id,
      x: Math.max(0, trial.elapsed_seconds),
      score: trial.score,
      family: families[trial.algorithm] || trial.algorithm,
      title: titles[trial.algorithm] || trial.algorithm,
      number: trial.number,
      seconds: trial.fit_seconds,
      params: Object.entries(trial.params).slice(0, SHOWN_PARAMETERS).map(parameter),
      best: false,
    }))
    .sort((a, b) => a.x - b.x);
}

// The best models, each from when it was the best (`champions`, as the run told of them: which of equal scores is the
// best, only the run knows). One without a trial (an ensemble, or one made at once) has a title here. The point of the
// last is marked as the best.
export function stepsOf(points, champions, titles, trials) {
  const known = champions.filter((one) => one.score !== null && one.elapsed_seconds !== null);
  const last = known[known.length - 1];
  for (const point of points) point.best = point.id === last?.model_id;
  return known.map((one) => ({
    x: Math.max(0, one.elapsed_seconds),
    score: one.score,
    made: trials.has(one.model_id) ? "" : titles[one.algorithm] || one.algorithm,
  }));
}

// The scores at the bottom and at the top of the chart, better ones on top. A few hopeless trials must not squeeze the
// race of the good ones into one line: the chart ends a little below the lower quarter of the trials.
export function limitsOf(points, steps, greater) {
  const scores = [...points, ...steps].map((point) => point.score).sort((a, b) => (greater ? b - a : a - b));
  if (!scores.length) return { worst: 0, best: 1 };
  const best = scores[0];
  const last = scores[scores.length - 1];
  if (points.length < FEW) return { worst: last, best };
  const trials = points.map((point) => point.score).sort((a, b) => (greater ? b - a : a - b));
  const edge = best + (trials[Math.floor(trials.length * 0.75)] - best) * 1.6;
  return { worst: greater ? Math.max(last, edge) : Math.min(last, edge), best };
}

// Whether a score is worse than what the chart has room for.
export function isBelow(score, { worst, best }) {
  return best >= worst ? score < worst : score > worst;
}

// Where the axis of time ends: with the time of the run, and never before its last mark.
export function endOf(job, points, steps) {
  const last = Math.max(0, ...points.map((point) => point.x), ...steps.map((step) => step.x));
  return Math.max(hasEnded(job.status) ? job.elapsed_seconds : job.time_budget_seconds, last, 1);
}
