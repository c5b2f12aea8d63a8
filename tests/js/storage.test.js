// What the browser remembers, and that nothing breaks where it may not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { recall, remember } from "../../static/js/storage.js";

function storage(value) {
  Object.defineProperty(globalThis, "localStorage", { value, configurable: true });
}

test("values come back as they went in", () => {
  const kept = new Map();
  storage({ getItem: (key) => kept.get(key) ?? null, setItem: (key, text) => kept.set(key, text) });
  remember("columns", { age: false });
  assert.deepEqual(recall("columns", null), { age: false });
  assert.equal(recall("other", "fallback"), "fallback");
  kept.set("broken", "{");
  assert.equal(recall("broken", 7), 7);
});

test("storage that is switched off or full changes nothing", () => {
  const refuse = () => {
    throw new Error("QuotaExceededError");
  };
  storage({ getItem: refuse, setItem: refuse });
  remember("columns", 1);
  assert.equal(recall("columns", "fallback"), "fallback");
  storage(undefined);
  remember("columns", 1);
  assert.equal(recall("columns", "fallback"), "fallback");
});
