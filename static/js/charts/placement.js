// The live monitor: which machine trains what, as bars in lanes by machine.
import { base, defineChart, SERIES } from "../charts.js";
import { h, s } from "../dom.js";
import { plural } from "../format.js";
import { drawnOf, fitted, labelOf } from "../placement.js";

const LANE = 12;
const GAP = 8;
const NAME = 16;
// From this width on the names of machines stand beside their lanes, and not above them.
const WIDE = 560;
const BESIDE = 128;
// What every chart's text has.
const FONT_SIZE = 12;

// In letters of what is drawn. A name may be written from right to left: it has a direction of its own.
function measure() {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = FONT_SIZE + "px " + getComputedStyle(document.body).fontFamily;
  return (text) => pen.measureText(text).width;
}

const isolated = (text) => "\u2068" + text + "\u2069";

function legend(families, states) {
  const swatch = (className) => {
    const drawing = s("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
    drawing.append(s("rect", { x: 1, y: 3, width: 14, height: 10, fill: "currentColor", stroke: "currentColor", class: className }));
    return drawing;
  };
  const series = (index) => SERIES[index % SERIES.length];
  return h(
    "ul",
    { class: "chart-legend", "aria-label": "What the bars are" },
    ...families.map(([family, index]) => h("li", {}, h("span", { class: "legend-swatch " + series(index) }, swatch("bar-plain")), family)),
    ...states.map(([className, words]) => h("li", {}, swatch(className), words)),
  );
}

const STATES = [
  [["running"], "running"],
  [["pruned", "cancelled"], "given up early, or stopped"],
  [["lost", "failed"], "× failed, or taken back"],
];

// Machines with their lanes from top to bottom, as many as there is room for.
function placed(machines, most, beside) {
  const lanes = [];
  const names = [];
  let top = 0;
  let left = 0;
  for (const { name, lanes: own } of machines) {
    if (lanes.length + own.length > most) {
      left += 1;
      continue;
    }
    names.push({ name, y: beside ? top + Math.min(own.length * LANE, LANE) / 2 : top + NAME / 2 });
    if (!beside) top += NAME;
    for (const bars of own) {
      lanes.push({ bars, top });
      top += LANE;
    }
    top += GAP;
  }
  return { lanes, names, left, height: Math.max(LANE, top - GAP) };
}

defineChart("placement", (Plot, spec, { width, colour }) => {
  const { machines, end, families, format, most } = spec;
  if (!machines.length) return { plot: h("p", { class: "chart-empty chart-empty-low" }, spec.empty) };
  const beside = width >= WIDE;
  const marginLeft = beside ? BESIDE : 4;
  const marginTop = 26;
  const marginBottom = 36;
  const { lanes, names, left, height } = placed(machines, most, beside);
  const room = width - marginLeft - 16;
  const widthOf = measure();
  const drawn = [];
  const rows = [];
  for (const { bars, top } of lanes) {
    const first = drawn.length;
    for (const one of drawnOf(bars, room / end)) drawn.push({ ...one, top, lane: rows.length });
    rows.push([first, drawn.length]);
  }
  // What is too short to be seen is drawn a little longer.
  const least = (2 / room) * end;
  const states = (one) => (one.bars.length > 1 ? (one.wrong ? "failed" : "finished") : one.bars[0].state);
  const family = (one) => one.bars[0].family;
  const plot = Plot.plot({
    ...base(width, {}),
    height: height + marginTop + marginBottom,
    marginLeft,
    marginTop,
    marginBottom,
    x: { label: "Seconds of training", domain: [0, end], ticks: Math.max(3, Math.floor(width / 90)) },
    y: { axis: null, domain: [height, 0] },
    color: { domain: families, range: families.map((_, index) => colour(SERIES[index % SERIES.length])) },
    marks: [
      Plot.axisX({ anchor: "bottom" }),
      height > 300 ? Plot.axisX({ anchor: "top", label: null }) : null,
      Plot.ruleY(lanes, { y: (lane) => lane.top + LANE / 2, stroke: colour("border"), strokeWidth: 1 }),
      Plot.rect(drawn, {
        x1: "start",
        x2: (one) => Math.max(one.end, one.start + least),
        y1: (one) => one.top + 1,
        y2: (one) => one.top + LANE - 1,
        fill: family,
        stroke: family,
        rx: 1.5,
        className: "bars",
      }),
      Plot.text(
        drawn.filter((one) => one.wrong),
        { x: (one) => (one.start + Math.max(one.end, one.start + least)) / 2, y: (one) => one.top + LANE / 2, text: () => "×", fontSize: 13, fontWeight: 700, className: "bar-mark" },
      ),
      Plot.text(names, {
        x: 0,
        y: "y",
        text: (one) => isolated(fitted(one.name, beside ? BESIDE - 12 : width - 8, widthOf)),
        textAnchor: beside ? "end" : "start",
        dx: beside ? -8 : 0,
        fill: colour("foreground"),
        className: "lane-names",
      }),
    ],
  });
  plot.querySelectorAll(".bars > rect").forEach((rect, index) => rect.setAttribute("class", "bar-" + states(drawn[index])));
  const growing = [...plot.querySelectorAll(".bar-running")].map((rect) => [rect, Number(rect.getAttribute("x"))]);
  const x = plot.scale("x");
  const grow = (now) => {
    for (const [rect, from] of growing) rect.setAttribute("width", Math.max(2, x.apply(Math.min(now, end)) - from));
  };
  const marks = [{ selector: ".bars > rect", labels: drawn.map((one) => labelOf(one, format)), keys: drawn.map((one) => one.bars[0].key) }];
  // Up and down: to the bar of the next lane that is nearest in time.
  const move = (at, down) => {
    const to = rows[drawn[at].lane + (down ? 1 : -1)];
    if (!to) return at;
    let best = to[0];
    for (let index = to[0]; index < to[1]; index += 1) {
      if (Math.abs(drawn[index].start - drawn[at].start) < Math.abs(drawn[best].start - drawn[at].start)) best = index;
    }
    return best;
  };
  const seen = new Set(drawn.flatMap((one) => one.bars.map((bar) => bar.family)));
  const shown = families.map((name, index) => [name, index]).filter(([name]) => seen.has(name));
  const kinds = new Set(drawn.map(states));
  const notes = STATES.filter(([which]) => which.some((state) => kinds.has(state))).map(([which, words]) => ["bar-" + which[0], words]);
  if (left) notes.push(["bar-none", plural(left, "more machine") + " in the table"]);
  return { plot, legend: legend(shown, notes), marks, move, grow, scrolls: true };
});
