// The card that says how the answer depends on one column: its line is asked for once, the row's point follows.
import Alpine from "../../vendor/alpine.js";
import { buildChart, mountCharts } from "../charts.js";
import "../charts/explaining.js";
import { number, percent } from "../format.js";
import { get, said } from "../http.js";
import { dependenceWords, heightOf, placeOf } from "./dependence.js";
import { latest } from "./latest.js";

Alpine.data("depends", () => ({
  url: "",
  column: "",
  problem: "",
  busy: false,
  note: "How the prediction changes with a single column, everything else as it is.",
  found: null,
  known: null,
  ask: null,
  followed: "",
  init() {
    this.url = "/api/results/model/" + encodeURIComponent(this.$root.dataset.model) + "/partial-dependence?feature=";
    this.known = Alpine.raw(new Map());
    this.ask = latest((signal, column) => get(this.url + encodeURIComponent(column), signal));
    this.$watch("$store.row.answer", () => this.draw());
    // The column at hand: the one that somebody has just changed, until one is chosen here.
    addEventListener("column-changed", ({ detail }) => {
      if (!this.column || this.followed === this.column) this.choose((this.followed = detail));
    });
  },
  chosen(event) {
    this.choose(event.target.value);
  },
  async choose(column) {
    if (column === this.column && this.found) return;
    this.column = column;
    this.problem = "";
    if (!column) return;
    this.busy = !this.known.has(column);
    try {
      if (!this.known.has(column)) {
        const answered = await this.ask(column);
        if (!answered) return;
        this.known.set(column, answered.result);
      } else {
        this.ask.giveUp();
      }
      this.found = Alpine.raw(this.known.get(column));
      this.draw();
    } catch (problem) {
      this.problem = said(problem);
    }
    this.busy = false;
  },
  draw() {
    const { found } = this;
    if (!found) return;
    const isShare = found.class !== null;
    const text = (value) => (typeof value === "number" ? number(value) : String(value));
    const points = found.grid.map((value, at) => ({ x: placeOf(found.kind, value), text: found.feature + " " + text(value), mean: found.mean[at], low: found.low[at], high: found.high[at] }));
    const { features, answer } = this.$store.row;
    const x = placeOf(found.kind, features[found.feature]);
    const y = heightOf(answer, found.class);
    const spec = {
      kind: found.kind,
      feature: found.feature,
      label: isShare ? "Probability of " + found.class + " (%)" : this.$root.dataset.target,
      share: isShare,
      isOrdered: found.kind === "number" || found.kind === "date",
      points: found.kind === "date" ? points.map((point) => ({ ...point, x: new Date(point.x) })) : points,
      lines: found.ice,
      here: x === null || y === null ? null : { x: found.kind === "date" ? new Date(x) : x, y, text: text(features[found.feature]) },
    };
    const said = isShare ? (value) => percent(value, 1) : number;
    this.note = dependenceWords(found, this.$root.dataset.target);
    const slot = this.$root.querySelector(".depends-chart");
    const open = slot.querySelector(".chart-data")?.open;
    slot.replaceChildren(
      buildChart({
        kind: "dependence",
        title: "With other values of " + found.feature,
        caption: "The thick line: the average over " + number(found.n_rows) + " rows of the table; thin ones: single rows; the diamond: this row.",
        spec,
        columns: [found.feature, "On average", "8 of 10 rows from", "to"],
        rows: points.map((point, at) => [text(found.grid[at]), said(point.mean), said(point.low), said(point.high)]),
      }),
    );
    if (open) slot.querySelector(".chart-data").open = true;
    this.$nextTick(() => mountCharts(slot));
  },
}));
