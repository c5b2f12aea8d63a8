// Data Studio, one table: rows, columns, relations, and what to do with it.
import Alpine from "../../vendor/alpine.js";
import { buildChart, mountCharts } from "../charts.js";
import "../charts/correlation.js";
import { wholeNumber } from "../charts/distribution.js";
import { dataOf, h } from "../dom.js";
import { number, percent, plural, signed } from "../format.js";
import "../grid.js";
import { call, get } from "../http.js";
import { drawSparks, distribution } from "../spark.js";
import "../table.js";
import "../tabs.js";

const MEANING = {
  pearson: "Linear: both rise and fall in a straight line. From −1 (opposite) over 0 (nothing in common) to 1 (together).",
  spearman: "Rank: one rises when the other does, straight or curved. From −1 (opposite) over 0 to 1 (together).",
  association: "Any type: how much one column says about the other, numbers and categories alike. From 0 (nothing) to 1 (everything).",
};
const MOST_CELLS = 40;

let statistics = null;

function statsOf(dataset) {
  statistics ??= get("/api/datasets/" + dataset + "/stats").then((answer) => new Map(answer.columns.map((column) => [column.name, column])));
  return statistics;
}

function edge(value) {
  return typeof value === "number" ? number(value) : String(value).slice(0, 10);
}

function chartOf(column, found) {
  const missing = found.missing ? " " + plural(found.missing, "row") + " without a value." : "";
  if (found.kind === "histogram") {
    const bins = found.counts.map((count, index) => ({ low: found.edges[index], high: found.edges[index + 1], count }));
    const single = bins.length > 0 && bins.every(wholeNumber);
    const half = single ? 0.5 : 0;
    const last = bins.length ? bins[bins.length - 1].high : 0;
    const range = () => "From " + edge(single ? bins[0].low + half : bins[0].low) + " to " + edge(single ? last - half : last) + ".";
    return {
      kind: "histogram",
      title: "Distribution",
      caption: bins.length ? range() + missing : "There are no values.",
      spec: { column, bins },
      columns: single ? ["Value", "Rows"] : ["From", "To", "Rows"],
      rows: bins.map((bin) => (single ? [edge(bin.low + half), number(bin.count)] : [edge(bin.low), edge(bin.high), number(bin.count)])),
    };
  }
  const bars = found.values.map((value, index) => ({ value: value === "" || value === null ? "(empty)" : String(value), count: found.counts[index] }));
  if (found.other) bars.push({ value: "all others", count: found.other });
  const total = bars.reduce((sum, bar) => sum + bar.count, 0) || 1;
  return {
    kind: "categories",
    title: "Values",
    caption: bars.length ? "The most frequent is " + bars[0].value + ", in " + percent(bars[0].count / total) + " of the rows." + missing : "There are no values.",
    spec: { column, bars },
    columns: ["Value", "Rows", "Share"],
    rows: bars.map((bar) => [bar.value, number(bar.count), percent(bar.count / total)]),
  };
}

function facts(stats) {
  const list = [
    ["Role", stats.role + " (" + stats.dtype + ")"],
    ["Missing", stats.missing ? number(stats.missing) + " (" + percent(stats.missing_share) + ")" : "none"],
    ["Distinct values", number(stats.n_unique)],
  ];
  if (stats.mean !== null) {
    list.push(["Mean", number(stats.mean)], ["Standard deviation", number(stats.std)], ["Smallest", number(stats.min)], ["First quarter below", number(stats.q25)]);
    list.push(["Median", number(stats.median)], ["Last quarter above", number(stats.q75)], ["Largest", number(stats.max)], ["Skewness", number(stats.skewness)]);
  } else if (stats.min !== null) list.push(["First", String(stats.min)], ["Last", String(stats.max)]);
  return h("dl", { class: "facts" }, ...list.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

Alpine.data("dataset", () => ({
  confirmation: "",
  problem: "",
  init() {
    this.info = dataOf(this.$root, "dataset");
    drawSparks(this.info.id);
    this.$root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-open-column]");
      if (button) this.$root.querySelector("#column-drawer").dispatchEvent(new CustomEvent("show-column", { detail: button.dataset.openColumn }));
    });
  },
  dialog() {
    return this.$root.querySelector("#delete-dialog");
  },
  get unconfirmed() {
    return this.confirmation.trim().toLowerCase() !== "delete";
  },
  askDelete() {
    this.confirmation = "";
    this.problem = "";
    this.dialog().showModal();
  },
  keep() {
    this.dialog().close();
  },
  async remove(event) {
    event.preventDefault();
    if (this.unconfirmed) return;
    try {
      await call("DELETE", "/api/datasets/" + this.info.id);
      location.assign("/datasets");
    } catch (problem) {
      this.problem = problem.message + (problem.hint ? " " + problem.hint : "");
    }
  },
}));

