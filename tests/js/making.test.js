// A version in the making outlives its page and its connection, and is made once.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { madeMeanwhile, makeVersion } from "../../static/js/dataset/making.js";

const stored = new Map();
const storage = { getItem: (key) => stored.get(key) ?? null, setItem: (key, text) => stored.set(key, text) };
Object.defineProperty(globalThis, "localStorage", { value: storage, configurable: true });

const STEPS = [{ op: "fill", column: "a" }];
const LEARNED = [{ op: "fill", column: "a", value: 3 }];
let children = [];
let asked = [];
// What becomes of the next request for a version: it is made or not, and its answer arrives or not.
let next = {};

globalThis.fetch = async (url, { method, body }) => {
  asked.push(method + " " + url);
  if (method === "GET") return { ok: true, status: 200, text: async () => JSON.stringify({ versions: [], children }) };
  const { made = true, status = 200 } = next;
  const dataset = { id: "v" + (children.length + 1), columns: [] };
  if (made) children.push({ dataset, steps: JSON.parse(body).operations.map((step) => ({ operation: { ...step, value: 3 } })) });
  if (!status) throw new TypeError("lost");
  return { ok: status === 200, status, text: async () => JSON.stringify(status === 200 ? dataset : { detail: "No." }) };
};

beforeEach(() => {
  stored.clear();
  [children, asked, next] = [[], [], {}];
});

test("the same steps make two versions where somebody wants them twice", async () => {
  assert.equal((await makeVersion("d", STEPS, LEARNED)).id, "v1");
  assert.equal((await makeVersion("d", STEPS, LEARNED)).id, "v2");
  assert.deepEqual(asked, ["POST /api/datasets/d/transform", "POST /api/datasets/d/transform"]);
  assert.equal(await madeMeanwhile("d"), null);
});

test("a version whose answer never came is found, and not made again", async () => {
  for (const status of [0, 502]) {
    next = { status };
    await assert.rejects(makeVersion("d", STEPS, LEARNED));
    next = {};
    assert.equal((await makeVersion("d", STEPS, LEARNED)).id, "v" + children.length);
    assert.equal(await madeMeanwhile("d"), null, "found once");
  }
  assert.equal(children.length, 2);
  next = { status: 0 };
  await assert.rejects(makeVersion("d", STEPS, LEARNED));
  assert.equal(await madeMeanwhile("other"), null);
  assert.deepEqual(await madeMeanwhile("d"), { dataset: children.at(-1).dataset, steps: STEPS });
});

test("what was not made is made when it is asked for again, and something else at once", async () => {
  next = { status: 0, made: false };
  await assert.rejects(makeVersion("d", STEPS, LEARNED));
  assert.equal(await madeMeanwhile("d"), null);
  next = {};
  await makeVersion("d", STEPS, LEARNED);
  assert.equal(children.length, 1);
  next = { status: 0 };
  await assert.rejects(makeVersion("d", STEPS, LEARNED));
  [next, asked] = [{}, []];
  await makeVersion("d", [{ op: "x" }], [{ op: "x", value: 3 }]);
  assert.deepEqual(asked, ["POST /api/datasets/d/transform"]);
});

test("who was refused is not looked for", async () => {
  next = { status: 422, made: false };
  await assert.rejects(makeVersion("d", STEPS, LEARNED));
  asked = [];
  assert.equal(await madeMeanwhile("d"), null);
  assert.deepEqual(asked, []);
});

test("what is no mark is none", async () => {
  for (const text of ["{", "null", "[1]", '{"d": 5}', '{"d": {}}', "7"]) {
    stored.set("making", text);
    assert.equal(await madeMeanwhile("d"), null);
  }
});
