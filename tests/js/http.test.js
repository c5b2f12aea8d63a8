// Calls to the server: what comes back, and what is said when nothing does.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { call, get, post, Problem, problemOf, said } from "../../static/js/http.js";

const fetched = globalThis.fetch;
afterEach(() => (globalThis.fetch = fetched));

function answers(status, text) {
  const calls = [];
  globalThis.fetch = async (url, options) => {
    calls.push([url, options]);
    return new Response(status === 204 ? null : text, { status });
  };
  return calls;
}

test("a body goes as JSON, and JSON comes back", async () => {
  const calls = answers(200, '{"id": "x", "share": 0.5}');
  assert.deepEqual(await post("/api/things", { a: 1 }), { id: "x", share: 0.5 });
  const [url, options] = calls[0];
  assert.deepEqual([url, options.method, options.body], ["/api/things", "POST", '{"a":1}']);
  assert.equal(options.headers["Content-Type"], "application/json");
  await get("/api/things");
  assert.equal(calls[1][1].body, undefined);
});

test("an empty answer is nothing", async () => {
  answers(204, "");
  assert.equal(await call("DELETE", "/api/things/1"), null);
});

test("a refusal is a problem in words, with what to do and where it is", async () => {
  answers(422, '{"title": "Wrong", "detail": "The target is missing.", "hint": "Choose one.", "errors": [{"field": "target", "message": "missing"}]}');
  await assert.rejects(get("/api/things"), (problem) => {
    assert.ok(problem instanceof Problem);
    assert.deepEqual([problem.status, problem.fields[0].field], [422, "target"]);
    assert.equal(said(problem), "The target is missing. Choose one.");
    return true;
  });
});

test("an answer that is no JSON still says something", async () => {
  const problem = await problemOf(502, "<html>Bad gateway</html>");
  assert.equal(said(problem), "The server answered with an error (502).");
  assert.deepEqual(problem.fields, []);
});

test("a server that does not answer is said so; a call that was given up is not a problem", async () => {
  globalThis.fetch = async () => {
    throw new TypeError("fetch failed");
  };
  await assert.rejects(get("/api/things"), /does not answer/);
  globalThis.fetch = async () => {
    throw new DOMException("given up", "AbortError");
  };
  await assert.rejects(get("/api/things"), { name: "AbortError" });
});

test("a whole number with more digits than a number has stays as it was written", async () => {
  answers(200, '{"big": 90071992547409931, "small": 12, "part": 0.1}');
  const { big, small, part } = await get("/api/things");
  assert.deepEqual([small, part], [12, 0.1]);
  const isShown = JSON.parse("1", (_, value, context) => Boolean(context?.source));
  assert.equal(big, isShown ? "90071992547409931" : Number("90071992547409931"));
});
