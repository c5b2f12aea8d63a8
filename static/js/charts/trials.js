// The live monitor: one mark per finished trial, and the best score so far as a line.
import { base, defineChart, percentTicks, SERIES } from "../charts.js";
import { h, s } from "../dom.js";
import { duration, score } from "../format.js";
import { isBelow } from "../progress.js";

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

defineChart("trials", (Plot, spec, { width, colour }) => {
  const { points, steps, until, limits, families, metric, end } = spec;
  if (!points.length) return { plot: h("p", { class: "chart-empty" }, spec.empty) };
  const range = Math.abs(limits.best - limits.worst);
  const room = (range || Math.abs(limits.best) * 0.02 || 0.01) * 0.08 * (metric.greater ? 1 : -1);
  const bottom = limits.worst - room;
  const isLow = (point) => isBelow(point.score, limits);
  const y = (point) => (isLow(point) ? bottom : point.score);
  const percent = metric.format === "percent";
  const shown = families.filter((family) => points.some((point) => point.family === family));
  const made = steps.filter((step) => step.made && !isLow(step));
  const madeBelow = steps.filter((step) => step.made && isLow(step));
  const line = steps.length ? [...steps, { ...steps[steps.length - 1], x: until }] : [];
  const inside = points.filter((point) => !isLow(point));
  const below = points.filter(isLow);
  const plot = Plot.plot(
    base(width, {
      height: Math.round(Math.min(360, Math.max(220, width * 0.5))),
      marginLeft: 56,
      x: { label: "Seconds of training", domain: [0, end], ticks: Math.max(3, Math.floor(width / 90)) },
      y: {
        label: metric.title + " in testing" + (percent ? " (%)" : ""),
        domain: [bottom, limits.best + room],
        tickFormat: percent ? percentTicks(range) : undefined,
        grid: true,
        ticks: 5,
      },
      color: { domain: families, range: families.map((_, index) => colour(SERIES[index % SERIES.length])) },
      symbol: { domain: families, range: families.map((_, index) => SYMBOLS[index % SYMBOLS.length]) },
      marks: [
        Plot.line(line, { x: "x", y, curve: "step-after", stroke: colour("series-7"), strokeWidth: 1.75 }),
        Plot.dot(inside, { x: "x", y: "score", fill: "family", symbol: "family", r: 4.5, stroke: colour("surface"), strokeWidth: 1, className: "inside" }),
        Plot.text(below, { x: "x", y: bottom, text: () => "↓", dy: -7, fill: "family", fontSize: 15, fontWeight: 700, className: "below" }),
        Plot.text(madeBelow, { x: "x", y: bottom, text: () => "↓", dy: -7, fill: colour("foreground"), fontSize: 15, fontWeight: 700, className: "made-below" }),
        Plot.dot(made, { x: "x", y, r: 5, fill: colour("surface"), stroke: colour("foreground"), strokeWidth: 1.5, className: "made" }),
        Plot.dot(inside.filter((point) => point.best), { x: "x", y: "score", r: 8.5, stroke: colour("foreground"), strokeWidth: 1.5, className: "champion" }),
      ],
    }),
  );
  const label = (point) =>
    [
      point.title + " " + score(point.score, metric.format) + (isLow(point) ? ", below the chart" : ""),
      "trial " + point.number + " after " + duration(point.x) + (point.seconds ? ", trained in " + duration(point.seconds) : ""),
      ...point.params,
    ].join("\n");
  const labelOfMade = (step) => step.made + " " + score(step.score, metric.format) + (isLow(step) ? ", below the chart" : "") + "\nafter " + duration(step.x);
  const marks = [
    { selector: ".inside > *", labels: inside.map(label) },
    { selector: ".below > *", labels: below.map(label) },
    { selector: ".made > *", labels: made.map(labelOfMade) },
    { selector: ".made-below > *", labels: madeBelow.map(labelOfMade) },
  ];
  return { plot, legend: legend(shown.length ? families : []), marks };
});
