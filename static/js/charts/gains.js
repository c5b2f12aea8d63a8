// An idea tried: the gain of each fold, and the mean of each family of models with its interval.
import { base, defineChart } from "../charts.js";
import { number } from "../format.js";

const ROW = 64;

defineChart("gains", (Plot, spec, { width, colour }) => {
  const { families, points } = spec;
  const places = new Map(families.map((family, at) => [family.title, at]));
  // Folds lie below the bar, those of one division in a line of their own.
  const spread = points.map((point) => ({ ...point, y: places.get(point.family) + 0.14 + point.repeat * 0.14 }));
  const bars = families.filter((family) => family.mean !== null).map((family) => ({ ...family, y: places.get(family.title) - 0.18 }));
  const intervals = bars.filter((bar) => bar.low !== null);
  const ends = [0, ...points.map((point) => point.gain), ...intervals.flatMap((bar) => [bar.low, bar.high])];
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const room = (most - least || 1) * 0.06;
  const narrow = width < 420;
  const plot = Plot.plot(
    base(width, {
      height: 62 + families.length * ROW,
      marginLeft: narrow ? 96 : 136,
      x: { label: spec.label, grid: true, domain: [least - room, most + room], ticks: Math.max(2, Math.floor(width / 130)), tickFormat: number },
      y: { label: null, domain: [-0.5, families.length - 0.5], reverse: true, ticks: families.map((_, at) => at), tickFormat: (at) => families[at].title.replace(narrow ? " boosting" : "\0", ""), tickSize: 0 },
      marks: [
        Plot.ruleX([0], { stroke: colour("foreground"), strokeDasharray: "3 3" }),
        Plot.link(intervals, { x1: "low", x2: "high", y1: "y", y2: "y", stroke: colour("series-1"), strokeWidth: 4, strokeLinecap: "round" }),
        Plot.dot(bars, { x: "mean", y: "y", r: 6, fill: colour("series-1"), stroke: colour("surface"), strokeWidth: 1.5, className: "means" }),
        Plot.dot(spread, { x: "gain", y: "y", r: 3.5, fill: colour("series-7"), className: "folds" }),
      ],
    }),
  );
  const marks = [
    { selector: ".means > *", labels: bars.map((bar) => bar.title + "\n" + number(bar.mean) + " on average" + (bar.low === null ? "" : "\n95 % interval " + number(bar.low) + " to " + number(bar.high))) },
    { selector: ".folds > *", labels: spread.map((point) => point.family + "\ndivision " + (point.repeat + 1) + ", fold " + (point.fold + 1) + "\n" + number(point.gain)) },
  ];
  return { plot, marks };
});
