// Every chart of the product: a figure with title, caption, drawing and data table. A kind of chart is a function that
// draws a spec with Observable Plot; this file sizes it, follows the theme, and makes every mark readable by pointer
// and keyboard.
import { h } from "./dom.js";

const kinds = new Map();
const figures = new Map();

// draw(Plot, spec, {width, colour}) answers {plot, marks: [{selector, labels, keys?}], legend?, stride?, move?, scrolls?}.
// Marks are in the order of the labels; a label's first line is what it is, the others its figures. With `stride` marks
// to a row, the keys up and down go from row to row; `move(at, down)` says where they go in rows of any length. `keys`
// tell which mark is which when the chart is drawn anew: who reads one goes on reading it. `links` are addresses to
// which marks lead, by a click or the Enter key. A plot that `scrolls` is in a
// box of its own and stays where it was scrolled to. `grow(value)` moves what moves between two drawings (`growChart`).
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
  const key = state.marks[focused]?.dataset.key;
  const shown = state.tip.hidden ? undefined : state.tip.dataset.key;
  const { plot, marks = [], legend = null, stride = 1, move = null, scrolls = false, grow = null } = kinds.get(state.kind)(globalThis.Plot, state.spec, { width, colour });
  state.width = width;
  state.move = move ?? ((at, down) => at + (down ? stride : -stride));
  state.grow = grow;
  state.tip.hidden = true;
  show(state, plot, legend, scrolls);
  if (plot instanceof SVGElement) {
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", state.title);
    label(state, plot, marks);
    const same = (wanted) => (wanted === undefined ? undefined : state.marks.find((mark) => mark.dataset.key === wanted));
    if (focused >= 0) arrive(state, same(key) ?? state.marks[Math.min(focused, state.marks.length - 1)]);
    const read = same(shown);
    if (read) showTip(state, read);
  }
}

function show(state, plot, legend, scrolls) {
  if (!scrolls) {
    state.canvas.replaceChildren(...[plot, legend, state.tip].filter(Boolean));
    return;
  }
  // A box that is taken out of the page and put back has lost its place.
  state.scroller ??= h("div", { class: "chart-scroll" });
  state.scroller.replaceChildren(plot);
  if (state.scroller.parentNode !== state.canvas) state.canvas.replaceChildren(state.scroller, state.tip);
  state.canvas.querySelector(".chart-legend")?.remove();
  if (legend) state.scroller.after(legend);
}

// One mark is what the Tab key comes to: the one that had the focus last.
function arrive(state, mark) {
  if (!mark) return;
  for (const other of state.marks) if (other.getAttribute("tabindex") === "0") other.setAttribute("tabindex", "-1");
  mark.setAttribute("tabindex", "0");
  mark.focus({ preventScroll: true });
}

// One stop of the Tab key per chart; the arrow keys go from mark to mark.
function label(state, plot, marks) {
  state.marks = [];
  for (const { selector, labels, keys, links } of marks) {
    plot.querySelectorAll(selector).forEach((mark, index) => {
      if (labels[index] === undefined) return;
      mark.dataset.mark = labels[index];
      mark.dataset.at = String(index);
      if (keys) mark.dataset.key = keys[index];
      if (links) mark.dataset.link = links[index];
      mark.setAttribute("role", links ? "link" : "img");
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
  const moves = { ArrowRight: at + 1, ArrowDown: state.move(at, true), ArrowLeft: at - 1, ArrowUp: state.move(at, false), Home: 0, End: last };
  if (!(event.key in moves)) return;
  event.preventDefault();
  const next = state.marks[Math.max(0, Math.min(last, moves[event.key]))];
  event.target.setAttribute("tabindex", "-1");
  next.setAttribute("tabindex", "0");
  next.focus();
}

function follow(target) {
  const mark = target.closest("[data-link]");
  if (mark) location.assign(mark.dataset.link);
}

function showTip(state, mark) {
  const box = state.canvas.getBoundingClientRect();
  const place = mark.getBoundingClientRect();
  state.tip.textContent = mark.dataset.mark;
  state.tip.dataset.key = mark.dataset.key ?? "";
  state.tip.hidden = false;
  const width = state.tip.offsetWidth;
  const height = state.tip.offsetHeight;
  const left = Math.max(0, Math.min(box.width - width, place.left - box.left + place.width / 2 - width / 2));
  const above = place.top - box.top - height - 8;
  const top = above < -24 ? place.bottom - box.top + 8 : above;
  state.tip.style.transform = "translate(" + left + "px, " + top + "px)";
}

// With the pointer at no mark, the one that has the focus is read.
function rest(state) {
  if (state.marks.includes(document.activeElement)) showTip(state, document.activeElement);
  else state.tip.hidden = true;
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
    else rest(state);
  });
  canvas.addEventListener("pointerleave", () => rest(state));
  canvas.addEventListener("focusin", (event) => event.target.dataset?.mark && showTip(state, event.target));
  canvas.addEventListener("focusout", () => (state.tip.hidden = true));
  canvas.addEventListener("click", (event) => follow(event.target));
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Enter") follow(event.target);
    if (event.key === "Escape") state.tip.hidden = true;
    step(state, event);
  });
  resized.observe(canvas);
  figure.querySelector(".chart-data").addEventListener("toggle", () => fill(figure));
  draw(figure);
}

export function mountCharts(root = document) {
  for (const figure of root.querySelectorAll("figure[data-chart]")) if (!figures.has(figure)) mount(figure);
}

// New data for a chart that is on the page, with its table: `rows()` answers it where somebody looks at it.
export function updateChart(figure, spec, rows) {
  const state = figures.get(figure);
  state.spec = spec;
  state.rows = rows ?? state.rows;
  draw(figure);
  fill(figure);
}

export function growChart(figure, value) {
  figures.get(figure).grow?.(value);
}

function fill(figure) {
  const { rows } = figures.get(figure);
  const data = figure.querySelector(".chart-data");
  if (rows && data.open) data.querySelector("tbody").replaceChildren(...rows().map(tableRow));
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
