// The live monitor: one mark per finished trial, and the best score so far as a line.
import { base, defineChart, percentTicks, SERIES } from "../charts.js";
import { h, s } from "../dom.js";
import { duration, score } from "../format.js";

const SYMBOLS = ["circle", "square2", "triangle", "diamond2", "star", "cross", "times", "wye"];
// The same shapes for the legend, in a box from -8 to 8.
const SHAPES = {
  circle: "M-5,0A5,5 0 1,1 5,0A5,5 0 1,1 -5,0Z",
  square2: "M-4.5,-4.5H4.5V4.5H-4.5Z",
  triangle: "M0,-6L5.5,4H-5.5Z",
  diamond2: "M0,-6L6,0L0,6L-6,0Z",
  star: "M0,-6.5L1.7,-2.2L6.2,-2L2.7,0.9L3.8,5.2L0,2.8L-3.8,5.2L-2.7,0.9L-6.2,-2L-1.7,-2.2Z",
  cross: "M-2,-6H2V-2H6V2H2V6H-2V2H-6V-2H-2Z",
  times: "M-5,-5L5,5M-5,5L5,-5",
  wye: "M0,0V6M0,0L-5,-4M0,0L5,-4",
};
const LINES = new Set(["times", "wye"]);

function legend(families) {
  const items = families.map((family, index) => {
    const symbol = SYMBOLS[index % SYMBOLS.length];
    const paint = LINES.has(symbol) ? { fill: "none", stroke: "currentColor", "stroke-width": "2" } : { fill: "currentColor" };
    const swatch = s("svg", { viewBox: "-8 -8 16 16", "aria-hidden": "true", class: SERIES[index % SERIES.length] });
    swatch.append(s("path", { d: SHAPES[symbol], ...paint }));
    return h("li", {}, swatch, family);
  });
  return h("ul", { class: "chart-legend", "aria-label": "Families of models" }, ...items);
}

// A few hopeless trials must not squeeze the race of the good ones into one line: the axis ends a little below the
// lower quarter, and what lies beyond is drawn on its edge.
function limits(points, steps, greater) {
  const scores = [...points, ...steps].map((point) => point.score).sort((a, b) => (greater ? b - a : a - b));
  const best = scores[0];
  const worst = scores[scores.length - 1];
  if (points.length < 4) return [Math.min(best, worst), Math.max(best, worst)];
  const middle = scores[Math.floor(scores.length * 0.75)];
  const edge = best + (middle - best) * 1.6;
  const far = greater ? Math.max(worst, edge) : Math.min(worst, edge);
  return [Math.min(best, far), Math.max(best, far)];
}

defineChart("trials", (Plot, spec, { width, colour }) => {
  const { points, steps, ensembles, families, metric, end } = spec;
  if (!points.length) return { plot: h("p", { class: "chart-empty" }, spec.empty) };
  const [low, high] = limits(points, steps, metric.greater);
  const room = (high - low || Math.abs(high) * 0.02 || 0.01) * 0.08;
  const inside = (value) => Math.max(low, Math.min(high, value));
  const percent = metric.format === "percent";
  const shown = families.filter((family) => points.some((point) => point.family === family));
  const plot = Plot.plot(
    base(width, {
      height: Math.round(Math.min(360, Math.max(220, width * 0.5))),
      marginLeft: 56,
      x: { label: "Seconds of training", domain: [0, end], ticks: Math.max(3, Math.floor(width / 90)) },
      y: {
        label: metric.title + " in testing" + (percent ? " (%)" : ""),
        domain: metric.greater ? [low - room, high + room] : [high + room, low - room],
        tickFormat: percent ? percentTicks(high - low) : undefined,
        grid: true,
        ticks: 5,
      },
      color: { domain: families, range: families.map((_, index) => colour(SERIES[index % SERIES.length])) },
      symbol: { domain: families, range: families.map((_, index) => SYMBOLS[index % SYMBOLS.length]) },
      marks: [
        Plot.line(steps, { x: "x", y: (step) => inside(step.score), curve: "step-after", stroke: colour("series-7"), strokeWidth: 1.75 }),
        Plot.dot(points, { x: "x", y: (point) => inside(point.score), fill: "family", symbol: "family", r: 4.5, stroke: colour("surface"), strokeWidth: 1 }),
        Plot.dot(steps.filter((step) => step.ensemble), { x: "x", y: (step) => inside(step.score), r: 5, fill: colour("surface"), stroke: colour("foreground"), strokeWidth: 1.5, ariaLabel: "ensemble" }),
        Plot.dot(points.filter((point) => point.best), { x: "x", y: (point) => inside(point.score), r: 8.5, stroke: colour("foreground"), strokeWidth: 1.5, ariaLabel: "champion" }),
      ],
    }),
  );
  const labels = points.map((point) =>
    [point.title + " " + score(point.score, metric.format), "trial " + point.number + (point.seconds ? ", trained in " + duration(point.seconds) : ""), ...point.params].join("\n"),
  );
  return { plot, legend: legend(shown.length ? families : []), marks: [{ selector: '[aria-label="dot"] > *', labels }, { selector: '[aria-label="ensemble"] > *', labels: ensembles }] };
});
