// Requests to a model: how long they took.
import { base, defineChart } from "../charts.js";
import { milliseconds, number, plural } from "../format.js";

defineChart("latency", (Plot, spec, { width, colour }) => {
  const plot = Plot.plot(
    base(width, {
      height: 150,
      marginLeft: 40,
      x: { label: "Milliseconds there and back", ticks: Math.max(3, Math.floor(width / 90)), tickFormat: number },
      y: { label: "Requests", grid: true, ticks: 3, tickFormat: (value) => (Number.isInteger(value) ? number(value) : "") },
      marks: [
        Plot.rectY(spec.bars, { x1: "low", x2: "high", y: "count", fill: colour("series-1"), insetLeft: 0.5, insetRight: 0.5, rx: 1.5, className: "bars" }),
        Plot.ruleX([spec.p50], { stroke: colour("series-2"), strokeDasharray: "4 3", strokeWidth: 1.5 }),
        Plot.ruleY([0], { stroke: colour("control") }),
      ],
    }),
  );
  const labels = spec.bars.map((bar) => (bar.open ? milliseconds(bar.low) + " and more" : milliseconds(bar.low) + " to " + milliseconds(bar.high)) + "\n" + plural(bar.count, "request"));
  return { plot, marks: [{ selector: ".bars > *", labels }] };
});
