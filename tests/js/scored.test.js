// A file that was answered, as the Playground tells of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answersFirst, csvRows, jsonlRows } from "../../static/js/playground/first-rows.js";
import { columnsOf, doneWords, ended, fitWords, predictionsOf, predictionWords, progressOf } from "../../static/js/playground/scored.js";

const column = { name: "a", role: "numeric", missing: 0, unseen: 0, beyond: 0, psi: 0.01, psi_by_chance: 0.02, drift: "none" };

test("how far it is", () => {
  const scoring = { status: "running", rows: 1500, n_rows: 3000, rows_per_second: 999.6 };
  assert.deepEqual(progressOf(scoring), { text: "1,500 of 3,000 rows, 1,000 a second", share: 0.5 });
  assert.deepEqual(progressOf({ ...scoring, n_rows: null }), { text: "1,500 rows, 1,000 a second", share: null });
  assert.deepEqual(progressOf({ ...scoring, rows: 0, n_rows: null, rows_per_second: null }).text, "Looking at the file");
  assert.deepEqual(progressOf({ ...scoring, status: "waiting" }), { text: "Waits for its turn", share: null });
  assert.deepEqual(["waiting", "running", "finished", "failed", "cancelled"].map((status) => ended({ status })), [false, false, true, true, true]);
  assert.equal(doneWords({ summary: { rows: 1 }, seconds: 2, filename: "a.csv" }), "1 row of a.csv answered in 2 s.");
});

test("the columns with something to say come first, the worst on top", () => {
  const columns = [
    column,
    { ...column, name: "b", unseen: 5 },
    { ...column, name: "c", drift: "large", psi: 0.5 },
    { ...column, name: "d", drift: null, psi: null, missing: 40 },
  ];
  const { shown, quiet } = columnsOf({ rows: 100, columns });
  assert.deepEqual(shown.map((one) => one.name), ["c", "d", "b"]);
  assert.equal(quiet, 1);
  assert.deepEqual(shown[0], { name: "c", drift: "large", verdict: "spread otherwise than in training", index: "PSI 0.5", text: "" });
  assert.equal(shown[2].text, "5 (5.0 %) never seen in training");
  assert.deepEqual([shown[1].verdict, shown[1].index], ["not compared", ""]);
});

test("what the rows are like as a whole", () => {
  assert.equal(fitWords({ columns: [column] }), "These rows are like those of training.");
  assert.match(fitWords({ columns: [{ ...column, drift: null }] }), /the training table is gone/);
  assert.match(fitWords({ columns: [column, { ...column, unseen: 1 }] }), /^1 column has values/);
  assert.match(fitWords({ columns: ["a", "b", "c", "d"].map((name) => ({ ...column, name, drift: "large" })) }), /in a, b, c and 1 other column: /);
});

test("what is predicted, of classes and of numbers", () => {
  const classes = [{ label: "no", rows: 1, mean_probability: 0.3, share_in_training: 0.5 }, { label: "yes", rows: 3, mean_probability: 0.7, share_in_training: null }];
  const ofClasses = { rows: 4, predictions: { classes, numbers: null, psi: null, drift: null } };
  assert.deepEqual(predictionsOf(ofClasses).bars.map((bar) => [bar.label, bar.share, bar.training]), [["yes", 0.75, null], ["no", 0.25, 0.5]]);
  const numbers = { mean: 2, min: 0, max: 4, quantiles: { 0.25: 1, 0.75: 3 }, histogram: { edges: [0, 2, 4], shares: [0.5, 0.5] } };
  const ofNumbers = { rows: 4, predictions: { classes: null, numbers, psi: 0.4, drift: "large" } };
  assert.deepEqual(predictionsOf(ofNumbers).bars[1], { low: 2, high: 4, share: 0.5 });
  assert.equal(predictionWords(ofNumbers, "price"), "Half of the predictions are between 1 and 3, 2 on average. In training price was spread otherwise.");
  assert.equal(predictionsOf({ rows: 0, predictions: { classes: null, numbers: null } }).kind, "none");
});

test("first rows of CSV keep quotes, commas and lines, and a cut line is left out", () => {
  const text = 'a,b,prediction\r\n"x, ""y""\nz",,1\r\n2,3,cut';
  assert.deepEqual(csvRows(text, false), [["a", "b", "prediction"], ['x, "y"\nz', "", "1"]]);
  assert.deepEqual(csvRows(text, true).at(-1), ["2", "3", "cut"]);
  assert.deepEqual(csvRows('a\n"open', false), [["a"]]);
});

test("first rows of JSON lines", () => {
  assert.deepEqual(jsonlRows('{"a": null, "prediction": 1}\n{"a": 2, "pre', false), [["a", "prediction"], ["", "1"]]);
  assert.deepEqual(jsonlRows("", true), []);
});

test("answers stand before the columns of the file, which may have one of the same name", () => {
  const found = answersFirst([["prediction", "x", "probability_a", "prediction", "probability_no"], ["old", "1.23456", "2", "no", "0.912345"]]);
  assert.deepEqual(found, { names: ["prediction", "probability_no", "prediction", "x", "probability_a"], rows: [["no", "0.9123", "old", "1.23456", "2"]] });
});
