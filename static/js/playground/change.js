// The card that looks for the smallest change of the row that has the model say something else.
import Alpine from "../../vendor/alpine.js";
import { post } from "../http.js";
import { numberOf } from "../typed.js";
import { askedOf, foundWords, textFor } from "./changing.js";
import { latest } from "./latest.js";

Alpine.data("change", () => ({
  url: "",
  goal: "",
  side: "above",
  level: "",
  busy: false,
  problem: "",
  words: "",
  found: null,
  ask: null,
  init() {
    this.url = "/api/results/model/" + encodeURIComponent(this.$root.dataset.model) + "/counterfactual";
    this.ask = latest((signal, body) => post(this.url, body, signal));
    // What was found was found for another row.
    this.$watch("$store.row.answer", () => {
      this.ask.giveUp();
      this.busy = false;
      this.found = null;
      this.words = "";
      this.problem = "";
    });
  },
  get usable() {
    return this.found !== null && this.found.found;
  },
  get action() {
    return this.busy ? "Looking…" : "Look for it";
  },
  get columns() {
    return [...this.$root.querySelectorAll("[data-column]")];
  },
  get target() {
    if (this.$root.dataset.kind === "classes") return this.goal || null;
    return { [this.side]: numberOf(this.level) };
  },
  all() {
    for (const row of this.columns) row.querySelector("[type=checkbox]").checked = true;
  },
  none() {
    for (const row of this.columns) row.querySelector("[type=checkbox]").checked = false;
  },
  async look(event) {
    event.preventDefault();
    if (this.busy) return;
    const held = (row, name) => row.querySelector("[name=" + name + "]")?.value ?? "";
    const rows = this.columns.map((row) => ({
      name: row.dataset.column,
      isOrdered: row.dataset.ordered !== undefined,
      may: row.querySelector("[type=checkbox]").checked,
      direction: held(row, "direction"),
      min: held(row, "min"),
      max: held(row, "max"),
    }));
    this.problem = "";
    this.words = "";
    this.found = null;
    const asked = askedOf(rows);
    if (!asked.changeable.length) {
      this.problem = "Choose at least one column that may change.";
      return;
    }
    if (this.$root.dataset.kind === "numbers" && this.target[this.side] === null) {
      this.problem = "Say in numbers what the prediction is to be.";
      return;
    }
    this.busy = true;
    try {
      const answered = await this.ask({ features: this.$store.row.features, ...asked, target: this.target });
      if (!answered) return;
      this.found = answered.result;
      this.words = foundWords(this.found, this.$root.dataset.target);
    } catch (problem) {
      this.problem = [problem.message, ...problem.fields.map((field) => field.message)].filter((text, at, all) => all.indexOf(text) === at).join(" ");
    }
    this.busy = false;
  },
  apply() {
    const texts = {};
    for (const { feature, to } of this.found.changes) {
      const row = this.columns.find((one) => one.dataset.column === feature);
      const control = document.getElementById(row.dataset.controlId);
      texts[feature] = textFor(row.dataset.control, row.dataset.role, to, [...(control?.options ?? [])].map((option) => option.value));
    }
    dispatchEvent(new CustomEvent("row-change", { detail: texts }));
    document.getElementById("answer-title").focus();
  },
}));
