// The steps of a recipe while somebody puts them together.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { addSteps, clearDraft, draft, moveStep, openDraft, placeOf, removeStep, replaceStep } from "../../static/js/dataset/draft.js";

const stored = new Map();
const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, text) => stored.set(key, text) };
Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });
const listeners = [];
globalThis.addEventListener = (kind, work) => listeners.push([kind, work]);
let told = 0;
globalThis.dispatchEvent = (event) => {
  assert.equal(event.type, "draft");
  told += 1;
};

function names() {
  return draft().map((step) => step.op);
}

beforeEach(() => {
  stored.clear();
  listeners.length = 0;
  openDraft("one");
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
  assert.equal(replaceStep({ op: "b" }, 1, { op: "x" }), true);
  assert.deepEqual(names(), ["a", "x", "c"]);
  removeStep(0);
  assert.deepEqual(names(), ["x", "c"]);
});

test("a step that is being changed is found where another tab has left it", () => {
  const other = (ops) => {
    stored.set("drafts", JSON.stringify({ one: ops.map((op) => ({ op })) }));
    for (const [kind, work] of listeners) if (kind === "storage") work({ key: "drafts" });
  };
  const cases = [
    [["b", "c"], ["x", "c"], true],
    [["c", "a", "b"], ["c", "a", "x"], true],
    [["b", "a", "b"], ["b", "a", "x"], true],
    [["a", "y", "c"], ["a", "y", "c", "x"], false],
    [[], ["x"], false],
  ];
  for (const [left, right, replaced] of cases) {
    other(left);
    assert.equal(placeOf({ op: "b" }, 2) >= 0, replaced);
    assert.equal(replaceStep({ op: "b" }, 2, { op: "x" }), replaced);
    assert.deepEqual(names(), right);
  }
});

test("who holds the steps of before keeps them as they were", () => {
  const before = draft();
  moveStep(0, 1);
  removeStep(2);
  assert.deepEqual(before.map((step) => step.op), ["a", "b", "c"]);
});

test("a reload finds the steps again, those of each data set apart", () => {
  openDraft("other");
  assert.deepEqual(names(), []);
  addSteps([{ op: "x" }]);
  openDraft("one");
  assert.deepEqual(names(), ["a", "b", "c"]);
  openDraft("other");
  assert.deepEqual(names(), ["x"]);
});

test("a second tab of the same table follows", () => {
  stored.set("drafts", JSON.stringify({ one: [{ op: "y" }] }));
  for (const [kind, work] of listeners) if (kind === "storage") work({ key: "drafts" });
  assert.deepEqual(names(), ["y"]);
});

test("what another tab has made of the steps counts, also where its event never came", () => {
  const other = (ops) => stored.set("drafts", JSON.stringify({ one: ops.map((op) => ({ op })) }));
  const cases = [
    [["z", "a", "b", "c"], () => addSteps([{ op: "d" }]), ["z", "a", "b", "c", "d"]],
    [["z", "a", "b", "c"], () => removeStep(1), ["z", "a", "c"]],
    [["a", "c"], () => removeStep(1), ["a", "c"]],
    [["z", "a", "b", "c"], () => moveStep(1, 0), ["b", "z", "a", "c"]],
    [["a", "c"], () => moveStep(1, 0), ["a", "c"]],
    [["z", "b"], () => replaceStep({ op: "b" }, 1, { op: "x" }), ["z", "x"]],
  ];
  for (const [left, work, right] of cases) {
    openDraft("one");
    clearDraft(draft());
    addSteps([{ op: "a" }, { op: "b" }, { op: "c" }]);
    other(left);
    work();
    assert.deepEqual(names(), right);
  }
});

test("where nothing can be kept the steps stay as long as the page", () => {
  const { setItem, getItem } = storage;
  storage.setItem = () => {
    throw new Error("full");
  };
  addSteps([{ op: "d" }]);
  removeStep(0);
  assert.deepEqual(names(), ["b", "c", "d"]);
  storage.getItem = () => {
    throw new Error("switched off");
  };
  addSteps([{ op: "e" }]);
  assert.deepEqual(names(), ["b", "c", "d", "e"]);
  Object.assign(storage, { setItem, getItem });
});

test("a step that another tab has added while a version was made stays", () => {
  const applied = draft();
  for (const [now, left] of [[["a", "b", "c", "new"], ["new"]], [["new", "c", "b", "a", "b"], ["new", "b"]], [["a", "b"], []]]) {
    stored.set("drafts", JSON.stringify({ one: now.map((op) => ({ op })), other: [{ op: "x" }] }));
    clearDraft(applied);
    assert.deepEqual(names(), left);
    assert.deepEqual(JSON.parse(stored.get("drafts")).other, [{ op: "x" }]);
  }
});

test("what was applied is gone, and of very many drafts the oldest are", () => {
  clearDraft(draft());
  openDraft("one");
  assert.deepEqual(names(), []);
  for (let at = 0; at < 40; at += 1) {
    openDraft("d" + at);
    addSteps([{ op: "a" }]);
  }
  assert.equal(Object.keys(JSON.parse(stored.get("drafts"))).length, 30);
  openDraft("d39");
  assert.deepEqual(names(), ["a"]);
});

test("what is no draft is none", () => {
  for (const text of ["{", "null", "[1]", '{"one": 5}', '{"one": [null, 3, {"op": 1}]}']) {
    stored.set("drafts", text);
    openDraft("one");
    assert.deepEqual(names(), []);
  }
});
