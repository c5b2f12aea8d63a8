import assert from "node:assert/strict";
import test from "node:test";

import { advice, cheapest, costsOf, levelText, moneyText, perThousand, placeOf } from "../../static/js/thresholds.js";

const threshold = { label: "yes", current: 0.5, at: [0.1, 0.5, 0.9], tp: [2, 2, 1], fp: [2, 1, 0], fn: [0, 0, 1], tn: [0, 1, 2] };

test("costs are per 1,000 rows and a hit counts against them", () => {
  assert.deepEqual(costsOf(threshold, { miss: 50, alarm: 5, hit: 0 }), [2500, 1250, 12500]);
  assert.deepEqual(costsOf(threshold, { miss: 50, alarm: 5, hit: 10 }), [-2500, -3750, 10000]);
});

test("of equally cheap thresholds the one in the middle is taken", () => {
  assert.equal(cheapest([3, 1, 1, 1, 2]), 2);
  assert.equal(cheapest([0, 0]), 1);
});

test("what to do is said in words", () => {
  const best = advice(threshold, costsOf(threshold, { miss: 50, alarm: 5, hit: 0 }));
  assert.equal(best, "Cheapest is to predict “yes” from 50 % on: 1,250 for 1,000 rows. The model's own threshold, 50 %, is as good.");
  const dear = advice(threshold, costsOf(threshold, { miss: 0, alarm: 5, hit: 0 }));
  assert.equal(dear, "Cheapest is to predict “yes” from 90 % on: 0 for 1,000 rows. The model's own, 50 %, costs 1,250, which is 1,250 more.");
});

test("never to predict a class may be cheapest", () => {
  const never = { ...threshold, at: [...threshold.at, 1], tp: [...threshold.tp, 0], fp: [...threshold.fp, 0], fn: [...threshold.fn, 2], tn: [...threshold.tn, 2] };
  const words = advice(never, costsOf(never, { miss: 1, alarm: 50, hit: -100 }));
  assert.match(words, /^Cheapest is never to predict “yes”: 500 for 1,000 rows\./);
});

test("figures read as people write them", () => {
  assert.equal(placeOf(threshold, 0.52), 1);
  assert.equal(levelText(0.0913), "9.1 %");
  assert.equal(levelText(0.5), "50 %");
  assert.equal(levelText(0.000777), "0.078 %");
  assert.equal(levelText(0.999923), "99.9923 %");
  assert.equal(perThousand(threshold, "fp", 1), "250");
  assert.equal(moneyText(-1250.4), "a gain of 1,250");
  assert.equal(moneyText(3.14159), "3.14");
});
