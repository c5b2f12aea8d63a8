// One column from every side: how its values are spread, its figures, why it has its role, what it says of the target.
import Alpine from "../../vendor/alpine.js";
import { buildChart, mountCharts } from "../charts.js";
import { wholeNumber } from "../charts/distribution.js";
import { h } from "../dom.js";
import { number, percent, plural } from "../format.js";
import { said } from "../http.js";
import { distribution } from "../spark.js";
import { columnStats, info, target } from "./info.js";
import { pairFigure } from "./pair.js";

function edge(value) {
  return typeof value === "number" || /^-?\d+$/.test(value) ? number(value) : String(value).slice(0, 10);
}

function histogram(column, found, missing, stats) {
  const bins = found.counts.map((count, index) => ({ low: found.edges[index], high: found.edges[index + 1], count }));
  const single = bins.length > 0 && bins.every(wholeNumber);
  const half = single ? 0.5 : 0;
  const low = (bin) => edge(single ? bin.low + half : bin.low);
  return {
    kind: "histogram",
    title: "Distribution",
    caption: bins.length ? "From " + edge(stats.min) + " to " + edge(stats.max) + "." + missing : "There are no values.",
    spec: { column, bins },
    columns: single ? ["Value", "Rows"] : ["From", "To", "Rows"],
    rows: bins.map((bin) => (single ? [low(bin), number(bin.count)] : [edge(bin.low), edge(bin.high), number(bin.count)])),
  };
}

function categories(column, found, missing) {
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

function chartOf(column, found, stats) {
  const missing = found.missing ? " " + plural(found.missing, "row") + " without a value." : "";
  return found.kind === "histogram" ? histogram(column, found, missing, stats) : categories(column, found, missing);
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
  const reason = stats.reason ? h("p", { class: "muted small" }, "Taken as " + stats.role + ": " + stats.reason + ".") : null;
  return h("div", { class: "stack stack-tight" }, h("dl", { class: "facts" }, ...list.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])), reason);
}

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
    const body = this.$root.querySelector(".drawer-body");
    this.title = column;
    this.trainUrl = "/train?dataset=" + info.id + "&target=" + encodeURIComponent(column);
    body.replaceChildren(h("p", { class: "muted" }, h("span", { class: "skeleton" }), " Reading the column…"));
    if (!this.$root.open) this.$root.showModal();
    try {
      const [found, stats] = await Promise.all([distribution(info.id, column), columnStats()]);
      if (this.title !== column) return;
      const relation = h("div", { class: "drawer-relation", "aria-live": "polite" });
      body.replaceChildren(buildChart(chartOf(column, found, stats.get(column))), facts(stats.get(column)), relation);
      mountCharts(body);
      if (target() && target() !== column) await this.relate(column, relation);
    } catch (problem) {
      body.replaceChildren(h("p", { class: "field-problem" }, said(problem)));
    }
  },
  async relate(column, place) {
    try {
      place.replaceChildren(await pairFigure(column, target()));
      mountCharts(place);
    } catch (problem) {
      place.replaceChildren(h("p", { class: "field-problem" }, said(problem)));
    }
  },
}));
