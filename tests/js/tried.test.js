// Ideas that were tried, in words and as a chart.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gainChart, isOpen, keyOf, lookOf, progressText, summaryOf } from "../../static/js/assistant/tried.js";

const FAMILY = { title: "Linear model", mean: 0.02, low: 0.01, high: 0.03, points: [{ repeat: 0, fold: 0, without: 0.8, beside: 0.82, gain: 0.02 }, { repeat: 0, fold: 1, without: null, beside: null, gain: null }] };

test("knows the same idea whatever the order of its fields", () => {
  assert.equal(keyOf([{ op: "derive", column: "c", expression: "a" }]), keyOf([{ expression: "a", column: "c", op: "derive" }]));
  assert.notEqual(keyOf([{ op: "derive", column: "c", expression: "a" }]), keyOf([{ op: "derive", column: "c", expression: "b" }]));
  assert.equal(keyOf([{ op: "map_values", values: { b: null, a: 1 } }]), keyOf([{ op: "map_values", values: { a: 1, b: null } }]));
});

test("says how far it is", () => {
  assert.equal(progressText({ status: "waiting" }), "Waiting for its turn…");
  assert.equal(progressText({ status: "running", folds: null, folds_done: 0 }), "Preparing the rows…");
  assert.equal(progressText({ status: "running", folds: 15, folds_done: 3 }), "Fold 4 of 15, with and without it");
  assert.equal(progressText({ status: "running", folds: 15, folds_done: 15 }), "Fold 15 of 15, with and without it");
  assert.ok(isOpen({ status: "running" }) && !isOpen({ status: "stopped" }) && !isOpen(null));
});

test("only what helps looks good", () => {
  assert.equal(lookOf("helps").badge, "badge-good");
  for (const verdict of ["unclear", "same", "too_few", "something new"]) assert.equal(lookOf(verdict).badge, "");
});

test("draws the folds that have a score, in points where that is how scores are written", () => {
  const outcome = { metric_title: "Accuracy", format: "percent", families: [FAMILY] };
  const chart = gainChart(outcome);
  assert.deepEqual(chart.spec.points, [{ family: "Linear model", gain: 2, repeat: 0, fold: 0 }]);
  assert.equal(chart.spec.families[0].low, 1);
  assert.equal(chart.rows.length, 2);
  assert.match(chart.spec.label, /percentage points/);
  assert.equal(gainChart({ ...outcome, format: "share" }).spec.points[0].gain, 0.02);
});

test("says whose ideas there are, and when there are none", () => {
  assert.match(summaryOf({ target: "", count: -1 }), /^Choose what you want to predict/);
  assert.match(summaryOf({ target: "y", count: 0 }), /suggest no column for “y”/);
  assert.match(summaryOf({ target: "y", count: 1 }), /^1 idea of FlowML’s own for “y”/);
  assert.match(summaryOf({ target: "y", count: 1, run: true }), /with the settings of the run/);
  assert.equal(summaryOf({ target: "y", count: 0, note: "Too few rows." }), "Too few rows.");
});
