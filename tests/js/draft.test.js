// The steps of a recipe while somebody puts them together.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { addSteps, draft, moveStep, removeStep, replaceStep } from "../../static/js/dataset/draft.js";

let told = 0;
globalThis.dispatchEvent = (event) => {
  assert.equal(event.type, "draft");
  told += 1;
};

function names() {
  return draft().map((step) => step.op);
}

beforeEach(() => {
  while (draft().length) removeStep(0);
  addSteps([{ op: "a" }, { op: "b" }, { op: "c" }]);
  told = 0;
});

test("steps are added behind the others", () => {
  addSteps([{ op: "d" }, { op: "e" }]);
  assert.deepEqual(names(), ["a", "b", "c", "d", "e"]);
  assert.equal(told, 1);
});

test("a step moves up and down", () => {
  moveStep(0, 2);
  assert.deepEqual(names(), ["b", "c", "a"]);
  moveStep(1, 0);
  assert.deepEqual(names(), ["c", "b", "a"]);
  assert.equal(told, 2);
});

test("a step is replaced or taken out in its place", () => {
  replaceStep(1, { op: "x" });
  assert.deepEqual(names(), ["a", "x", "c"]);
  removeStep(0);
  assert.deepEqual(names(), ["x", "c"]);
});

test("who holds the steps of before keeps them as they were", () => {
  const before = draft();
  moveStep(0, 1);
  removeStep(2);
  assert.deepEqual(before.map((step) => step.op), ["a", "b", "c"]);
});
