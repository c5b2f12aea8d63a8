// How the live monitor turns what was stored of a run into its chart.
import assert from "node:assert/strict";
import { test } from "node:test";
import { endOf, isBelow, limitsOf, pointsOf, stepsOf } from "../../static/js/progress.js";

const TITLES = { ridge: "Ridge", ensemble: "Ensemble", baseline: "Baseline" };

function trial(elapsed, score, values = {}) {
  return { status: "finished", score, elapsed_seconds: elapsed, algorithm: "ridge", params: {}, number: 1, fit_seconds: 1, ...values };
}

function made(elapsed, score, algorithm = "ensemble") {
  return { model_id: algorithm, algorithm, score, elapsed_seconds: elapsed };
}

function champion(trial) {
  return { model_id: trial.id, algorithm: trial.algorithm, score: trial.score, elapsed_seconds: trial.elapsed_seconds };
}

test("finished trials are points in the order of their ends, in the seconds of the run", () => {
  const trials = [
    trial(30, 0.7, { number: 1 }),
    trial(10, 0.6, { number: 2, algorithm: "svm", params: { C: 12345.678, kernel: "rbf" } }),
    trial(20, 0.5, { number: 3, status: "failed" }),
    trial(null, null, { number: 4, status: "leased" }),
  ];
  const points = pointsOf(trials, { ridge: "linear" }, TITLES);
  assert.deepEqual(points.map((point) => [point.x, point.number, point.family, point.title]), [[10, 2, "svm", "svm"], [30, 1, "linear", "Ridge"]]);
  assert.deepEqual(points[0].params, ["C = 12,346", "kernel = rbf"]);
});

test("the line steps to each model that was the best, a trial or not, from when it was", () => {
  const trials = [trial(1, 0.5, { id: "a" }), trial(2, 0.4, { id: "b" }), trial(4, 0.7, { id: "c" })];
  const known = new Map(trials.map((one) => [one.id, one]));
  const points = pointsOf(trials, {}, TITLES);
  const upToFour = [made(0, 0.3, "baseline"), champion(trials[0]), made(3, 0.6), champion(trials[2])];
  const steps = stepsOf(points, [...upToFour, made(5, 0.8)], TITLES, known);
  assert.deepEqual(steps.map((step) => [step.x, step.score, step.made]), [[0, 0.3, "Baseline"], [1, 0.5, ""], [3, 0.6, "Ensemble"], [4, 0.7, ""], [5, 0.8, "Ensemble"]]);
  assert.equal(points.some((point) => point.best), false);
  stepsOf(points, upToFour, TITLES, known);
  assert.deepEqual(points.map((point) => point.best), [false, false, true]);
  assert.deepEqual(stepsOf(points, [made(null, 0.9), made(6, null)], TITLES, known), []);
});

test("of equal scores the best is the one that the run has chosen", () => {
  const trials = [trial(1, 0.7, { id: "first" }), trial(2, 0.7, { id: "second" })];
  const known = new Map(trials.map((one) => [one.id, one]));
  const points = pointsOf(trials, {}, TITLES);
  const best = (champions) => {
    const steps = stepsOf(points, champions.map(champion), TITLES, known);
    return [steps.map((step) => step.x), points.map((point) => point.best)];
  };
  assert.deepEqual(best(trials), [[1, 2], [false, true]]);
  assert.deepEqual(best([trials[0]]), [[1], [true, false]]);
  assert.deepEqual(best([trials[1]]), [[2], [false, true]]);
});

test("no mark stands after the end of the time", () => {
  const points = [{ x: 12.4 }];
  assert.equal(endOf({ status: "running", time_budget_seconds: 30, elapsed_seconds: 12 }, points, []), 30);
  assert.equal(endOf({ status: "completed", time_budget_seconds: 30, elapsed_seconds: 20 }, points, []), 20);
  assert.equal(endOf({ status: "completed", time_budget_seconds: 12, elapsed_seconds: 12 }, points, [{ x: 12.5 }]), 12.5);
  assert.equal(endOf({ status: "queued", time_budget_seconds: 0.5, elapsed_seconds: 0 }, [], []), 1);
});

test("weak trials are below the chart, and of few trials none is", () => {
  for (const sign of [1, -1]) {
    const of = (scores) => scores.map((score) => ({ x: 0, score: sign * score }));
    const many = limitsOf(of([0.9, 0.89, 0.88, 0.87, 0.1]), of([0.05]), sign > 0);
    const low = (score) => isBelow(sign * score, many);
    assert.deepEqual([0.9, 0.87, 0.5, 0.1, 0.05].map(low), [false, false, true, true, true]);
    const few = limitsOf(of([0.9, 0.1]), [], sign > 0);
    assert.equal(isBelow(sign * 0.1, few), false);
  }
  assert.equal(isBelow(0.5, limitsOf([{ score: 0.5 }], [], true)), false);
});
