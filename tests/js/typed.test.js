// What people type, as the values that it stands for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { listOf, mappingOf, numberOf, numberOrText, valueOf } from "../../static/js/typed.js";

test("a number is one in any way of writing it with a point", () => {
  for (const [text, value] of [["12", 12], [" -1.5 ", -1.5], ["+3", 3], [".5", 0.5], ["2.", 2], ["1e3", 1000], ["1E-2", 0.01]]) {
    assert.equal(numberOrText(text), value, text);
    assert.equal(numberOf(text), value, text);
  }
});

test("what is no number stays the text that it is", () => {
  for (const text of ["", "abc", "1.2.3", "0x10", "Infinity", "1e999", "1 2", "e5", "."]) {
    assert.equal(numberOrText(text), text);
    assert.equal(numberOf(text), null, text);
  }
});

test("a comma is a decimal sign where it can be nothing else", () => {
  assert.equal(numberOf("3,5"), 3.5);
  assert.equal(numberOf("-0,125"), -0.125);
  assert.equal(numberOf("1,2345"), 1.2345);
  assert.equal(numberOf("1,234"), null, "a thousand to some, little more than one to others");
  assert.equal(numberOrText("3,5"), "3,5");
});

test("a field of a model takes what its column holds", () => {
  const number = { kind: "number", role: "numeric" };
  const text = { kind: "text", role: "categorical" };
  const flag = { kind: "choice", role: "boolean" };
  assert.equal(valueOf(number, "3,5"), 3.5);
  assert.equal(valueOf(number, "many"), "many");
  assert.equal(valueOf(number, "  "), null);
  assert.equal(valueOf(text, "007"), "007");
  assert.equal(valueOf(text, " x "), " x ");
  assert.equal(valueOf(flag, "true"), true);
  assert.equal(valueOf(flag, "false"), false);
  assert.equal(valueOf(flag, "1"), 1);
  assert.equal(valueOf(text, "true"), "true");
});

test("a list has no empty parts, and none is nothing", () => {
  assert.deepEqual(listOf(" a\n\n b c \n", "\n"), ["a", "b c"]);
  assert.deepEqual(listOf("4, 2,,2", ","), ["4", "2", "2"]);
  assert.equal(listOf(" , ", ","), undefined);
});

test("values become numbers where all do, and an empty one is missing", () => {
  assert.deepEqual(mappingOf([["yes", "1"], ["no", "0"], ["?", ""]]), { yes: 1, no: 0, "?": null });
  assert.deepEqual(mappingOf([["yes", "1"], ["no", "none"]]), { yes: "1", no: "none" });
  assert.deepEqual(mappingOf([["same", "same"], ["", "x"], ["a", "b"]]), { a: "b" });
  assert.deepEqual(mappingOf([["a", " "]]), { a: null });
  assert.equal(mappingOf([["", ""], ["same", "same"]]), undefined);
});
