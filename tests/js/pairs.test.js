// Every two columns, how strongly they go together and which way.
import assert from "node:assert/strict";
import { test } from "node:test";
import { leftOut, pairsOf, strongestColumns, withSign } from "../../static/js/dataset/pairs.js";

const FOUND = {
  columns: ["a", "b", "c", "d"],
  matrix: [
    [1, 0.1, 0.9, null],
    [0.1, 1, 0.4, null],
    [0.9, 0.4, 1, null],
    [null, null, null, null],
  ],
  directions: [
    [1, 1, -1, 0],
    [1, 1, 0, 0],
    [-1, 0, 1, 0],
    [0, 0, 0, 0],
  ],
};

test("the strongest pair comes first, whichever way it goes, and what is not known last", () => {
  const pairs = pairsOf(FOUND);
  assert.deepEqual(pairs.slice(0, 3).map(({ first, second, value, direction }) => [first, second, value, direction]), [
    ["a", "c", -0.9, -1],
    ["b", "c", 0.4, 0],
    ["a", "b", 0.1, 1],
  ]);
  assert.equal(pairs.length, 6);
  assert.equal(pairs[5].value, null);
});

test("of more columns than there is room for the strongest are drawn, in the table's order", () => {
  assert.deepEqual(strongestColumns(FOUND, pairsOf(FOUND), 2), [0, 2]);
  assert.deepEqual(strongestColumns(FOUND, pairsOf(FOUND), 3), [0, 1, 2]);
  assert.deepEqual(strongestColumns(FOUND, pairsOf(FOUND), 9), [0, 1, 2, 3]);
});

test("a correlation that has its sign already keeps it", () => {
  assert.equal(withSign(-0.5, -1), -0.5);
  assert.equal(withSign(0.5, -1), -0.5);
  assert.equal(withSign(null, 1), null);
});

test("what is left out is said once, of all columns that there were", () => {
  const columns = Array.from({ length: 60 }, (_, at) => "c" + at);
  const sampled = "Computed from a sample of 83,334 of 250,000 rows.";
  const most = (drawn, all) => "The " + drawn + " of " + all + " columns that go together most are shown.";
  assert.equal(leftOut({ columns, note: most(60, "1,301") + " " + sampled }, 40), most(40, "1,301") + " " + sampled);
  assert.equal(leftOut({ columns, note: sampled }, 40), most(40, 60) + " " + sampled);
  assert.equal(leftOut({ columns, note: null }, 40), most(40, 60));
  assert.equal(leftOut({ columns, note: sampled }, 60), sampled);
  assert.equal(leftOut({ columns, note: null }, 60), "");
});
