// What a model predicts for the rows of a file.
import { base, defineChart } from "../charts.js";
import { number, percent, plural } from "../format.js";

const MOST = 20;

function short(text) {
  return text.length > 20 ? text.slice(0, 19) + "…" : text;
}

defineChart("scored-classes", (Plot, spec, { width, colour }) => {
  const bars = spec.bars.slice(0, MOST);
  const longest = Math.max(...bars.map((bar) => short(bar.label).length), 4);
  const plot = Plot.plot(
    base(width, {
      height: 64 + bars.length * 30,
      marginLeft: Math.min(150, 18 + longest * 7.2),
      marginRight: 24,
      x: { label: "Share of the rows (%)", grid: true, domain: [0, Math.max(...bars.flatMap((bar) => [bar.share, bar.training ?? 0])) || 1], ticks: Math.max(2, Math.floor(width / 110)), tickFormat: (value) => number(value * 100) },
      y: { label: null, domain: bars.map((bar) => bar.label), tickFormat: short },
      marks: [
        Plot.barX(bars, { x: "share", y: "label", fill: colour("series-1"), insetTop: 5, insetBottom: 5, rx: 2, className: "bars" }),
        Plot.dot(bars.filter((bar) => bar.training !== null), { x: "training", y: "label", r: 5, fill: colour("surface"), stroke: colour("foreground"), strokeWidth: 1.75 }),
        Plot.ruleX([0], { stroke: colour("control") }),
      ],
    }),
  );
  const labels = bars.map((bar) => bar.label + "\n" + percent(bar.share, 1) + ", " + plural(bar.rows, "row") + (bar.training === null ? "" : "\n" + percent(bar.training, 1) + " in training"));
  return { plot, marks: [{ selector: ".bars > *", labels }] };
});

defineChart("scored-numbers", (Plot, spec, { width, colour }) => {
  const plot = Plot.plot(
    base(width, {
      height: Math.round(Math.min(260, Math.max(190, width * 0.45))),
      marginLeft: 48,
      x: { label: "Predicted " + short(spec.target), ticks: Math.max(3, Math.floor(width / 110)), tickFormat: number },
      y: { label: "Rows (%)", grid: true, ticks: 5, tickFormat: (value) => number(value * 100) },
      marks: [Plot.rectY(spec.bars, { x1: "low", x2: "high", y: "share", fill: colour("series-1"), insetLeft: 0.5, insetRight: 0.5, rx: 1.5, className: "bars" }), Plot.ruleY([0], { stroke: colour("control") })],
    }),
  );
  const labels = spec.bars.map((bar) => number(bar.low) + " to " + number(bar.high) + "\n" + percent(bar.share, 1) + " of the rows");
  return { plot, marks: [{ selector: ".bars > *", labels }] };
});
