// Which rows of a long table are drawn, and which of its pages are asked for and kept.
import assert from "node:assert/strict";
import { test } from "node:test";
import { geometry, isNear, PAGE, pagesOf, rowsInSight, spaces, tooMany } from "../../static/js/grid-rows.js";

const ROW = 34;
const SIGHT = 600;

test("a small table is as tall as its rows, and a pixel is a pixel", () => {
  assert.deepEqual(geometry(100, ROW, SIGHT), { height: 3400, scale: 1 });
  assert.deepEqual(geometry(3, ROW, SIGHT), { height: 102, scale: 1 });
  assert.deepEqual(geometry(0, ROW, SIGHT), { height: 0, scale: 1 });
});

test("the scroll bar of a million rows reaches the last of them within what browsers lay out", () => {
  const { height, scale } = geometry(1_000_000, ROW, SIGHT);
  assert.equal(height, 8_000_000);
  const top = (height - SIGHT) * scale;
  assert.ok(Math.abs(top - (1_000_000 * ROW - SIGHT)) < 1e-3);
  assert.equal(rowsInSight(top, 1_000_000, ROW, SIGHT).to, 1_000_000);
});

test("what is drawn covers the sight, wherever one scrolls", () => {
  for (const total of [1, 20, 150, 5_000, 1_000_000]) {
    const place = geometry(total, ROW, SIGHT);
    const whole = total * ROW;
    for (const share of [0, 0.001, 0.37, 0.5, 0.999, 1]) {
      const top = share * Math.max(0, whole - SIGHT);
      const shown = rowsInSight(top, total, ROW, SIGHT);
      assert.ok(shown.from * ROW <= top && shown.to * ROW >= Math.min(whole, top + SIGHT));
      assert.ok(shown.to - shown.from <= Math.ceil(SIGHT / ROW) + 17, "no more rows than are of use");
      const { above, below } = spaces(shown, top, ROW, place);
      const drawn = (shown.to - shown.from) * ROW;
      assert.ok(above >= 0 && below >= 0 && above + drawn + below >= place.height - 1e-6);
      // The row that is uppermost stands where the scroll bar says.
      assert.ok(Math.abs(above + (top - shown.from * ROW) - top / place.scale) < 1e-6 || above === 0);
    }
  }
});

test("nothing is drawn of an empty table, nor beyond the end of one that has shrunk", () => {
  assert.deepEqual(rowsInSight(0, 0, ROW, SIGHT), { from: 0, to: 0 });
  assert.deepEqual(pagesOf({ from: 0, to: 0 }), []);
  const shown = rowsInSight(1_000_000, 10, ROW, SIGHT);
  assert.deepEqual(shown, { from: 10, to: 10 });
});

test("the pages are those of the rows that are drawn", () => {
  assert.equal(PAGE, 100);
  assert.deepEqual(pagesOf({ from: 0, to: 26 }), [0]);
  assert.deepEqual(pagesOf({ from: 92, to: 126 }), [0, 1]);
  assert.deepEqual(pagesOf({ from: 100, to: 200 }), [1]);
});

test("a page that has flown by is not asked for", () => {
  const top = 500 * ROW;
  assert.deepEqual([3, 4, 5, 6].map((page) => isNear(page, top, ROW, SIGHT)), [false, true, true, false]);
  assert.ok(isNear(0, 0, ROW, SIGHT));
});

test("the farthest pages are forgotten, so that the grid stays small", () => {
  const pages = Array.from({ length: 62 }, (_, page) => page);
  assert.deepEqual(tooMany(pages, 61), [0, 1]);
  assert.deepEqual(tooMany(pages, 0), [61, 60]);
  assert.deepEqual(tooMany(pages.slice(0, 60), 0), []);
});
