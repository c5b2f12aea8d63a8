// How every two columns move together, and the two that are chosen beside it.
import Alpine from "../../vendor/alpine.js";
import { buildChart, mountCharts } from "../charts.js";
import "../charts/correlation.js";
import { h } from "../dom.js";
import { NONE, signed } from "../format.js";
import { get, said } from "../http.js";
import { api, whenOpened } from "./info.js";
import { pairFigure } from "./pair.js";
import { leftOut, pairsOf, strongestColumns, WORDS } from "./pairs.js";

const MEANING = {
  pearson: "Linear: both rise and fall in a straight line. From −1 (opposite) over 0 (nothing in common) to 1 (together).",
  spearman: "Rank: one rises when the other does, straight or curved. From −1 (opposite) over 0 to 1 (together).",
  association: "Any type: how much one column says about the other, numbers and categories alike. From 0 (nothing) to 1 (everything); below 0 where one falls as the other rises.",
};
const NOTHING = {
  pearson: "There are no two columns of numbers to compare.",
  spearman: "There are no two columns of numbers to compare.",
  association: "There are no two columns to compare. Texts, dates, and columns that only name the rows or always hold the same are left out.",
};
const MOST_CELLS = 40;
const MOST_PAIRS = 10;

function chartOf(found, pairs, shown) {
  const top = pairs[0];
  const note = leftOut(found, shown.length);
  const columns = shown.map((at) => found.columns[at]);
  const part = (table) => shown.map((at) => shown.map((other) => table[at][other]));
  return {
    kind: "correlation",
    title: "Correlation",
    caption: (top && top.value !== null ? "The strongest: " + top.first + " and " + top.second + " (" + signed(top.value, 2) + ", " + WORDS.get(top.direction) + "). Click a cell to see the two." : "No two columns to compare.") + (note ? " " + note : ""),
    spec: { columns, matrix: part(found.matrix), directions: part(found.directions) },
    columns: ["Column", "Column", "Strength", "How"],
    rows: pairs.map((pair) => [pair.first, pair.second, pair.value === null ? NONE : signed(pair.value, 3), pair.value === null ? NONE : WORDS.get(pair.direction)]),
  };
}

Alpine.data("heatMap", () => ({
  method: "association",
  empty: true,
  loading: false,
  problem: "",
  asked: null,
  chosen: null,
  init() {
    whenOpened("relations", () => this.load());
  },
  get state() {
    return this.loading ? "Working it out…" : "";
  },
  get some() {
    return !this.empty;
  },
  get waits() {
    return this.loading && this.empty;
  },
  get meaning() {
    return MEANING[this.method];
  },
  choose(event) {
    this.method = event.currentTarget.dataset.method;
    for (const button of this.$root.querySelectorAll("[data-method]")) button.setAttribute("aria-pressed", String(button === event.currentTarget));
    this.load();
  },
  async load() {
    this.loading = true;
    this.problem = "";
    const place = this.$root.querySelector(".heat-map");
    place.classList.add("stale");
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    try {
      const found = await get(api("/correlation") + "?method=" + this.method, asked.signal);
      this.show(place, found);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      place.replaceChildren();
      this.empty = true;
      this.problem = said(problem);
    }
    place.classList.remove("stale");
    this.loading = false;
  },
  show(place, found) {
    this.chosen = null;
    this.empty = found.columns.length < 2;
    if (this.empty) return place.replaceChildren(h("p", { class: "muted small" }, NOTHING[this.method]));
    const pairs = pairsOf(found);
    const shown = strongestColumns(found, pairs, MOST_CELLS);
    const figure = buildChart(chartOf(found, pairs, shown));
    const names = shown.map((at) => found.columns[at]);
    const open = (event) => {
      const cell = event.target.closest("[data-at]");
      if (!cell || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      const at = Number(cell.dataset.at);
      this.showPair(names[at % names.length], names[Math.floor(at / names.length)]);
    };
    figure.addEventListener("click", open);
    figure.addEventListener("keydown", open);
    place.replaceChildren(figure, h("div", { class: "stack" }, h("div", { class: "pair-chart", "aria-live": "polite" }), this.strongest(pairs)));
    mountCharts(place);
  },
  strongest(pairs) {
    const item = ({ first, second, value, direction }) =>
      h(
        "li",
        {},
        h(
          "button",
          { class: "pair-button", type: "button", "data-direction": String(direction), onclick: () => this.showPair(first, second) },
          h("span", { class: "pair-names" }, h("span", {}, first, h("span", { class: "muted" }, " and "), second)),
          h("span", { class: "number" }, signed(value, 2)),
          h("span", { class: "pair-words" }, WORDS.get(direction)),
          h("meter", { min: "0", max: "1", value: String(Math.abs(value)), "aria-label": "Strength of " + first + " and " + second }),
        ),
      );
    const shown = pairs.filter((pair) => pair.value !== null).slice(0, MOST_PAIRS);
    return h("section", { class: "strongest", "aria-label": "Strongest pairs" }, h("h3", {}, "Strongest pairs"), h("ol", { class: "pairs" }, ...shown.map(item)));
  },
  async showPair(column, other) {
    const place = this.$root.querySelector(".heat-map .pair-chart");
    if (column === other) return place.replaceChildren(h("p", { class: "muted small" }, column + " with itself: always 1. Choose a cell beside the diagonal."));
    const wanted = column + "\n" + other;
    this.chosen = wanted;
    place.classList.add("stale");
    try {
      const figure = await pairFigure(column, other);
      if (this.chosen !== wanted) return;
      place.replaceChildren(figure);
      mountCharts(place);
      place.scrollIntoView({ block: "nearest" });
    } catch (problem) {
      if (this.chosen === wanted) place.replaceChildren(h("p", { class: "field-problem" }, said(problem)));
    }
    place.classList.remove("stale");
  },
}));