Alpine.data("drawer", () => ({
  title: "",
  trainUrl: "",
  init() {
    this.$root.addEventListener("show-column", (event) => this.show(event.detail));
    this.$root.addEventListener("click", (event) => event.target === this.$root && this.close());
  },
  close() {
    this.$root.close();
  },
  async show(column) {
    const { id } = dataOf(document.querySelector("[data-dataset]"), "dataset");
    const body = this.$root.querySelector(".drawer-body");
    this.title = column;
    this.trainUrl = "/train?dataset=" + id + "&target=" + encodeURIComponent(column);
    body.replaceChildren(h("p", { class: "muted" }, h("span", { class: "skeleton" }), " Reading the column…"));
    this.$root.showModal();
    try {
      const [found, stats] = await Promise.all([distribution(id, column), statsOf(id)]);
      body.replaceChildren(buildChart(chartOf(column, found)), facts(stats.get(column)));
      mountCharts(body);
    } catch (problem) {
      body.replaceChildren(h("p", { class: "field-problem" }, problem.message));
    }
  },
}));

Alpine.data("relations", () => ({
  method: "pearson",
  loading: false,
  shown: false,
  init() {
    addEventListener("tab", (event) => {
      if (event.detail === "relations" && !this.shown) this.load();
    });
    if (location.hash === "#relations" && !this.shown) this.load();
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
    this.shown = true;
    this.loading = true;
    const { id } = dataOf(document.querySelector("[data-dataset]"), "dataset");
    const place = this.$root.querySelector(".relations-chart");
    place.querySelectorAll(".relations, .field-problem").forEach((old) => old.remove());
    try {
      const found = await get("/api/datasets/" + id + "/correlation?method=" + this.method);
      place.append(h("div", { class: "relations" }, buildChart(this.chart(found)), this.strongest(found)));
      mountCharts(place);
    } catch (problem) {
      place.append(h("p", { class: "field-problem" }, problem.message));
    }
    this.loading = false;
  },
  // Every two columns once, the strongest first.
  pairs(found) {
    const pairs = [];
    found.columns.forEach((row, at) => found.columns.slice(0, at).forEach((column, other) => pairs.push([column, row, found.matrix[at][other]])));
    const strength = (pair) => (pair[2] === null ? -1 : Math.abs(pair[2]));
    return pairs.sort((a, b) => strength(b) - strength(a));
  },
  strongest(found) {
    const pairs = this.pairs(found).filter((pair) => pair[2] !== null).slice(0, 10);
    const item = ([first, second, value]) =>
      h(
        "li",
        {},
        h("span", {}, first, h("span", { class: "muted" }, " and "), second),
        h("meter", { min: "0", max: "1", value: String(Math.abs(value)), "aria-label": "Strength of " + first + " and " + second }),
        h("span", { class: "number" }, signed(value, 2)),
      );
    return h("section", { class: "strongest", "aria-label": "Strongest pairs" }, h("h3", {}, "Strongest pairs"), h("ol", { class: "pairs" }, ...pairs.map(item)));
  },
  chart(found) {
    const names = found.columns.slice(0, MOST_CELLS);
    const matrix = found.matrix.slice(0, MOST_CELLS).map((row) => row.slice(0, MOST_CELLS));
    const pairs = this.pairs(found);
    const top = pairs[0];
    const cut = found.columns.length > MOST_CELLS ? " The first " + MOST_CELLS + " of " + found.columns.length + " columns." : "";
    return {
      kind: "correlation",
      title: "Correlation",
      caption: (top && top[2] !== null ? "The strongest: " + top[0] + " and " + top[1] + " (" + signed(top[2], 2) + ")." : "No two columns to compare.") + cut,
      spec: { columns: names, matrix },
      columns: ["Column", "Column", "Strength"],
      rows: pairs.map((pair) => [pair[0], pair[1], pair[2] === null ? "–" : signed(pair[2], 3)]),
    };
  },
}));

mountCharts();
