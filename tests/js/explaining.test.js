// Why an answer is what it is, and how it depends on a column, as the Playground draws and says it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { reasonWords, rowsOf, stepsOf } from "../../static/js/playground/contributions.js";
import { dependenceWords, heightOf, placeOf } from "../../static/js/playground/dependence.js";

const explanation = {
  base_value: 10,
  contributions: [
    { feature: "a", value: 1, contribution: 0.5 },
    { feature: "b", value: "Ulm", contribution: -3 },
    { feature: "c", value: null, contribution: 2 },
    { feature: "d", value: false, contribution: 0 },
  ],
};

test("steps go from the average to the answer, the largest first", () => {
  const steps = stepsOf(explanation);
  assert.deepEqual(steps.map((step) => [step.label, step.from, step.to, step.text]), [
    ["b = Ulm", 10, 7, "−3"],
    ["c = missing", 7, 9, "+2"],
    ["a = 1", 9, 9.5, "+0.5"],
    ["d = false", 9.5, 9.5, "+0"],
  ]);
});

test("of many columns the smallest are one step, and it all still adds up", () => {
  const many = { base_value: 1, contributions: Array.from({ length: 200 }, (_, at) => ({ feature: "c" + at, value: at, contribution: at / 1000 })) };
  const steps = stepsOf(many, 12);
  assert.equal(steps.length, 12);
  assert.equal(steps.at(-1).label, "189 other columns");
  assert.equal(steps.at(-1).feature, null);
  assert.ok(Math.abs(steps.at(-1).to - (1 + 19.9)) < 1e-9);
  assert.equal(rowsOf(many).length, 202);
});

test("the table has the average, every column and the answer", () => {
  assert.deepEqual(rowsOf(explanation).map((row) => row[2]), ["", "7", "9", "9.5", "9.5", "9.5"]);
  assert.deepEqual(rowsOf({ base_value: 3, contributions: [] }), [["On average", "3", ""], ["This row", "", "3"]]);
});

test("what matters most is said", () => {
  assert.equal(reasonWords(explanation, "price"), "price is 10 on average, and 9.5 for this row. b = Ulm lowers it by 3, c = missing raises it by 2.");
  assert.match(reasonWords({ base_value: 1, contributions: [] }, "price"), /no column makes a difference/);
});

test("a value of a column has a place on the axis, and what is none has not", () => {
  assert.deepEqual([placeOf("number", 3), placeOf("number", "x"), placeOf("number", null), placeOf("category", true)], [3, null, null, "true"]);
  assert.equal(placeOf("date", "2024-05-17"), Date.UTC(2024, 4, 17));
  assert.equal(placeOf("date", "2024-05-17T08:30:00"), Date.UTC(2024, 4, 17, 8, 30));
  assert.equal(placeOf("date", "soon"), null);
});

test("the answer of the row is in the units of the line", () => {
  assert.equal(heightOf({ prediction: "yes", probabilities: { no: 0.2, yes: 0.8 } }, "no"), 0.2);
  assert.equal(heightOf({ prediction: 7, probabilities: null }, null), 7);
  assert.equal(heightOf(null, null), null);
});

test("what the line says", () => {
  const line = { feature: "age", kind: "number", grid: [10, 20, 30], mean: [0.25, 0.5, 0.125], target_class: "yes" };
  assert.equal(dependenceWords(line, "bought"), "On average the probability of yes is least, 12.5 %, where age is 30, and greatest, 50.0 %, where it is 20.");
  assert.equal(dependenceWords({ ...line, mean: [5, 5, 5], target_class: null }, "spent"), "Whatever age is, spent is 5 on average.");
});
