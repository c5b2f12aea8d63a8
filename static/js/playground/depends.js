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
  // The class that is asked about; empty: the one that is predicted.
  chosen: "",
  seen: false,
  problem: "",
  busy: false,
  note: "How the prediction changes with a single column, everything else as it is.",
  found: null,
  known: null,
  ask: null,
  asking: "",
  followed: "",
  init() {
    this.url = "/api/results/model/" + encodeURIComponent(this.$root.dataset.model) + "/partial-dependence?feature=";
    this.known = Alpine.raw(new Map());
    this.ask = latest((signal, query) => get(this.url + query, signal));
    this.$watch("$store.row.answer", (answer) => (answer ? this.load() : this.draw()));
    this.$watch("chosen", () => this.load());
    // The column at hand: the one that somebody has just changed, until one is chosen here; before that, as soon as
    // somebody looks, the one that has moved the answer most.
    addEventListener("column-changed", ({ detail }) => this.follow(detail));
    const begin = () => {
      if (this.seen && !this.column) this.follow(this.$store.row.leading.find((column) => this.offers(column)));
    };
    this.$watch("$store.row.leading", begin);
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      this.seen = true;
      begin();
    }).observe(this.$root);
  },
  follow(column) {
    if (!column || !this.offers(column) || (this.column && this.followed !== this.column)) return;
    this.followed = column;
    this.choose(column);
  },
  // Free text has no line.
  offers(column) {
    return [...this.$root.querySelector("#depends-column").options].some((option) => option.value === column);
  },
  pick(event) {
    this.choose(event.target.value);
  },
  choose(column) {
    this.column = column;
    return this.load();
  },
  get query() {
    const { answer } = this.$store.row;
    // Of two classes one line says all: the default is that of the last one.
    const isOfMany = Object.keys(answer?.probabilities ?? {}).length > 2;
    const name = isOfMany ? this.chosen || String(answer.prediction) : "";
    return encodeURIComponent(this.column) + (name ? "&class=" + encodeURIComponent(name) : "");
  },
  async load() {
    this.problem = "";
    if (!this.column) return;
    const { query } = this;
    if (query === this.asking) return;
    this.asking = this.known.has(query) ? "" : query;
    this.busy = this.asking !== "";
    try {
      if (this.busy) {
        const answered = await this.ask(query);
        if (!answered) return;
        this.known.set(query, answered.result);
      } else {
        this.ask.giveUp();
      }
      this.found = Alpine.raw(this.known.get(query));
      this.draw();
    } catch (problem) {
      this.problem = said(problem);
    }
    this.asking = "";
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
