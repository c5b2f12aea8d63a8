// Names in a chart.
import assert from "node:assert/strict";
import { test } from "node:test";
import { placed } from "../../static/js/charts/labels.js";

const titles = (points, width = 700) => placed(points, width).map((point) => point.title);

test("no name lies over another, however long it is", () => {
  const long = "Histogram gradient boosting";
  assert.deepEqual(titles([{ title: "Ensemble", x: 300, y: 100 }, { title: long, x: 430, y: 104 }, { title: long, x: 330, y: 100 }]), ["Ensemble", long]);
  assert.deepEqual(titles([{ title: long, x: 300, y: 100 }, { title: long, x: 460, y: 110 }]), [long]);
  assert.deepEqual(titles([{ title: long, x: 300, y: 100 }, { title: long, x: 300, y: 130 }]), [long, long]);
});

test("a name stays within the chart", () => {
  assert.deepEqual(placed([{ title: "Ensemble of all", x: 2, y: 0 }, { title: "Ensemble of all", x: 695, y: 0 }, { title: "k", x: 350, y: 0 }], 700).map((point) => point.anchor), ["start", "end", "middle"]);
});
