// Thresholds in money: what 1,000 rows cost at each of them, and where that is least. The server works it out in the same
// way (flowml/services/insight/costs.py).
import { fixed, number } from "./format.js";

// A cost of each threshold, per 1,000 rows; what a hit brings counts against it.
export function costsOf(threshold, { miss, alarm, hit }) {
  return threshold.at.map((_, at) => {
    const rows = threshold.tp[at] + threshold.fp[at] + threshold.fn[at] + threshold.tn[at];
    return (1000 * (miss * threshold.fn[at] + alarm * threshold.fp[at] - hit * threshold.tp[at])) / (rows || 1);
  });
}

// Where it is least: of equal ones the one in the middle.
export function cheapest(costs) {
  const least = Math.min(...costs);
  const widest = Math.max(1, ...costs.map(Math.abs));
  const best = costs.flatMap((cost, at) => (cost <= least + 1e-9 * widest ? [at] : []));
  return best[Math.floor(best.length / 2)];
}

// The place of the threshold that is nearest to a probability.
export function placeOf(threshold, level) {
  let nearest = 0;
  threshold.at.forEach((value, at) => {
    if (Math.abs(value - level) < Math.abs(threshold.at[nearest] - level)) nearest = at;
  });
  return nearest;
}

// With a digit after the point, with more near 0 and 1, where what is rare is decided.
export function levelText(level) {
  const shown = Number((level * 100).toPrecision(6));
  if (shown === Math.round(shown)) return fixed(shown, 0) + " %";
  const left = Math.min(shown, 100 - shown);
  return fixed(shown, left >= 1 ? 1 : Math.min(4, 1 - Math.floor(Math.log10(left)))) + " %";
}

// How many of 1,000 rows come to this at a place.
export function perThousand(threshold, name, at) {
  const rows = threshold.tp[at] + threshold.fp[at] + threshold.fn[at] + threshold.tn[at];
  const count = (1000 * threshold[name][at]) / (rows || 1);
  return number(count < 10 ? Math.round(count * 10) / 10 : Math.round(count));
}

export function moneyText(cost) {
  const shown = Math.abs(cost) >= 100 ? Math.round(cost) : Number(cost.toPrecision(3));
  return shown < 0 ? "a gain of " + number(-shown) : number(shown);
}

// What to do, in words.
export function advice(threshold, costs) {
  const best = cheapest(costs);
  const now = placeOf(threshold, threshold.current);
  const how = threshold.tp[best] + threshold.fp[best] > 0 ? "to predict “" + threshold.label + "” from " + levelText(threshold.at[best]) + " on: " : "never to predict “" + threshold.label + "”: ";
  const least = "Cheapest is " + how + moneyText(costs[best]) + " for 1,000 rows.";
  const saved = costs[now] - costs[best];
  if (saved <= 0.005 * Math.max(Math.abs(costs[now]), 1e-9)) return least + " The model's own threshold, " + levelText(threshold.current) + ", is as good.";
  return least + " The model's own, " + levelText(threshold.current) + ", costs " + moneyText(costs[now]) + ", which is " + moneyText(saved) + " more.";
}
