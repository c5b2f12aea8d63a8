// The order of rows by a column, and of what a search finds.
import assert from "node:assert/strict";
import { test } from "node:test";
import { compare, rank, search, sortValue } from "../../static/js/order.js";

function sorted(texts, descending) {
  return [...texts].sort((a, b) => compare(sortValue(a), sortValue(b), descending));
}

test("numbers are sorted as numbers and stand before texts", () => {
  assert.deepEqual(sorted(["10", "9", "b", "-1", "A"], false), ["-1", "9", "10", "A", "b"]);
  assert.deepEqual(sorted(["10", "9", "b", "-1", "A"], true), ["b", "A", "10", "9", "-1"]);
});

test("what is not known stands last either way", () => {
  assert.deepEqual(sorted(["", "2", "1"], false), ["1", "2", ""]);
  assert.deepEqual(sorted(["", "2", "1"], true), ["2", "1", ""]);
  assert.equal(sortValue("0"), 0, "nothing is not zero");
});

test("rows that are equal keep their order", () => {
  const rows = [{ name: "first", value: 1 }, { name: "second", value: 1 }];
  for (const descending of [false, true]) {
    assert.deepEqual([...rows].sort((a, b) => compare(a.value, b.value, descending)), rows);
  }
});

test("a whole word is better than letters that lie apart", () => {
  assert.equal(rank("titanic", "tan"), 2);
  assert.ok(rank("train a new model", "tnm") > rank("train a new model", "new"));
  assert.ok(rank("t-n-m", "tnm") < rank("t---n---m", "tnm"));
  assert.equal(rank("titanic", "xyz"), null);
  assert.equal(rank("ab", "ba"), null, "the letters stand in their order");
});

test("a search finds by title and detail, the best first", () => {
  const items = [
    { title: "Settings", detail: "" },
    { title: "Train", detail: "a model of titanic" },
    { title: "Titanic", detail: "data set" },
  ];
  assert.deepEqual(search(items, " TITANIC ").map((item) => item.title), ["Titanic", "Train"]);
  assert.deepEqual(search(items, ""), items);
  assert.deepEqual(search(items, "zzz"), []);
});
