// The example row beside its prediction, where an interval stands, and finding one column of many.
import assert from "node:assert/strict";
import { test } from "node:test";
import { byImportance, filledIn, found, keptOf, placesOf, truthOf } from "../../static/js/trying.js";

const row = { number: 1204, dataset: "train", truth: null, label: "" };

test("a class was as predicted or was not, and where it is none of the model's that is not said", () => {
  const result = { prediction: "yes", probabilities: { yes: 0.8, no: 0.2 } };
  const said = (truth) => truthOf({ ...row, truth, label: truth }, "bought", result);
  assert.equal(said("yes"), "Row 1,204 of train: bought was yes, as predicted.");
  assert.equal(said("no"), "Row 1,204 of train: bought was no, not as predicted.");
  assert.equal(said("perhaps"), "Row 1,204 of train: bought was perhaps.");
  assert.equal(truthOf(row, "bought", result), "Row 1,204 of train.");
});

test("a number is off by so much, in the unit and as a share", () => {
  const said = (truth, prediction) => truthOf({ ...row, truth }, "price", { prediction, probabilities: null });
  assert.equal(said(200, 250), "Row 1,204 of train: price was 200; the prediction is 50 (25.0 %) too high.");
  assert.equal(said(-200, -250), "Row 1,204 of train: price was -200; the prediction is 50 (25.0 %) too low.");
  assert.equal(said(0, 5), "Row 1,204 of train: price was 0; the prediction is 5 too high.");
  assert.equal(said(7, 7), "Row 1,204 of train: price was 7, as predicted.");
});

test("an interval stands where it is among all values, with the prediction and the truth in it", () => {
  const places = placesOf({ low: 40, value: 50, high: 60, range: [0, 100], truth: 55 });
  assert.deepEqual(places, { low: 40, value: 50, high: 60, truth: 55, start: 0, end: 100 });
  const beyond = placesOf({ low: 100, value: 150, high: 200, range: [0, 100], truth: null });
  assert.deepEqual([beyond.low, beyond.high, beyond.end, beyond.truth], [50, 100, 200, null]);
  const alone = placesOf({ low: 1, value: 2, high: 3, range: null, truth: null });
  assert.deepEqual([alone.low, alone.value, alone.high], [0, 50, 100]);
  const point = placesOf({ low: 4, value: 4, high: 4, range: null, truth: null });
  assert.deepEqual([point.low, point.value, point.high], [0, 0, 0]);
});

test("a column is found by words of its name in any order", () => {
  const names = ["Sensor 17 (left)", "sensor 171", "Left door"];
  assert.deepEqual(found(names, " left SENSOR "), ["Sensor 17 (left)"]);
  assert.deepEqual(found(names, "17"), names.slice(0, 2));
  assert.deepEqual(found(names, "  "), names);
  assert.deepEqual(found(names, "nothing"), []);
});

test("columns stand by their importance, and unknown ones last as they were", () => {
  const items = [{ feature: "c" }, { feature: "a" }];
  assert.deepEqual(byImportance(["x", "a", "b", "c"], (name) => name, items), ["c", "a", "x", "b"]);
});

test("columns without a control keep a row's values in their type, and false and 0 are no gaps", () => {
  const example = { values: { a: "8.597", b: "0", c: "false", d: "" }, raw: { a: 8.597, b: 0, c: false, d: null } };
  assert.deepEqual(keptOf(["a", "b", "c", "d", "gone"], example), { a: 8.597, b: 0, c: false, d: null, gone: null });
});

class Time {
  set value(text) {
    this.text = text.replace(/:00$/, "");
  }
  get value() {
    return this.text;
  }
}

class List {
  options = [{ value: "" }, { value: "Ulm" }];
  chosen = "";
  add(option) {
    this.options.push(option);
  }
  set value(text) {
    this.chosen = this.options.some((option) => option.value === text) ? text : "";
  }
  get value() {
    return this.chosen;
  }
}

test("an example is what the controls make of it, and a category that a list lacks is added once", () => {
  globalThis.Option = class {
    constructor(text, value) {
      Object.assign(this, { text, value });
    }
  };
  const controls = new Map([["at", new Time()], ["city", new List()], ["note", { value: "" }]]);
  const values = new Map([["at", "2024-05-17T00:30:00"], ["city", "Bonn"], ["note", "\nhello"]]);
  for (let times = 0; times < 2; times += 1) {
    assert.deepEqual([...filledIn(controls, values)], [["at", "2024-05-17T00:30"], ["city", "Bonn"], ["note", "\nhello"]]);
  }
  assert.deepEqual(controls.get("city").options.map((option) => option.value), ["", "Ulm", "Bonn"]);
});
