// How every two columns move together, and the two that are chosen beside it.
import Alpine from "../../vendor/alpine.js";
import { buildChart, mountCharts } from "../charts.js";
import "../charts/correlation.js";
import { h } from "../dom.js";
import { NONE, signed } from "../format.js";
import { get, said } from "../http.js";
import { api, whenOpened } from "./info.js";
import { pairFigure } from "./pair.js";

const MEANING = {
  pearson: "Linear: both rise and fall in a straight line. From −1 (opposite) over 0 (nothing in common) to 1 (together).",
  spearman: "Rank: one rises when the other does, straight or curved. From −1 (opposite) over 0 to 1 (together).",
  association: "Any type: how much one column says about the other, numbers and categories alike. From 0 (nothing) to 1 (everything).",
};
const MOST_CELLS = 40;
const MOST_PAIRS = 10;

// Every two columns once, the strongest first.
function pairsOf(found) {
  const pairs = [];
  found.columns.forEach((row, at) => found.columns.slice(0, at).forEach((column, other) => pairs.push([column, row, found.matrix[at][other]])));
  const strength = (pair) => (pair[2] === null ? -1 : Math.abs(pair[2]));
  return pairs.sort((a, b) => strength(b) - strength(a));
}

function chartOf(found, pairs) {
  const top = pairs[0];
  const cut = found.columns.length > MOST_CELLS ? " The first " + MOST_CELLS + " of " + found.columns.length + " columns." : "";
  const note = found.note ? " " + found.note : "";
  return {
    kind: "correlation",
    title: "Correlation",
    caption: (top && top[2] !== null ? "The strongest: " + top[0] + " and " + top[1] + " (" + signed(top[2], 2) + "). Click a cell to see the two." : "No two columns to compare.") + cut + note,
    spec: { columns: found.columns.slice(0, MOST_CELLS), matrix: found.matrix.slice(0, MOST_CELLS).map((row) => row.slice(0, MOST_CELLS)) },
    columns: ["Column", "Column", "Strength"],
    rows: pairs.map((pair) => [pair[0], pair[1], pair[2] === null ? NONE : signed(pair[2], 3)]),
  };
}

Alpine.data("heatMap", () => ({
  method: "pearson",
  loading: false,
  problem: "",
  asked: null,
  chosen: null,
  init() {
    // Hardly any numbers: only the measure for columns of any type is of use, and there is nothing to choose.
    if (!this.$root.querySelector("[data-method]")) this.method = "association";
    whenOpened("relations", () => this.load());
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
      this.problem = said(problem);
    }
    place.classList.remove("stale");
    this.loading = false;
  },
  show(place, found) {
    const pairs = pairsOf(found);
    const figure = buildChart(chartOf(found, pairs));
    const names = found.columns.slice(0, MOST_CELLS);
    const open = (event) => {
      const cell = event.target.closest("[data-at]");
      if (!cell || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      const at = Number(cell.dataset.at);
      this.showPair(names[at % names.length], names[Math.floor(at / names.length)]);
    };
    figure.addEventListener("click", open);
    figure.addEventListener("keydown", open);
    this.chosen = null;
    place.replaceChildren(figure, h("div", { class: "stack" }, h("div", { class: "pair-chart", "aria-live": "polite" }), this.strongest(pairs)));
    mountCharts(place);
  },
  strongest(pairs) {
    const item = ([first, second, value]) =>
      h(
        "li",
        {},
        h(
          "button",
          { class: "pair-button", type: "button", onclick: () => this.showPair(first, second) },
          h("span", { class: "pair-names" }, h("span", {}, first, h("span", { class: "muted" }, " and "), second)),
          h("span", { class: "number" }, signed(value, 2)),
          h("meter", { min: "0", max: "1", value: String(Math.abs(value)), "aria-label": "Strength of " + first + " and " + second }),
        ),
      );
    const shown = pairs.filter((pair) => pair[2] !== null).slice(0, MOST_PAIRS);
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
