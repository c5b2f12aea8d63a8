// What goes with the target: every column by how much it says, and how for the one that is chosen.
import Alpine from "../../vendor/alpine.js";
import { mountCharts } from "../charts.js";
import { h, icon } from "../dom.js";
import { get, said } from "../http.js";
import { api, target, whenOpened } from "./info.js";
import { pairFigure } from "./pair.js";

const MOST_COLUMNS = 100;

Alpine.data("goesWith", () => ({
  loading: false,
  problem: "",
  count: 0,
  asked: null,
  wanted: "",
  init() {
    whenOpened("relations", () => {
      this.load();
      this.$watch("$store.target.name", () => this.load());
    });
  },
  get state() {
    return this.loading ? "Comparing the columns…" : "";
  },
  get none() {
    return !this.$store.target.name;
  },
  get some() {
    return this.count > 0;
  },
  async load() {
    const wanted = target();
    this.asked?.abort();
    this.problem = "";
    this.count = 0;
    this.loading = wanted !== "";
    if (!wanted) return;
    const asked = new AbortController();
    this.asked = asked;
    try {
      const found = await get(api("/relations") + "?target=" + encodeURIComponent(wanted), asked.signal);
      this.show(found);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.problem = said(problem);
    }
    this.loading = false;
  },
  show(found) {
    const shown = found.columns.slice(0, MOST_COLUMNS);
    const left = found.columns.length - shown.length;
    const list = h("ol", { class: "pairs", "aria-label": "Columns, the strongest first" }, ...shown.map((column) => this.row(column)));
    const notes = [found.note, left ? left + " weaker columns are not listed." : null].filter(Boolean).map((note) => h("p", { class: "muted small" }, note));
    this.$root.querySelector(".strengths").replaceChildren(list, ...notes);
    this.$root.querySelector(".pair-chart").replaceChildren();
    this.count = shown.length;
    if (shown.length && shown[0].strength !== null) this.choose(list.querySelector("button"), shown[0].name);
  },
  row(column) {
    const known = column.strength !== null;
    const bits = column.mutual_information === null ? "" : ", " + column.mutual_information.toFixed(2) + " bits";
    return h(
      "li",
      {},
      h(
        "button",
        { class: "pair-button", type: "button", "data-direction": String(column.direction), "aria-pressed": "false", disabled: !known, title: known ? column.measure + bits : null, onclick: (event) => this.choose(event.currentTarget, column.name) },
        h("span", { class: "pair-names" }, icon(column.role), column.name),
        h("span", { class: "number" }, known ? column.strength.toFixed(2) : "nothing to compare"),
        known && column.direction ? h("span", { class: "pair-words" }, target() + (column.direction > 0 ? " rises with it" : " falls as it rises")) : null,
        known ? h("meter", { min: "0", max: "1", value: String(column.strength), "aria-label": column.measure + " of " + column.name }) : null,
      ),
    );
  },
  async choose(button, column) {
    for (const other of this.$root.querySelectorAll(".pair-button")) other.setAttribute("aria-pressed", String(other === button));
    const place = this.$root.querySelector(".pair-chart");
    const wanted = target() + "\n" + column;
    this.wanted = wanted;
    place.classList.add("stale");
    try {
      const figure = await pairFigure(column, target());
      if (this.wanted !== wanted) return;
      place.replaceChildren(figure);
      mountCharts(place);
    } catch (problem) {
      if (this.wanted === wanted) place.replaceChildren(h("p", { class: "field-problem" }, said(problem)));
    }
    place.classList.remove("stale");
  },
}));
