// Cards of suggestions and ideas: whose they are when another column is to be predicted, or a model is asked again.
import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";

const PAGE = new URL("./page.js", import.meta.url).href;
const STUBS = /\/(alpine|info|change|draft|dom|charts|gains|http|toasts|status)\.js$/;
register("data:text/javascript," + encodeURIComponent(`export const resolve = (name, context, next) => (${STUBS}.test(name) ? { url: ${JSON.stringify(PAGE)}, shortCircuit: true } : next(name, context));`));
// What looks again later keeps no test waiting.
const after = globalThis.setTimeout;
globalThis.setTimeout = (work, milliseconds) => after(work, milliseconds).unref();
globalThis.location = { search: "", hash: "" };
globalThis.document = { activeElement: null };
const { part, served } = await import("./page.js");
await import("../../static/js/assistant/ideas.js");
await import("../../static/js/assistant/cleaning.js");

const [X, Y] = [{ op: "derive", column: "x" }, { op: "derive", column: "y" }];
const suggestion = (title, operation) => ({ title, reason: "Because.", operations: [operation], facts: [], marks: [], elsewhere: [], effect: null, code: null });
const answer = (...suggestions) => ({ suggestions, dropped: [], model: "m", where: "this machine" });
const running = (operation) => ({ id: "t1", status: "running", operations: [operation], titles: ["X"], folds: 10, folds_done: 3, ended_at: null });
const problem = (status) => Object.assign(new Error("It is gone."), { status });

function ideas(own = [], last = null) {
  const tries = [];
  const { found, lists } = part("ideas", ["own", "model", "others", "dropped", "by-itself"]);
  found.name = "a";
  served.get = async (url) => (url.startsWith("/api/llm/try") ? { many: "", items: [...tries] } : url.includes("own/ideas") ? { ideas: own, by_itself: [] } : { last });
  const button = (item) => item.all("button").find((one) => one.attributes["aria-label"].startsWith("Try it"));
  return { found, lists, tries, button };
}

async function answers(found, ...suggestions) {
  served.post = async () => answer(...suggestions);
  await found.ask();
  clearTimeout(found.later);
}

async function tries(found, list, item) {
  served.post = async (url, body) => {
    list.push(running(body.operations[0]));
    return list.at(-1);
  };
  await item.all("button").find((one) => one.attributes["aria-label"].startsWith("Try it")).attributes.onclick();
  clearTimeout(found.later);
}

test("an idea that is being tried stays when the model is asked again and has another one", async () => {
  const { found, lists, tries: open } = ideas();
  await answers(found, suggestion("X", X));
  await tries(found, open, lists.model.children[0]);
  await answers(found, suggestion("Y", Y));
  assert.match(lists.model.textContent, /^ *Y/);
  assert.match(lists.others.textContent, /X.*Fold 4 of 10/);
  assert.ok(found.someOthers);
  open[0] = { ...open[0], folds_done: 5 };
  await found.look();
  clearTimeout(found.later);
  assert.match(lists.others.textContent, /Fold 6 of 10/);
  // It comes back where the model has it again, and stands there once.
  await answers(found, suggestion("X", X));
  assert.match(lists.model.textContent, /X.*Fold 6 of 10/);
  assert.equal(lists.others.childElementCount, 0);
  // Taken away elsewhere, it can be tried again.
  await answers(found, suggestion("Y", Y));
  open.length = 0;
  await found.look();
  assert.equal(lists.others.childElementCount, 0);
  assert.equal(found.cards().size, 1);
});

test("an idea that FlowML has as well is tried in one place", async () => {
  const { found, lists, tries: open, button } = ideas([{ title: "X", reason: "", operations: [X] }], { made_at: 1, stale: "", suggestions: answer(suggestion("X", X)) });
  await found.load();
  const [own, other] = [lists.own.children[0], lists.model.children[0]];
  assert.equal(button(other), undefined);
  assert.match(other.textContent, /The model.*Because.*FlowML has the same idea/);
  await tries(found, open, own);
  assert.match(own.textContent, /Fold 4 of 10/);
  assert.ok(button(own).disabled);
});

test("what is gone is not asked for again and again, and no error of a page is hidden", async () => {
  const { found } = ideas();
  served.get = async () => Promise.reject(problem(404));
  await found.look();
  assert.deepEqual([found.problem, found.later], ["It is gone.", 0]);
  served.get = async () => Promise.reject(problem(0));
  await found.look();
  assert.notEqual(found.later, 0);
  clearTimeout(found.later);
  found.later = 0;
  served.get = async () => ({ many: "", items: [{ ...running(X), status: "finished", outcome: { verdict: "helps" } }] });
  await assert.rejects(found.look(), TypeError);
  assert.equal(found.later, 0);
  served.get = async () => ({ last: { suggestions: null } });
  await assert.rejects(found.remember(new AbortController().signal), TypeError);
});

test("what was asked for one column to predict is not shown for another one", async () => {
  const { found, lists } = part("cleaning", ["own", "model", "suggestions-dropped"]);
  served.target = "a";
  served.get = async (url) => (url.includes("/last") ? { last: url.includes("target=b") ? { made_at: 1, stale: "", suggestions: answer(suggestion("Kept for b", X)) } : null } : { issues: [] });
  await found.load();
  found.modelProblem = "It is too slow.";
  const waiting = [];
  served.post = (url, body, signal) => new Promise((resolve) => waiting.push({ signal, come: () => resolve(answer(suggestion("For " + body.target, X))) }));
  const asking = found.ask();
  served.target = "b";
  await found.load();
  await new Promise(setImmediate);
  assert.ok(waiting[0].signal.aborted);
  assert.deepEqual([found.asking, found.stopped, found.modelProblem], [false, false, ""]);
  assert.match(lists.model.textContent, /Kept for b/);
  // Whatever comes of it, and when.
  waiting[0].come();
  await asking;
  assert.match(lists.model.textContent, /Kept for b/);
  const again = found.ask();
  waiting[1].come();
  await again;
  assert.match(lists.model.textContent, /For b/);
  assert.equal(found.asking, false);
});
