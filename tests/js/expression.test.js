// Columns that are offered while one writes an expression, and the place that an error means.
import assert from "node:assert/strict";
import { test } from "node:test";
import { marked, offered, wordBefore } from "../../static/js/dataset/expression.js";
import { inExpression } from "../../static/js/dataset/operations.js";

test("columns are offered by the word that is being written", () => {
  const names = ["price", "Price net", "größe", "age"];
  assert.deepEqual(offered(names, "2 * pri"), ["price", "Price net"]);
  assert.deepEqual(offered(names, "1 + GRÖ"), ["größe"]);
  assert.deepEqual(offered(names, "age + "), names, "between two words, all");
  assert.deepEqual(offered(names, "xyz"), names, "where none fits, all");
  assert.equal(offered(Array.from({ length: 100 }, (_, at) => "c" + at), "").length, 24);
  assert.equal(wordBefore("a + größe_2"), "größe_2");
});

test("a name with signs or a word of the language stands in backticks", () => {
  assert.equal(inExpression("größe_2"), "größe_2");
  assert.equal(inExpression("net price"), "`net price`");
  assert.equal(inExpression("2nd"), "`2nd`");
  assert.equal(inExpression("a`b"), "`a``b`");
  assert.equal(inExpression("Not"), "`Not`");
});

test("what a sentence means is marked", () => {
  const at = (place) => "It is wrong (character " + place + " of the expression).";
  assert.deepEqual(marked(at(5), "a + beta * 2"), ["a + ", "beta", " * 2"]);
  assert.deepEqual(marked(at(1), "`net price` + 1"), ["", "`net price`", " + 1"]);
  assert.deepEqual(marked(at(3), "a ? b"), ["a ", "?", " b"]);
  assert.deepEqual(marked(at(4), "a +"), ["a +", "", ""], "at the end nothing is left to mark");
  assert.deepEqual(marked(at(8), '"😀👍" + 😀'), ['"😀👍" + ', "😀", ""], "a sign may be two to JavaScript");
  assert.equal(marked("There is no column x.", "x"), null);
});
