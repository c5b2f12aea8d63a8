// Why an answer is what it is, and how it depends on a column, as the Playground draws and says it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { askedOf, foundWords, textFor } from "../../static/js/playground/changing.js";
import { readable, reasonWords, rowsOf, scaleWords, shortLabel, stepsOf, unitOf } from "../../static/js/playground/contributions.js";
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

test("columns that add nothing are one step, unless it is one alone, and all stand in the table", () => {
  const idle = ["e", "f"].map((feature) => ({ feature, value: 1, contribution: 0 }));
  const steps = stepsOf({ base_value: 10, contributions: [...explanation.contributions, ...idle] });
  assert.deepEqual(steps.map((step) => step.label), ["b = Ulm", "c = missing", "a = 1", "3 columns add nothing"]);
  assert.equal(steps.at(-1).to, 9.5);
  assert.equal(rowsOf({ base_value: 10, contributions: [...explanation.contributions, ...idle] }).length, 8);
});

test("probabilities are read in hundredths, and what log-odds are is said", () => {
  const share = { base_value: 0.25, output: "probability", class: "yes", contributions: [{ feature: "a", value: 1, contribution: 0.5 }] };
  assert.deepEqual(rowsOf(readable(share)).map((row) => row[1] + "/" + row[2]), ["25/", "+50/75", "/75"]);
  assert.equal(readable(explanation), explanation);
  assert.match(scaleWords({ output: "log-odds" }, true), /adds up: 0 is as likely as not, and each 1 more/);
  assert.match(scaleWords({ output: "log-odds" }, false), /adds up: each 1 more/);
  assert.equal(scaleWords({ output: "value" }, false), "");
});

test("the table has the average, every column and the answer", () => {
  assert.deepEqual(rowsOf(explanation).map((row) => row[2]), ["", "7", "9", "9.5", "9.5", "9.5"]);
  assert.deepEqual(rowsOf({ base_value: 3, contributions: [] }), [["A typical row", "3", ""], ["This row", "", "3"]]);
});

test("what matters most is said: of a number in its units, of classes as a probability where it is one", () => {
  const ofNumber = { ...explanation, output: "value", class: null };
  assert.equal(reasonWords(ofNumber, "price", false), "price is 10 for a typical row, and 9.5 for this row. It is raised most by c = missing (2) and lowered most by b = Ulm (3).");
  const odds = { base_value: 0, output: "log-odds", class: "yes", contributions: [{ feature: "age", value: 9, contribution: -Math.log(3) }] };
  assert.equal(reasonWords(odds, "bought", true), "The probability of yes is 50.0 % for a typical row, and 25.0 % for this row. Against it speaks most age = 9.");
  assert.equal(reasonWords(odds, "bought", false), "Of yes: against it speaks most age = 9.");
  const share = { base_value: 0.25, output: "probability", class: "yes", contributions: [{ feature: "a", value: 1, contribution: 0.5 }, { feature: "b", value: 1, contribution: -0.125 }] };
  assert.equal(reasonWords(share, "bought", false), "The probability of yes is 25.0 % for a typical row, and 62.5 % for this row. For it speaks most a = 1; against it b = 1.");
  assert.equal(reasonWords({ ...ofNumber, base_value: 1, contributions: [] }, "price", false), "price is 1 for a typical row, and 1 for this row. No column makes a difference.");
  assert.deepEqual([unitOf(ofNumber, "price"), unitOf(odds, "bought"), unitOf(share, "bought")], ["price", "log-odds of yes", "probability of yes (%)"]);
  assert.equal(reasonWords(odds, "bought", false, 0.75), "The probability of yes is 75.0 % for this row. Against it speaks most age = 9.");
});

test("a value of a column has a place on the axis, and what is none has not", () => {
  assert.deepEqual([placeOf("number", 3), placeOf("number", "x"), placeOf("number", null), placeOf("category", true), placeOf("boolean", "Yes"), placeOf("boolean", false)], [3, null, null, "true", "true", "false"]);
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
  const line = { feature: "age", kind: "number", grid: [10, 20, 30], mean: [0.25, 0.5, 0.125], class: "yes" };
  assert.equal(dependenceWords(line, "bought"), "On average the probability of yes is least, 12.5 %, where age is 30, and greatest, 50.0 %, where it is 20.");
  assert.equal(dependenceWords({ ...line, mean: [5, 5, 5], class: null }, "spent"), "Whatever age is, spent is 5 on average.");
});

test("which columns may change, and within what", () => {
  const row = { name: "a", isOrdered: true, may: true, direction: "", min: "", max: "" };
  const rows = [row, { ...row, name: "b", direction: "up", max: "1,5" }, { ...row, name: "c", min: " 2024-05-17 " }, { ...row, name: "d", may: false, min: "1" }, { ...row, name: "e", isOrdered: false }];
  assert.deepEqual(askedOf(rows), { changeable: ["a", "b", "c", "e"], limits: { b: { direction: "up", max: 1.5 }, c: { min: "2024-05-17" } } });
});

test("what was found goes into the controls as they write it", () => {
  assert.equal(textFor("number", "numeric", 45.5, []), "45.5");
  assert.equal(textFor("select", "boolean", true, ["", "No", "Yes"]), "Yes");
  assert.equal(textFor("select", "boolean", false, ["", "No", "Yes"]), "No");
  assert.equal(textFor("text", "boolean", true, []), "true");
  assert.equal(textFor("date", "datetime", "2024-05-17T00:00:00", []), "2024-05-17");
  assert.equal(textFor("datetime", "datetime", "2024-05-17", []), "2024-05-17T00:00:00");
  assert.equal(textFor("select", "categorical", null, []), "");
});

test("what would have to change is said, or why nothing does", () => {
  const changes = [{ feature: "age", from: 41.3, to: 39 }];
  assert.equal(foundWords({ found: true, changes, prediction: "no", probability: 0.625, probabilities: {} }, "bought"), "With age 39 instead of 41.3 the answer would be no (62.5 %).");
  assert.equal(foundWords({ found: true, changes, prediction: 120, probabilities: null }, "spent"), "With age 39 instead of 41.3 spent would be 120.");
  assert.equal(foundWords({ found: false, changes: [], reason: "No change does it." }, "spent"), "No change does it.");
});

test("beside the axis the name of a column is cut, and not its value", () => {
  const step = { feature: "a very long name of a column", value: "Ulm", label: "a very long name of a column = Ulm" };
  assert.equal(shortLabel(step, 18), "a very…olumn = Ulm");
  assert.notEqual(shortLabel({ ...step, feature: "sensor_of_the_plant_1" }, 18), shortLabel({ ...step, feature: "sensor_of_the_plant_2" }, 18));
  assert.equal(shortLabel(step, 50), step.label);
  assert.equal(shortLabel({ feature: null, label: "a typical row" }, 5), "a ty…");
  assert.ok(shortLabel({ feature: "column", value: "a value that is long", label: "column = a value that is long" }, 18).length <= 18);
});
