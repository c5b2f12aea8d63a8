// Results in depth: ROC, precision and recall, calibration, costs of thresholds, and what mattered in a search.
import { base, defineChart, SERIES } from "../charts.js";
import { h, s } from "../dom.js";
import { number, percent } from "../format.js";

const READ = 12;

// A few places along a curve, evenly over its points: those that are read one by one.
function readable(curve) {
  const last = curve.x.length - 1;
  const step = Math.max(1, Math.ceil(last / READ));
  return curve.x.flatMap((x, at) => (at % step === 0 || at === last ? [{ x, y: curve.y[at], label: curve.label }] : []));
}

function legendOf(curves) {
  if (curves.length < 2) return null;
  return h("ul", { class: "chart-legend" }, ...curves.map((curve, at) => h("li", { class: SERIES[at] }, s("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, s("rect", { width: 10, height: 10, rx: 2, fill: "currentColor" })), curve.label)));
}

function curvesChart(across, up, guess, text) {
  return (Plot, spec, { width, colour }) => {
    const curves = spec.curves;
    const points = curves.map(readable);
    const side = Math.round(Math.min(360, Math.max(230, width * 0.72)));
    const share = { domain: [0, 1], tickFormat: (value) => number(Math.round(value * 100)), grid: true };
    const plot = Plot.plot(
      base(width, {
        height: side,
        marginLeft: 44,
        x: { ...share, label: across, ticks: Math.max(3, Math.floor(width / 90)) },
        y: { ...share, label: up, ticks: 5 },
        marks: [
          ...guess(Plot, spec, colour),
          ...curves.map((curve, at) => Plot.line(curve.x, { x: curve.x, y: curve.y, stroke: colour(SERIES[at]), strokeWidth: 2 })),
          ...points.map((some, at) => Plot.dot(some, { x: "x", y: "y", r: 3, fill: colour(SERIES[at]), className: "read-" + at })),
        ],
      }),
    );
    const marks = points.map((some, at) => ({ selector: ".read-" + at + " > *", labels: some.map((point) => point.label + "\n" + text(point)) }));
    return { plot, marks, legend: legendOf(curves) };
  };
}

defineChart(
  "roc",
  curvesChart(
    "False alarms (% of the others)",
    "Found (% of the class)",
    (Plot, spec, colour) => [Plot.line([0, 1], { x: (value) => value, y: (value) => value, stroke: colour("series-7"), strokeDasharray: "4 3" })],
    (point) => percent(point.y) + " found\n" + percent(point.x) + " false alarms",
  ),
);

defineChart(
  "recall",
  curvesChart(
    "Recall: found (%)",
    "Precision: right of what it takes (%)",
    (Plot, spec, colour) => (spec.share === null ? [] : [Plot.ruleY([spec.share], { stroke: colour("series-7"), strokeDasharray: "4 3" })]),
    (point) => percent(point.x) + " found\n" + percent(point.y) + " of what it takes is right",
  ),
);

defineChart("calibration", (Plot, spec, { width, colour }) => {
  const share = { domain: [0, 1], tickFormat: (value) => number(Math.round(value * 100)), grid: true };
  const plot = Plot.plot(
    base(width, {
      height: Math.round(Math.min(360, Math.max(230, width * 0.72))),
      marginLeft: 44,
      x: { ...share, label: "Said (%)", ticks: Math.max(3, Math.floor(width / 90)) },
      y: { ...share, label: "Came true (%)", ticks: 5 },
      marks: [
        Plot.line([0, 1], { x: (value) => value, y: (value) => value, stroke: colour("series-7"), strokeDasharray: "4 3" }),
        Plot.line(spec.bins, { x: "predicted", y: "actual", stroke: colour("series-1"), strokeWidth: 1.5 }),
        Plot.dot(spec.bins, { x: "predicted", y: "actual", r: 5, fill: colour("series-1"), stroke: colour("surface"), className: "bins" }),
      ],
    }),
  );
  const labels = spec.bins.map((bin) => "Said " + percent(bin.predicted) + "\ncame true in " + percent(bin.actual) + "\n" + number(bin.n_rows) + " rows");
  return { plot, marks: [{ selector: ".bins > *", labels }] };
});

defineChart("costs", (Plot, spec, { width, colour }) => {
  const rows = spec.at.map((level, at) => ({ level, cost: spec.costs[at] }));
  const marked = [
    { ...rows[spec.now], what: "The model's own threshold", token: "series-7", symbol: "square" },
    { ...rows[spec.best], what: "The cheapest", token: "series-4", symbol: "diamond2" },
    { ...rows[spec.chosen], what: "Chosen", token: "series-1", symbol: "circle" },
  ];
  const widest = Math.max(...spec.costs.map((cost) => number(Number(cost.toPrecision(3))).length));
  const plot = Plot.plot(
    base(width, {
      height: Math.round(Math.min(260, Math.max(190, width * 0.5))),
      marginLeft: Math.min(110, 22 + 7.2 * widest),
      x: { label: "Threshold (%)", domain: [0, 1], tickFormat: (value) => number(Math.round(value * 100)), ticks: Math.max(3, Math.floor(width / 90)) },
      y: { label: "Cost per 1,000 rows", grid: true, ticks: 5, tickFormat: number },
      marks: [
        Plot.line(rows, { x: "level", y: "cost", stroke: colour("series-1"), strokeWidth: 2 }),
        Plot.ruleX([rows[spec.chosen]], { x: "level", stroke: colour("series-1"), strokeDasharray: "4 3" }),
        Plot.dot(marked, { x: "level", y: "cost", r: 6, fill: (mark) => colour(mark.token), symbol: "symbol", stroke: colour("surface"), className: "marked" }),
      ],
    }),
  );
  const labels = marked.map((mark) => mark.what + "\n" + percent(mark.level) + "\ncosts " + number(Number(mark.cost.toPrecision(4))) + " for 1,000 rows");
  const key = (mark) => h("li", { class: mark.token }, s("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, shape(mark.symbol)), mark.what);
  return { plot, marks: [{ selector: ".marked > *", labels, keys: marked.map((mark) => mark.what) }], legend: h("ul", { class: "chart-legend" }, ...marked.map(key)) };
});

function shape(symbol) {
  if (symbol === "circle") return s("circle", { cx: 5, cy: 5, r: 4.5, fill: "currentColor" });
  if (symbol === "square") return s("rect", { x: 1, y: 1, width: 8, height: 8, fill: "currentColor" });
  return s("path", { d: "M5 0L10 5L5 10L0 5Z", fill: "currentColor" });
}

defineChart("parameters", (Plot, spec, { width, colour }) => {
  const items = spec.items;
  const longest = Math.max(...items.map((item) => Math.min(20, item.parameter.length)), 4);
  const most = Math.max(...items.map((item) => item.importance + item.std));
  const plot = Plot.plot(
    base(width, {
      height: 64 + items.length * 24,
      marginLeft: Math.min(170, 18 + longest * 7.4),
      marginRight: 28,
      x: { label: "Share of the spread of scores (%)", domain: [0, Math.min(1, most * 1.05)], grid: true, ticks: Math.max(2, Math.floor(width / 110)), tickFormat: (value) => number(Math.round(value * 1000) / 10) },
      y: { label: null, domain: items.map((item) => item.parameter), tickFormat: (name) => (name.length > 20 ? name.slice(0, 19) + "…" : name) },
      marks: [
        Plot.barX(items, { x: "importance", y: "parameter", fill: colour("series-2"), insetTop: 4, insetBottom: 4, rx: 2, className: "parameters" }),
        Plot.ruleY(items, { x1: (item) => Math.max(0, item.importance - item.std), x2: (item) => item.importance + item.std, y: "parameter", stroke: colour("foreground"), strokeWidth: 1.25 }),
      ],
    }),
  );
  const labels = items.map((item) => item.parameter + "\n" + percent(item.importance) + " ± " + percent(item.std) + " of the spread\nbest trial: " + String(item.best));
  return { plot, marks: [{ selector: ".parameters > *", labels }] };
});
