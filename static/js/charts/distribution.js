// How the values of one column are distributed: a histogram, or one bar per category.
import { base, defineChart } from "../charts.js";
import { number, percent, plural } from "../format.js";

function edge(value) {
  return typeof value === "number" ? number(value) : String(value).slice(0, 10);
}

// A bin from a half below a whole number to a half above it stands for that number.
export function wholeNumber(bin) {
  return typeof bin.low === "number" && Math.abs(bin.low % 1) === 0.5 && bin.high === bin.low + 1;
}

defineChart("histogram", (Plot, spec, { width, colour }) => {
  const dates = spec.bins.length > 0 && typeof spec.bins[0].low === "string";
  const bins = spec.bins.map((bin) => ({
    low: dates ? new Date(bin.low) : bin.low,
    high: dates ? new Date(bin.high) : bin.high,
    count: bin.count,
  }));
  const plot = Plot.plot(
    base(width, {
      height: Math.min(260, Math.max(180, width * 0.45)),
      marginLeft: 52,
      x: { label: spec.column, type: dates ? "utc" : "linear", ticks: Math.max(3, Math.floor(width / 90)) },
      y: { label: "Rows", grid: true, tickFormat: number },
      marks: [
        Plot.rectY(bins, { x1: "low", x2: "high", y: "count", fill: colour("series-1"), insetLeft: 0.5, insetRight: 0.5, rx: 1.5 }),
        Plot.ruleY([0], { stroke: colour("control") }),
      ],
    }),
  );
  const name = (bin) => (wholeNumber(bin) ? edge(bin.low + 0.5) : edge(bin.low) + " to " + edge(bin.high));
  const labels = spec.bins.map((bin) => name(bin) + "\n" + plural(bin.count, "row"));
  return { plot, marks: [{ selector: '[aria-label="rect"] rect', labels }] };
});

function short(text) {
  return text.length > 18 ? text.slice(0, 17) + "…" : text;
}

// A bar for each that the server has counted: the frequent values, and all others together.
export function drawCategories(Plot, spec, { width, colour }) {
  const { bars } = spec;
  const total = bars.reduce((sum, bar) => sum + bar.count, 0);
  const longest = Math.max(...bars.map((bar) => short(bar.value).length), 4);
  const plot = Plot.plot(
    base(width, {
      height: 64 + bars.length * 26,
      marginLeft: Math.min(150, 18 + longest * 7),
      marginRight: 56,
      x: { label: "Rows", grid: true, tickFormat: number, ticks: Math.max(2, Math.floor(width / 110)) },
      // On top: at the middle it would stand across the values.
      y: { label: spec.column, labelAnchor: "top", labelArrow: "none", domain: bars.map((bar) => bar.value), tickFormat: short },
      marks: [
        Plot.barX(bars, { x: "count", y: "value", fill: colour("series-1"), insetTop: 3, insetBottom: 3, rx: 2 }),
        Plot.text(bars, { x: "count", y: "value", text: (bar) => number(bar.count), dx: 6, textAnchor: "start", fill: colour("muted") }),
        Plot.ruleX([0], { stroke: colour("control") }),
      ],
    }),
  );
  const labels = bars.map((bar) => bar.value + "\n" + plural(bar.count, "row") + " (" + percent(bar.count / total) + ")");
  return { plot, marks: [{ selector: '[aria-label="bar"] rect', labels }] };
}

defineChart("categories", drawCategories);
