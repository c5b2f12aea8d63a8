// The bars of a column's frequent values.
import assert from "node:assert/strict";
import { test } from "node:test";

globalThis.addEventListener = () => undefined;
globalThis.ResizeObserver = class {};
const { drawCategories } = await import("../../static/js/charts/distribution.js");
const { spreadChart } = await import("../../static/js/dataset/spread.js");

// Stands in for Observable Plot: what it is asked to draw.
const Plot = { plot: (options) => options, barX: (bars) => bars, text: (bars) => bars, ruleX: () => null };

function drawn(n, other) {
  const counts = Array.from({ length: n }, () => 2);
  const { spec } = spreadChart("city", { kind: "categories", values: counts.map((_, at) => "v" + at), counts, other, missing: 0 });
  return drawCategories(Plot, spec, { width: 600, colour: (token) => token });
}

test("what is in none of the twenty frequent values has a bar too", () => {
  for (const [n, other, bars] of [[20, 60, 21], [20, 0, 20], [3, 4, 4]]) {
    const { plot, marks } = drawn(n, other);
    assert.equal(plot.marks[0].length, bars);
    assert.equal(plot.y.domain.length, bars);
    assert.equal(marks[0].labels.length, bars);
  }
  assert.match(drawn(20, 60).marks[0].labels[20], /^all others\n60 rows \(60\.0\s%\)$/);
});
