// One row's answer: what each column adds to it, and how it depends on one of them.
import { base, defineChart } from "../charts.js";
import { number, percent } from "../format.js";
import { shortLabel } from "../playground/contributions.js";

const FIGURE = 56;

function short(text, most) {
  return text.length > most ? text.slice(0, most - 1) + "…" : text;
}

defineChart("waterfall", (Plot, spec, { width, colour }) => {
  const first = { key: "first", feature: null, label: "a typical row", from: spec.base, to: spec.base, text: number(spec.base) };
  const last = { key: "last", feature: null, label: "this row", from: spec.end, to: spec.end, text: number(spec.end) };
  const steps = spec.steps.map((step, at) => ({ ...step, key: String(at) }));
  const rows = [first, ...steps, last];
  const letters = width < 420 ? 19 : 32;
  const longest = Math.max(...rows.map((row) => shortLabel(row, letters).length));
  const ends = rows.flatMap((row) => [row.from, row.to]);
  const [least, most] = [Math.min(...ends), Math.max(...ends)];
  const marginLeft = Math.min(width * 0.45, 18 + longest * 6.8);
  // The figures beside the bars need room on either side.
  const across = Math.max(60, width - marginLeft - 20 - 2 * FIGURE);
  const room = ((most - least || Math.abs(most) || 1) * FIGURE) / across;
  const links = rows.slice(0, -1).map((row, at) => ({ x: row.to, y1: row.key, y2: rows[at + 1].key }));
  const plot = Plot.plot(
    base(width, {
      height: 64 + rows.length * 26,
      marginLeft,
      marginRight: 20,
      x: { label: spec.unit, grid: true, domain: [least - room, most + room], ticks: Math.max(2, Math.floor(width / 130)), tickFormat: number },
      y: { label: null, domain: rows.map((row) => row.key), tickFormat: (key) => shortLabel(rows.find((row) => row.key === key), letters), tickSize: 0 },
      marks: [
        Plot.ruleX([spec.base], { stroke: colour("control"), strokeDasharray: "3 3" }),
        Plot.link(links, { x1: "x", x2: "x", y1: "y1", y2: "y2", stroke: colour("control"), strokeWidth: 1 }),
        Plot.barX(steps, { x1: "from", x2: "to", y: "key", fill: (step) => colour(step.contribution < 0 ? "series-3" : "series-1"), insetTop: 4, insetBottom: 4, rx: 2, className: "steps" }),
        Plot.dot([first, last], { x: "to", y: "key", r: 4.5, fill: colour("foreground"), className: "ends" }),
        Plot.text(steps.filter((step) => step.to >= step.from), { x: "to", y: "key", text: "text", textAnchor: "start", dx: 5, fill: colour("foreground") }),
        Plot.text(steps.filter((step) => step.to < step.from), { x: "to", y: "key", text: "text", textAnchor: "end", dx: -5, fill: colour("foreground") }),
        Plot.text([first, last], { x: "to", y: "key", text: "text", textAnchor: "start", dx: 8, fontWeight: 700, fill: colour("foreground") }),
      ],
    }),
  );
  const marks = [
    { selector: ".steps > *", labels: steps.map((step) => step.label + "\n" + step.text + ", from " + number(step.from) + " to " + number(step.to)) },
    { selector: ".ends > *", labels: [first, last].map((row) => row.label + "\n" + row.text) },
  ];
  return { plot, marks };
});

// `points`: {x, text, mean, low, high}; `lines` of single rows; `here`: this row's {x, y, text}, or null.
defineChart("dependence", (Plot, spec, { width, colour }) => {
  const { points, lines, here, isOrdered } = spec;
  const text = spec.share ? (value) => number(value * 100) : number;
  const said = spec.share ? (value) => percent(value, 1) : number;
  const heights = [...points.flatMap((point) => [point.mean, point.low, point.high]), ...(here ? [here.y] : [])];
  const [least, most] = [Math.min(...heights), Math.max(...heights)];
  const room = (most - least || Math.abs(most) * 0.1 || 1) * 0.08;
  const names = points.map((point) => point.x);
  const single = lines.flatMap((line, row) => line.map((y, at) => ({ x: points[at].x, y, row })));
  const across = spec.kind === "date" ? { type: "utc" } : isOrdered ? { tickFormat: number } : { type: "point", domain: here && !names.includes(here.x) ? [...names, here.x] : names, tickFormat: (name) => short(String(name), Math.max(4, Math.floor(width / names.length / 7))) };
  const plot = Plot.plot(
    base(width, {
      height: Math.round(Math.min(320, Math.max(220, width * 0.5))),
      marginLeft: 56,
      x: { label: short(spec.feature, 40), ticks: Math.max(3, Math.floor(width / 100)), ...across },
      y: { label: spec.label, domain: [least - room, most + room], clamp: true, grid: true, ticks: 5, tickFormat: text },
      marks: [
        isOrdered ? Plot.areaY(points, { x: "x", y1: "low", y2: "high", fill: colour("series-1"), fillOpacity: 0.14 }) : Plot.ruleX(points, { x: "x", y1: "low", y2: "high", stroke: colour("series-1"), strokeWidth: 8, strokeOpacity: 0.2 }),
        isOrdered ? Plot.line(single, { x: "x", y: "y", z: "row", stroke: colour("series-7"), strokeOpacity: 0.22, strokeWidth: 1 }) : null,
        isOrdered ? Plot.line(points, { x: "x", y: "mean", stroke: colour("series-1"), strokeWidth: 2.25 }) : null,
        Plot.dot(points, { x: "x", y: "mean", r: isOrdered ? 3 : 6, fill: colour("series-1"), className: "points" }),
        here ? Plot.ruleX([here], { x: "x", stroke: colour("series-2"), strokeDasharray: "4 3", strokeWidth: 1.5 }) : null,
        here ? Plot.dot([here], { x: "x", y: "y", r: 6.5, symbol: "diamond2", fill: colour("series-2"), stroke: colour("surface"), className: "here" }) : null,
      ],
    }),
  );
  const labels = points.map((point) => point.text + "\non average " + said(point.mean) + "\n8 of 10 rows " + said(point.low) + " to " + said(point.high));
  const marks = [{ selector: ".points > *", labels }];
  if (here) marks.push({ selector: ".here > *", labels: ["This row: " + here.text + "\n" + said(here.y)] });
  return { plot, marks };
});
