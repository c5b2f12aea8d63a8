// The Deploy page: keys in commands and in their list, and how long requests took.
import assert from "node:assert/strict";
import { test } from "node:test";
import { programWithKey, withKey } from "../../static/js/deploy/command.js";
import { endOf, listed } from "../../static/js/deploy/keys.js";
import { bars, countedWords, figures, quantile, sentence } from "../../static/js/deploy/latency.js";
import { blocksOf, spansOf } from "../../static/js/deploy/markdown.js";

test("a command has the key that was just made in each place, and without one is as it came", () => {
  const keyed = 'a "Bearer $FLOWML_TOKEN" b $FLOWML_TOKEN';
  assert.equal(withKey("plain", keyed, ""), "plain");
  assert.equal(withKey("plain", keyed, "flowml_api_$&"), 'a "Bearer flowml_api_$&" b flowml_api_$&');
});

test("when a key ends is said in days, and what has ended as well", () => {
  const now = 1_800_000_000;
  const at = (days) => new Date((now + days * 86400) * 1000).toISOString();
  assert.deepEqual(
    [null, at(-1), at(0.5), at(1), at(30)].map((expires) => endOf(expires, now)),
    ["ends when it is revoked", "has ended", "ends within a day", "ends in a day", "ends in 30 days"],
  );
});

test("the last key comes first, and the one that is asked about says so", () => {
  const key = { last_used_at: null, expires_at: null };
  const found = listed([{ ...key, id: "a", name: "shop" }, { ...key, id: "b", name: "till" }], "a");
  assert.deepEqual(found.map((one) => one.action), ["Revoke", "Really revoke"]);
  assert.deepEqual(found.map((one) => one.label), ["Revoke till", "Really revoke shop"]);
  assert.equal(found[0].about, "never used, ends when it is revoked");
});

test("a quantile is one of the values", () => {
  const values = [5, 1, 4, 2, 3];
  assert.deepEqual([quantile(values, 0), quantile(values, 0.5), quantile(values, 0.99), quantile([], 0.5)], [1, 3, 5, null]);
  assert.deepEqual(values, [5, 1, 4, 2, 3]);
});

test("the bars hold every request, and the slowest stand in the last one", () => {
  const values = [...Array.from({ length: 199 }, (_, at) => 1 + at / 100), 900];
  const found = bars(values, 10);
  assert.equal(found.length, 10);
  assert.equal(found.reduce((sum, bar) => sum + bar.count, 0), 200);
  assert.ok(found.at(-1).open && found.at(-1).high < 4 && found.at(-1).count > 1);
  assert.deepEqual(bars([2, 2, 2]).map((bar) => [bar.low, bar.count]), [[2, 3]]);
  assert.deepEqual(bars([]), []);
});

test("figures and the sentence below them", () => {
  assert.deepEqual(figures([0.2, 0.1, 0.4]), { p50: "0.20 ms", detail: "median (p50), p99 0.40 ms" });
  assert.match(sentence([0.5, 0.5], [2, 2]), /^2 requests on one connection\. The model has 25 % /);
  assert.equal(sentence([0], [0]), "1 request on one connection.");
});

test("what the server has counted of a model", () => {
  const one = { model_id: "m", requests: 9, rows: 9, errors: 1, p50_ms: 0.25, p95_ms: 2 };
  assert.equal(countedWords([one], "m"), "Since the server started: 10 requests, 1 of them refused or failed; of the latest half took 0.25 ms at most, 95 of 100 2.0 ms.");
  assert.equal(countedWords([{ ...one, rows: 90, errors: 0, p50_ms: null }], "m"), "Since the server started: 9 requests of 90 rows.");
  assert.match(countedWords([one], "other"), /^Nobody has asked/);
});

test("a program has the key that was just made in its environment", () => {
  for (const language of ["python", "curl", "javascript"]) {
    assert.equal(programWithKey(language, "program", ""), "program");
    assert.match(programWithKey(language, "program", "flowml_api_x"), /FLOWML_TOKEN.*flowml_api_x[\s\S]*\nprogram$/);
  }
});

test("a model card is taken apart into what it is written in", () => {
  const card = "# A\n\nOne **bold** and `code`.\n\n- first\n\n- second\n\n| name | n |\n| --- | --- |\n| a\\|b | 1 |\n|  | 2 |\n\n|  |  |\n| --- | --- |\n| x | y |\n\n    POST /x\n    {}\n\n## B\n";
  assert.deepEqual(blocksOf(card), [
    { kind: "heading", level: 1, text: "A" },
    { kind: "paragraph", text: "One **bold** and `code`." },
    { kind: "list", items: ["first", "second"] },
    { kind: "table", head: ["name", "n"], rows: [["a\\|b", "1"], ["", "2"]] },
    { kind: "table", head: null, rows: [["x", "y"]] },
    { kind: "code", text: "POST /x\n{}" },
    { kind: "heading", level: 2, text: "B" },
  ]);
});

test("spans are text, bold or code, and what was escaped is text", () => {
  assert.deepEqual(spansOf("a **b** `c_d` \\*\\*e\\*\\* \\<i\\> f\\_g"), [
    { kind: "text", text: "a " },
    { kind: "strong", text: "b" },
    { kind: "text", text: " " },
    { kind: "code", text: "c_d" },
    { kind: "text", text: " **e** <i> f_g" },
  ]);
  assert.deepEqual(spansOf("\\`x\\` ** open"), [{ kind: "text", text: "`x` ** open" }]);
});
