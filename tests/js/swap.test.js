// A part of the page is not swapped while somebody is busy in it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { swapper } from "../../static/js/swap.js";

function head() {
  const state = { busy: false, written: "first", shown: [], loading: () => undefined };
  const load = async () => {
    state.loading();
    return state.written;
  };
  return Object.assign(state, swapper(() => state.busy, load, (next) => state.shown.push(next)));
}

test("a part is swapped at once where nobody is busy in it", async () => {
  const part = head();
  await part.refresh();
  await part.resume();
  assert.deepEqual(part.shown, ["first"]);
});

test("while a name is typed the part stays, and is swapped once afterwards, as it is by then", async () => {
  const part = head();
  part.busy = true;
  await part.refresh();
  await part.refresh();
  await part.resume();
  assert.deepEqual(part.shown, []);
  part.busy = false;
  part.written = "second";
  await part.resume();
  await part.resume();
  assert.deepEqual(part.shown, ["second"]);
});

test("who begins to type while the part is on its way keeps the old one", async () => {
  const part = head();
  part.loading = () => (part.busy = true);
  await part.refresh();
  assert.deepEqual(part.shown, []);
  part.loading = () => undefined;
  part.busy = false;
  await part.resume();
  assert.deepEqual(part.shown, ["first"]);
});
