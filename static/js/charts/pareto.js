// Score against the time of one prediction, with the models that no other beats in both.
import { base, defineChart, percentTicks } from "../charts.js";
import { milliseconds, score } from "../format.js";
import { placed } from "./labels.js";

// Names beside the points of the front, the best first, as long as no name covers another.
function named(front, width, low, high, height) {
  const logs = front.map((model) => Math.log(model.ms));
  const start = Math.min(...logs);
  const span = Math.max(...logs) - start || 1;
  const place = (model) => ({ ...model, x: ((Math.log(model.ms) - start) / span) * width, y: ((model.score - low) / (high - low || 1)) * height });
  return placed([...front].sort((a, b) => a.rank - b.rank).map(place), width);
}

defineChart("pareto", (Plot, spec, { width, colour }) => {
  const models = [...spec.models].sort((a, b) => a.rank - b.rank);
  const front = models.filter((model) => model.pareto).sort((a, b) => a.ms - b.ms);
  const values = models.map((model) => model.score);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = (high - low || Math.abs(high) * 0.02 || 0.01) * 0.1;
  const percent = spec.format === "percent";
  const height = Math.round(Math.min(380, Math.max(240, width * 0.45)));
  const labelled = width < 480 ? [] : named(front, width - 80, low, high, height - 60);
  const label = { x: "ms", y: "score", text: "title", dy: -14, fill: colour("foreground"), stroke: colour("surface"), strokeWidth: 4, paintOrder: "stroke" };
  const plot = Plot.plot(
    base(width, {
      height,
      marginLeft: 56,
      marginRight: 24,
      x: { label: "One prediction (ms, logarithmic)", type: "log", grid: true, ticks: 4, tickFormat: (value) => String(Number(value.toPrecision(2))) },
      y: {
        label: spec.metric + (percent ? " (%)" : ""),
        domain: spec.greater ? [low - room, high + room] : [high + room, low - room],
        tickFormat: percent ? percentTicks(high - low) : undefined,
        grid: true,
        ticks: 5,
      },
      marks: [
        Plot.line(front, { x: "ms", y: "score", stroke: colour("series-1"), strokeWidth: 1.5, strokeDasharray: "4 3" }),
        Plot.dot(models, {
          x: "ms",
          y: "score",
          r: 6,
          fill: (model) => colour(model.pareto ? "series-1" : "series-7"),
          symbol: (model) => (model.pareto ? "diamond2" : "circle"),
          stroke: colour("surface"),
        }),
        Plot.text(labelled.filter((model) => model.anchor === "start"), { ...label, textAnchor: "start", dx: -6 }),
        Plot.text(labelled.filter((model) => model.anchor === "middle"), label),
        Plot.text(labelled.filter((model) => model.anchor === "end"), { ...label, textAnchor: "end", dx: 6 }),
      ],
    }),
  );
  const labels = models.map((model) =>
    [model.title, spec.metric + " " + score(model.score, spec.format), milliseconds(model.ms) + " a prediction", "place " + model.rank + (model.pareto ? ", none is better and faster" : "")].join("\n"),
  );
  return { plot, marks: [{ selector: '[aria-label="dot"] > *', labels }] };
});
