// A file that was answered, as the Playground tells of it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { cellTexts, columnsOf, doneWords, ended, fitWords, predictionsOf, predictionWords, progressOf, quietWords, truthWords } from "../../static/js/playground/scored.js";

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
    { ...column, name: "d", drift: null, psi: null, missing: 40, missing_in_training: null },
  ];
  const { shown, quiet } = columnsOf({ rows: 100, columns });
  assert.deepEqual(shown.map((one) => one.name), ["c", "d", "b"]);
  assert.equal(quiet, 1);
  assert.deepEqual(shown[0], { name: "c", drift: "large", verdict: "spread otherwise than in training", index: "PSI 0.5", text: "" });
  assert.equal(shown[2].text, "5 (5.0 %) never seen in training");
  assert.deepEqual([shown[1].verdict, shown[1].index, shown[1].text], ["more often missing", "", "40 (40.0 %) missing"]);
});

test("how good the answers are is said where the file has the truth", () => {
  assert.equal(truthWords({ truth: null }, "bought"), "");
  assert.equal(truthWords({ truth: { rows: 8, right: 6, mean_absolute_error: null } }, "bought"), "75.0 % of them are right in the 8 rows whose bought the file has; rows that the model has learned from make that look better.");
  assert.match(truthWords({ truth: { rows: 1, right: null, mean_absolute_error: 2.5 } }, "spent"), /^They are off by 2.5 on average in the 1 row whose spent /);
});

test("what is said of the other columns", () => {
  assert.equal(quietWords(0, 2, { columns: [column] }), "2 columns are as in training.");
  assert.equal(quietWords(3, 1, { columns: [column] }), "The worst first. 1 more column is as in training.");
  assert.equal(quietWords(0, 9, { columns: [{ ...column, drift: null }] }), "The training table is gone, so that nothing is compared.");
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

test("a column without values says that and nothing else, one that lacks what training lacked says nothing", () => {
  const columns = [
    { ...column, name: "a", missing: 50, missing_in_training: 0.1, drift: "none" },
    { ...column, name: "b", missing: 25, missing_in_training: 0.5, drift: null, psi: null },
    { ...column, name: "c", missing: 50, missing_in_training: 1, drift: null, psi: null },
    { ...column, name: "d", missing: 30, missing_in_training: 0.2, drift: null, psi: null },
  ];
  const { shown, quiet } = columnsOf({ rows: 50, columns });
  assert.deepEqual(shown.map((one) => [one.name, one.verdict, one.index, one.text]), [
    ["a", "no values", "", "50 (100.0 %) missing, in training 10.0 %"],
    ["d", "more often missing", "", "30 (60.0 %) missing, in training 20.0 %"],
  ]);
  assert.equal(quiet, 2);
  assert.deepEqual(columnsOf({ rows: 3, columns: [{ ...column, unseen: 1, psi: 1.5 }] }).shown.map((one) => [one.verdict, one.drift, one.index]), [["too few rows to tell", null, ""]]);
  assert.equal(fitWords({ rows: 50, columns }), "This file has nothing in a: the answers may be worse than the scores say.");
  assert.match(fitWords({ rows: 50, columns: [...columns, { ...column, name: "e", drift: "large" }] }), /nothing in a, and e is unlike training: /);
});

test("the first rows have their answers in front, with the digits that people read", () => {
  const first = { answers: ["prediction", "probability_no"], columns: ["x", "code"], rows: [["no", 0.912345, 1.23456, "007"], ["yes", 0, null, true]] };
  assert.deepEqual(cellTexts(first), { names: ["prediction", "probability_no", "x", "code"], rows: [["no", "0.9123", "1.23456", "007"], ["yes", "0", "", "true"]] });
});
