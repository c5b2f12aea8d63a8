// How the live monitor turns trials into its chart.
import assert from "node:assert/strict";
import { test } from "node:test";
import { clockOf, pointsOf, stepsOf } from "../../static/js/progress.js";

function trial(from, until, values = {}) {
  return { status: "finished", score: 0.5, started_at: from, finished_at: until, algorithm: "ridge", params: {}, number: 0, fit_seconds: 1, ...values };
}

test("seconds count from the start of the run", () => {
  const clock = clockOf([trial(101, 103)], 100);
  assert.deepEqual([100, 103, 109].map(clock), [0, 3, 9]);
  assert.equal(clockOf([trial(101, 103)], null)(103), 2);
  assert.equal(clockOf([], null)(7), 7);
  assert.equal(clockOf([], "2026-01-01T00:00:00Z")(Date.parse("2026-01-01T00:00:05Z") / 1000), 5);
});

test("a pause between two extensions of a run does not count", () => {
  const clock = clockOf([trial(100, 110), trial(1110, 1120), trial(1121, 1130)], 100);
  assert.equal(clock(110), 10);
  assert.equal(clock(600), 10, "in the pause nothing was trained");
  assert.equal(clock(1120), 20);
  assert.equal(clock(1130), 30);
});

test("a short wait between trials counts, and so does a trial beside others", () => {
  const clock = clockOf([trial(100, 200), trial(101, 102), trial(219, 230)], 100);
  assert.equal(clock(230), 130);
});

test("finished trials are points in the order of their ends", () => {
  const trials = [
    trial(100, 130, { number: 0, score: 0.7 }),
    trial(100, 110, { number: 1, score: 0.6, algorithm: "svm", params: { C: 12345.678, kernel: "rbf" } }),
    trial(100, 120, { number: 2, status: "failed" }),
    trial(100, null, { number: 3, status: "leased", score: null }),
  ];
  const points = pointsOf(trials, (time) => time - 100, { ridge: "linear" }, { ridge: "Ridge" });
  assert.deepEqual(points.map((point) => [point.x, point.number, point.family, point.title]), [[10, 2, "svm", "svm"], [30, 1, "linear", "Ridge"]]);
  assert.deepEqual(points[0].params, ["C = 12,346", "kernel = rbf"]);
});

test("the line steps where a trial or an ensemble is better than all before", () => {
  const points = [{ x: 1, score: 0.5 }, { x: 2, score: 0.4 }, { x: 4, score: 0.7, best: false }];
  const ensembles = [{ x: 3, score: 0.6, ensemble: true }];
  const steps = stepsOf(points, ensembles, true);
  assert.deepEqual(steps, [{ x: 1, score: 0.5, ensemble: false }, { x: 3, score: 0.6, ensemble: true }, { x: 4, score: 0.7, ensemble: false }]);
  assert.equal(points[2].best, true);
});

test("of a metric that is to be small, the smaller is better", () => {
  const points = [{ x: 1, score: 5 }, { x: 2, score: 3 }, { x: 3, score: 4 }];
  assert.deepEqual(stepsOf(points, [], false).map((step) => step.score), [5, 3]);
  assert.equal(points[1].best, true);
  assert.deepEqual(stepsOf([], [], false), []);
});
