// Two columns against each other: points, boxes by category, classes by category or bin, and numbers in time.
import { base, defineChart, SERIES } from "../charts.js";
import { h, s } from "../dom.js";
import { number, percent, plural } from "../format.js";

function short(text) {
  return text.length > 22 ? text.slice(0, 21) + "…" : text;
}

function leftOf(labels) {
  return Math.min(180, 32 + Math.max(...labels.map((label) => short(label).length), 3) * 7);
}

function ticks(width) {
  return Math.max(3, Math.floor(width / 100));
}

defineChart("scatter", (Plot, spec, { width, colour }) => {
  const means = spec.bins.map((bin) => ({ ...bin, at: (bin.low + bin.high) / 2 }));
  const plot = Plot.plot(
    base(width, {
      height: Math.min(340, Math.max(240, width * 0.55)),
      marginLeft: 60,
      x: { label: spec.column, ticks: ticks(width), tickFormat: number, nice: true },
      y: { label: spec.target, grid: true, tickFormat: number, nice: true },
      marks: [
        Plot.dot(spec.points, { x: "0", y: "1", r: 2.5, fill: colour("series-2"), fillOpacity: 0.45, ariaLabel: "rows" }),
        Plot.line(means, { x: "at", y: "mean", stroke: colour("series-1"), strokeWidth: 2.5 }),
        Plot.dot(means, { x: "at", y: "mean", r: 5, fill: colour("series-1"), stroke: colour("surface"), ariaLabel: "means" }),
      ],
    }),
  );
  const labels = spec.bins.map((bin) => spec.column + " " + number(bin.low) + " to " + number(bin.high) + "\n" + spec.target + " " + number(bin.mean) + " on average\n" + plural(bin.count, "row"));
  const legend = h("ul", { class: "chart-legend" }, legendItem("series-2", "a row"), legendItem("series-1", "mean of " + spec.target));
  return { plot, legend, marks: [{ selector: '[aria-label="means"] > *', labels }] };
});

defineChart("boxes", (Plot, spec, { width, colour }) => {
  const labels = spec.groups.map((group) => group.label);
  const plot = Plot.plot(
    base(width, {
      height: 66 + spec.groups.length * 32,
      marginLeft: leftOf(labels),
      marginRight: 24,
      x: { label: spec.value, grid: true, ticks: ticks(width), tickFormat: number, nice: true },
      y: { label: spec.column, domain: labels, tickFormat: short, tickSize: 0 },
      marks: [
        Plot.ruleY(spec.groups, { x1: "low", x2: "high", y: "label", stroke: colour("muted"), strokeWidth: 1.5 }),
        Plot.barX(spec.groups, { x1: "q25", x2: "q75", y: "label", fill: colour("series-1"), fillOpacity: 0.75, insetTop: 6, insetBottom: 6, rx: 2 }),
        Plot.tickX(spec.groups, { x: "median", y: "label", stroke: colour("foreground"), strokeWidth: 2.5, insetTop: 4, insetBottom: 4 }),
      ],
    }),
  );
  const texts = spec.groups.map((group) => group.label + "\nmedian " + number(group.median) + "\nmiddle half " + number(group.q25) + " to " + number(group.q75) + "\n" + plural(group.count, "row"));
  return { plot, marks: [{ selector: '[aria-label="bar"] rect', labels: texts }] };
});

defineChart("shares", (Plot, spec, { width, colour }) => {
  const labels = spec.groups.map((group) => group.label);
  const left = leftOf(labels);
  const cells = spec.groups.flatMap((group) => {
    let from = 0;
    return group.shares.map((share, at) => ({ group, at, share, from, to: (from += share) }));
  });
  const shown = cells.filter((cell) => cell.share > 0);
  const room = (cell) => cell.share * (width - left - 24) > 42;
  const ink = (cell) => (globalThis.d3.lab(colour(series(cell.at))).l > 55 ? "#09090b" : "#ffffff");
  const plot = Plot.plot(
    base(width, {
      height: 66 + spec.groups.length * 28,
      marginLeft: left,
      marginRight: 24,
      x: { label: "Share of rows (%)", domain: [0, 1], ticks: Math.min(5, ticks(width)), tickFormat: (value) => (value * 100).toFixed(0) },
      y: { label: spec.column, domain: labels, tickFormat: short, tickSize: 0 },
      marks: [
        Plot.barX(shown, { x1: "from", x2: "to", y: (cell) => cell.group.label, fill: (cell) => colour(series(cell.at)), insetTop: 3, insetBottom: 3, insetLeft: 0.5, insetRight: 0.5 }),
        Plot.text(shown.filter(room), { x: (cell) => (cell.from + cell.to) / 2, y: (cell) => cell.group.label, text: (cell) => percent(cell.share, 0), fill: ink, fontSize: 11, pointerEvents: "none" }),
      ],
    }),
  );
  const texts = shown.map((cell) => cell.group.label + "\n" + spec.target + " " + spec.classes[cell.at] + ": " + percent(cell.share) + "\n" + plural(cell.group.count, "row"));
  const legend = h("ul", { class: "chart-legend" }, ...spec.classes.map((name, at) => legendItem(series(at), spec.target + " " + name)));
  return { plot, legend, marks: [{ selector: '[aria-label="bar"] rect', labels: texts }] };
});

function series(at) {
  return SERIES[at % SERIES.length];
}

function legendItem(token, text) {
  return h("li", {}, s("svg", { viewBox: "0 0 10 10", "aria-hidden": "true", class: token }, s("rect", { width: 10, height: 10, rx: 2, fill: "currentColor" })), text);
}

defineChart("trend", (Plot, spec, { width, colour }) => {
  const periods = spec.periods.map((period) => ({ ...period, at: new Date(period.start) }));
  const plot = Plot.plot(
    base(width, {
      height: Math.min(300, Math.max(220, width * 0.45)),
      marginLeft: 60,
      x: { label: spec.column, type: "utc", ticks: ticks(width) },
      y: { label: spec.target + ", mean", grid: true, tickFormat: number, nice: true },
      marks: [
        Plot.line(periods, { x: "at", y: "mean", stroke: colour("series-1"), strokeWidth: 2 }),
        Plot.dot(periods, { x: "at", y: "mean", r: 4, fill: colour("series-1") }),
      ],
    }),
  );
  const labels = spec.periods.map((period) => "from " + String(period.start).slice(0, 10) + "\n" + number(period.mean) + " on average\n" + plural(period.count, "row"));
  return { plot, marks: [{ selector: '[aria-label="dot"] > *', labels }] };
});
