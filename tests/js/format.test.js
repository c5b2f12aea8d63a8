// Numbers as people read them where the server has no twin; the others are compared in test_twins.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, number, seconds, signed } from "../../static/js/format.js";

test("a minus is a minus sign", () => {
  assert.equal(signed(-0.256, 2), "−0.26");
  assert.equal(signed(0.5, 1), "0.5");
});

test("a whole number of more digits than a number has stays as it came", () => {
  assert.equal(number("9007199254740993"), "9007199254740993");
  assert.equal(number(Number.NaN), "–");
  assert.equal(number(undefined), "–");
});

test("times come as seconds or as texts", () => {
  assert.equal(seconds(12.5), 12.5);
  assert.equal(seconds("1970-01-01T00:01:00Z"), 60);
  assert.equal(ago("1970-01-01T00:01:00Z", 60 + 7200), "2 h ago");
});

test("what is long ago stands with its day", () => {
  assert.equal(ago(0, 29 * 86400), "29 days ago");
  assert.equal(ago(0, 40 * 86400), "1970-01-01");
});
