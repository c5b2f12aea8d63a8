// Work that waits until somebody has stopped typing, and work that is not done too often.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { debounce, throttle } from "../../static/js/dom.js";

test("of several calls at once the last one is done, and only that", async () => {
  const done = [];
  const later = debounce(5, (value) => done.push(value));
  for (const value of [1, 2, 3]) later(value);
  assert.deepEqual(done, []);
  while (!done.length) await pause(5);
  await pause(20);
  assert.deepEqual(done, [3]);
});

test("what is called all the time is done now and then, and once after the last call", async () => {
  let called = 0;
  let seen = 0;
  let runs = 0;
  const work = throttle(30, () => {
    runs += 1;
    seen = called;
  });
  const end = performance.now() + 150;
  while (performance.now() < end) {
    called += 1;
    work();
    await pause(1);
  }
  await pause(60);
  assert.equal(seen, called, "the last call is not lost");
  assert.ok(runs >= 2 && runs <= 7, runs + " runs");
});
