// One model: what it looks at, and its score in each fold.
import { base, defineChart, percentTicks } from "../charts.js";
import { number, percent, score } from "../format.js";

function short(text) {
  return text.length > 20 ? text.slice(0, 19) + "…" : text;
}

defineChart("importance", (Plot, spec, { width, colour }) => {
  const items = spec.items;
  const text = (value) => (spec.percent ? percent(value, 2) : number(value));
  const longest = Math.max(...items.map((item) => short(item.feature).length), 4);
  const plot = Plot.plot(
    base(width, {
      height: 64 + items.length * 26,
      marginLeft: Math.min(160, 18 + longest * 7.2),
      marginRight: 28,
      x: { label: "Loss of " + spec.metric + (spec.percent ? " (percentage points)" : ""), grid: true, ticks: Math.max(2, Math.floor(width / 110)), tickFormat: spec.percent ? (value) => number(value * 100) : number },
      y: { label: null, domain: items.map((item) => item.feature), tickFormat: short },
      marks: [
        Plot.barX(items, { x: "importance", y: "feature", fill: colour("series-1"), insetTop: 4, insetBottom: 4, rx: 2 }),
        Plot.ruleY(items, { x1: (item) => item.importance - item.std, x2: (item) => item.importance + item.std, y: "feature", stroke: colour("foreground"), strokeWidth: 1.25 }),
        Plot.ruleX([0], { stroke: colour("control") }),
      ],
    }),
  );
  const labels = items.map((item) => item.feature + "\n" + text(item.importance) + " ± " + text(item.std));
  return { plot, marks: [{ selector: '[aria-label="bar"] rect', labels }] };
});

defineChart("folds", (Plot, spec, { width, colour }) => {
  const folds = spec.scores.map((value, index) => ({ value, fold: index + 1 }));
  const low = Math.min(...spec.scores);
  const high = Math.max(...spec.scores);
  const room = (high - low || Math.abs(high) * 0.02 || 0.01) * 0.15;
  const inPercent = spec.format === "percent";
  const plot = Plot.plot(
    base(width, {
      height: 96 + folds.length * 20,
      marginLeft: 48,
      marginRight: 28,
      x: {
        label: spec.metric + (inPercent ? " (%)" : ""),
        domain: [low - room, high + room],
        grid: true,
        ticks: Math.max(3, Math.floor(width / 100)),
        tickFormat: inPercent ? percentTicks(high - low) : undefined,
      },
      y: { label: "Fold", domain: folds.map((fold) => fold.fold), type: "point" },
      marks: [
        Plot.ruleX([spec.mean], { stroke: colour("series-2"), strokeDasharray: "4 3", strokeWidth: 1.5 }),
        Plot.text([spec.mean], { x: (value) => value, frameAnchor: "top", dy: -12, text: (value) => "mean " + score(value, spec.format), fill: colour("series-2") }),
        Plot.dot(folds, { x: "value", y: "fold", r: 6, fill: colour("series-1") }),
      ],
    }),
  );
  const labels = folds.map((fold) => "Fold " + fold.fold + "\n" + spec.metric + " " + score(fold.value, spec.format));
  return { plot, marks: [{ selector: '[aria-label="dot"] > *', labels }] };
});
