// Every chart of the product: a figure with title, caption, drawing and data table. A kind of chart is a function that
// draws a spec with Observable Plot; this file sizes it, follows the theme, and makes every mark readable by pointer
// and keyboard.
import { h } from "./dom.js";

const kinds = new Map();
const figures = new Map();

// draw(Plot, spec, {width, colour}) answers {plot, marks: [{selector, labels}], legend?, stride?}. Marks are in the
// order of the labels; a label's first line is what it is, the others its figures. With `stride` marks to a row, the
// keys up and down go from row to row.
export function defineChart(kind, draw) {
  kinds.set(kind, draw);
}

let probe = null;

// The value of a colour token in the theme that is on.
export function colour(token) {
  if (!probe) {
    probe = h("span", { hidden: true });
    document.body.append(probe);
  }
  probe.style.color = "var(--" + token + ")";
  return getComputedStyle(probe).color;
}

export const SERIES = ["series-1", "series-2", "series-3", "series-4", "series-5", "series-6", "series-8", "series-7"];

// Ticks of a share as percent, with the digits that tell neighbouring ticks apart.
export function percentTicks(range) {
  const digits = range < 0.005 ? 2 : range < 0.05 ? 1 : 0;
  return (value) => (value * 100).toFixed(digits);
}

// Options that all drawings share.
export function base(width, options) {
  return { className: "plot", width, marginTop: 22, marginRight: 16, marginBottom: 38, style: { fontSize: "12px" }, ...options };
}

function draw(figure) {
  const state = figures.get(figure);
  const width = Math.floor(state.canvas.clientWidth);
  if (width < 120 || !state.spec) return;
  const focused = state.marks.indexOf(document.activeElement);
  const { plot, marks = [], legend = null, stride = 1 } = kinds.get(state.kind)(globalThis.Plot, state.spec, { width, colour });
  state.width = width;
  state.stride = stride;
  state.tip.hidden = true;
  state.canvas.replaceChildren(...[plot, legend, state.tip].filter(Boolean));
  if (plot instanceof SVGElement) {
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", state.title);
    label(state, plot, marks);
    if (focused >= 0) state.marks[Math.min(focused, state.marks.length - 1)]?.focus({ preventScroll: true });
  }
}

// One stop of the Tab key per chart; the arrow keys go from mark to mark.
function label(state, plot, marks) {
  state.marks = [];
  for (const { selector, labels } of marks) {
    plot.querySelectorAll(selector).forEach((mark, index) => {
      if (labels[index] === undefined) return;
      mark.dataset.mark = labels[index];
      mark.dataset.at = String(index);
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", labels[index].replaceAll("\n", ", "));
      mark.setAttribute("tabindex", state.marks.length ? "-1" : "0");
      state.marks.push(mark);
    });
  }
  // Plot names its groups for a drawing without roles; here the marks speak for themselves.
  for (const group of plot.querySelectorAll("g[aria-label]")) {
    group.removeAttribute("aria-label");
    group.removeAttribute("aria-description");
    if (!group.querySelector("[data-mark]")) group.setAttribute("aria-hidden", "true");
  }
}

function step(state, event) {
  const at = state.marks.indexOf(event.target);
  if (at < 0) return;
  const last = state.marks.length - 1;
  const moves = { ArrowRight: at + 1, ArrowDown: at + state.stride, ArrowLeft: at - 1, ArrowUp: at - state.stride, Home: 0, End: last };
  if (!(event.key in moves)) return;
  event.preventDefault();
  const next = state.marks[Math.max(0, Math.min(last, moves[event.key]))];
  event.target.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
}

function showTip(state, mark) {
  const box = state.canvas.getBoundingClientRect();
  const place = mark.getBoundingClientRect();
  state.tip.textContent = mark.dataset.mark;
  state.tip.hidden = false;
  const width = state.tip.offsetWidth;
  const height = state.tip.offsetHeight;
  const left = Math.max(0, Math.min(box.width - width, place.left - box.left + place.width / 2 - width / 2));
  const above = place.top - box.top - height - 8;
  const top = above < -24 ? place.bottom - box.top + 8 : above;
  state.tip.style.transform = "translate(" + left + "px, " + top + "px)";
}

const resized = new ResizeObserver((entries) => {
  for (const entry of entries) {
    const figure = entry.target.closest("figure");
    const state = figures.get(figure);
    if (state && Math.floor(entry.contentRect.width) !== state.width) draw(figure);
  }
});

function mount(figure) {
  const canvas = figure.querySelector(".chart-canvas");
  const title = figure.querySelector(".chart-title").textContent;
  const tip = h("div", { class: "chart-tip", hidden: true, "aria-hidden": "true" });
  const spec = JSON.parse(figure.dataset.spec);
  const state = { kind: figure.dataset.chart, canvas, title, tip, spec: spec.live ? null : spec, marks: [], width: 0 };
  figures.set(figure, state);
  canvas.addEventListener("pointerover", (event) => {
    const mark = event.target.closest("[data-mark]");
    if (mark) showTip(state, mark);
    else state.tip.hidden = true;
  });
  canvas.addEventListener("pointerleave", () => (state.tip.hidden = true));
  canvas.addEventListener("focusin", (event) => event.target.dataset?.mark && showTip(state, event.target));
  canvas.addEventListener("focusout", () => (state.tip.hidden = true));
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Escape") state.tip.hidden = true;
    step(state, event);
  });
  resized.observe(canvas);
  draw(figure);
}

export function mountCharts(root = document) {
  for (const figure of root.querySelectorAll("figure[data-chart]")) if (!figures.has(figure)) mount(figure);
}

// New data for a chart that is on the page, with its table.
export function updateChart(figure, spec, rows) {
  const state = figures.get(figure);
  state.spec = spec;
  draw(figure);
  if (rows) figure.querySelector(".chart-data tbody").replaceChildren(...rows.map(tableRow));
}

function tableRow(row) {
  return h("tr", {}, ...row.map((value) => h("td", {}, String(value))));
}

// A figure like the one of templates/charts.html, for data that was fetched.
export function buildChart({ kind, title, caption, spec, columns, rows }, heading = "h3") {
  const table = h(
    "table",
    { class: "table" },
    h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, ...rows.map(tableRow)),
  );
  return h(
    "figure",
    { class: "chart", "data-chart": kind, "data-spec": JSON.stringify(spec) },
    h("figcaption", {}, h(heading, { class: "chart-title" }, title), h("p", { class: "chart-caption" }, caption)),
    h("div", { class: "chart-canvas" }),
    h(
      "details",
      { class: "more chart-data" },
      h("summary", {}, "Show data"),
      h("div", { class: "table-box", tabindex: "0", role: "region", "aria-label": "Data of " + title }, table),
    ),
  );
}

addEventListener("themechange", () => {
  for (const figure of figures.keys()) {
    if (figure.isConnected) draw(figure);
    else figures.delete(figure);
  }
});
