// One model: what it looks at, its score in each fold, and how far off its numbers are.
import { base, defineChart, percentTicks } from "../charts.js";
import { number, percent, score } from "../format.js";

function short(text) {
  return text.length > 20 ? text.slice(0, 19) + "…" : text;
}

// Room for the widest number beside an axis.
function marginFor(domain) {
  return Math.min(110, 22 + 7.2 * Math.max(...domain.map((value) => number(Number(value.toPrecision(3))).length)));
}

// Where the rows are that are off by so much.
function linksTo(spec, ranges) {
  return spec.rows ? ranges.map(({ low, high }) => spec.rows + "?low=" + low + "&high=" + high) : undefined;
}

// What is drawn was rounded.
function around({ actual, predicted }) {
  const room = 1e-5 * (Math.abs(actual) + Math.abs(predicted));
  return { low: actual - predicted - room, high: actual - predicted + room };
}

defineChart("importance", (Plot, spec, { width, colour }) => {
  const items = spec.items;
  const text = (value) => number(spec.percent ? 100 * value : value);
  const longest = Math.max(...items.map((item) => short(item.feature).length), 4);
  // Where no column matters the bars have no length, and not that of the whole chart.
  const nothing = items.every((item) => item.importance === 0 && item.std === 0);
  const plot = Plot.plot(
    base(width, {
      height: 64 + items.length * 26,
      marginLeft: Math.min(160, 18 + longest * 7.2),
      marginRight: 28,
      x: { label: "Loss of " + spec.metric + (spec.percent ? " (percentage points)" : ""), grid: true, domain: nothing ? [0, 1] : undefined, ticks: nothing ? [0] : Math.max(2, Math.floor(width / 110)), tickFormat: spec.percent ? (value) => number(value * 100) : number },
      y: { label: null, domain: items.map((item) => item.feature), tickFormat: short },
      marks: [
        Plot.barX(items, { x: "importance", y: "feature", fill: colour("series-1"), insetTop: 4, insetBottom: 4, rx: 2 }),
        Plot.ruleY(items, { x1: (item) => item.importance - item.std, x2: (item) => item.importance + item.std, y: "feature", stroke: colour("foreground"), strokeWidth: 1.25 }),
        Plot.ruleX([0], { stroke: colour("control") }),
      ],
    }),
  );
  const labels = items.map((item) => item.feature + "\n" + text(item.importance) + " ± " + text(item.std) + (spec.percent ? " percentage points" : ""));
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

defineChart("fit", (Plot, spec, { width, colour }) => {
  const rows = spec.actual.map((actual, at) => ({ actual, predicted: spec.predicted[at] }));
  const values = [...spec.actual, ...spec.predicted];
  const least = Math.min(...values);
  const greatest = Math.max(...values);
  const room = (greatest - least || Math.abs(greatest) * 0.1 || 1) * 0.04;
  const domain = [least - room, greatest + room];
  const ticks = Math.max(3, Math.floor(width / 110));
  const plot = Plot.plot(
    base(width, {
      height: Math.round(Math.min(420, Math.max(240, width * 0.8))),
      marginLeft: marginFor(domain),
      x: { label: "Actual " + short(spec.target), domain, ticks, tickFormat: number, grid: true },
      y: { label: "Predicted", domain, ticks: 6, tickFormat: number, grid: true },
      marks: [
        Plot.line([domain[0], domain[1]], { x: (value) => value, y: (value) => value, stroke: colour("series-2"), strokeDasharray: "4 3", strokeWidth: 1.5 }),
        Plot.dot(rows, { x: "actual", y: "predicted", r: 3.5, fill: colour("series-1"), fillOpacity: 0.65, className: "rows" }),
      ],
    }),
  );
  const labels = rows.map((row) => "Actual " + number(row.actual) + "\npredicted " + number(row.predicted) + "\nactual minus predicted " + number(row.actual - row.predicted));
  return { plot, marks: [{ selector: ".rows > *", labels, links: linksTo(spec, rows.map(around)) }] };
});

defineChart("residuals", (Plot, spec, { width, colour }) => {
  const plot = Plot.plot(
    base(width, {
      height: Math.round(Math.min(260, Math.max(190, width * 0.45))),
      marginLeft: 48,
      x: { label: "Actual minus predicted " + short(spec.target), ticks: Math.max(3, Math.floor(width / 110)), tickFormat: number },
      y: { label: "Rows (%)", grid: true, ticks: 5, tickFormat: (value) => number(value * 100) },
      marks: [
        Plot.rectY(spec.bars, { x1: "low", x2: "high", y: "share", fill: colour("series-1"), insetLeft: 0.5, insetRight: 0.5, rx: 1.5, className: "bars" }),
        Plot.ruleX([0], { stroke: colour("series-2"), strokeDasharray: "4 3", strokeWidth: 1.5 }),
        Plot.ruleY([0], { stroke: colour("control") }),
      ],
    }),
  );
  const labels = spec.bars.map((bar) => number(bar.low) + " to " + number(bar.high) + "\n" + percent(bar.share) + " of the rows");
  return { plot, marks: [{ selector: ".bars > *", labels, links: linksTo(spec, spec.bars) }] };
});
