// One column from every side: how its values are spread, its figures, why it has its role, what it says of the target.
import Alpine from "../../vendor/alpine.js";
import { buildChart, mountCharts } from "../charts.js";
import { h } from "../dom.js";
import { number, percent } from "../format.js";
import { said } from "../http.js";
import { distribution, isScattered } from "../spark.js";
import { columnStats, info, target } from "./info.js";
import { pairFigure } from "./pair.js";
import { spreadChart } from "./spread.js";
import { textFigures } from "./texts.js";

function chartOf(column, found, stats) {
  const title = found.kind === "histogram" ? "Distribution" : "Values";
  return { ...spreadChart(column, found, [stats.min, stats.max]), title };
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
    body.replaceChildren(h("span", { class: "skeleton skeleton-chart", "aria-hidden": "true" }), h("p", { class: "sr-only", role: "status" }, "Reading the column…"));
    if (!this.$root.open) this.$root.showModal();
    try {
      const [found, stats] = await Promise.all([distribution(info.id, column), columnStats()]);
      if (this.title !== column) return;
      const relation = h("div", { class: "drawer-relation", "aria-live": "polite" });
      // Bars of values that hardly repeat say nothing of texts.
      const texts = stats.get(column).dtype === "String" && (stats.get(column).role === "text" || isScattered(found));
      const figures = texts ? await textFigures(column) : [buildChart(chartOf(column, found, stats.get(column)))];
      if (this.title !== column) return;
      body.replaceChildren(...figures, facts(stats.get(column)), relation);
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
