// The card that says why: asked for again with every answer, of which only the last counts.
import Alpine from "../../vendor/alpine.js";
import { buildChart, mountCharts, updateChart } from "../charts.js";
import "../charts/explaining.js";
import { debounce } from "../dom.js";
import { post, said } from "../http.js";
import { readable, reasonWords, rowsOf, scaleWords, stepsOf, unitOf } from "./contributions.js";
import { latest } from "./latest.js";

const WAIT = 250;
const ABOUT = "What each column adds to the answer.";

Alpine.data("why", () => ({
  url: "",
  chosen: "",
  problem: "",
  note: "Working out what each column adds to the answer…",
  how: "",
  figure: null,
  ask: null,
  init() {
    this.url = "/api/results/model/" + encodeURIComponent(this.$root.dataset.model) + "/explain";
    this.ask = latest((signal, body) => post(this.url, body, signal));
    const soon = debounce(WAIT, () => this.load());
    this.$watch("$store.row.answer", soon);
    this.$watch("chosen", soon);
  },
  get isOld() {
    return this.figure !== null && this.$store.row.answer === null;
  },
  get chartClass() {
    return this.isOld ? "why-old" : "";
  },
  async load() {
    const { answer, features } = this.$store.row;
    if (!answer) {
      this.ask.giveUp();
      if (!this.figure) this.note = ABOUT;
      return;
    }
    try {
      const body = { features };
      if (answer.probabilities) body.class = this.chosen || String(answer.prediction);
      const found = await this.ask(body);
      if (found) this.show(found.result);
    } catch (problem) {
      this.problem = said(problem);
      this.note = ABOUT;
    }
  },
  show(found) {
    const unit = unitOf(found, this.$root.dataset.target);
    const shown = readable(found);
    const steps = stepsOf(shown);
    const spec = { base: shown.base_value, end: steps.at(-1)?.to ?? shown.base_value, steps, unit };
    const rows = rowsOf(shown);
    const probabilities = this.$store.row.answer?.probabilities ?? {};
    const isBinary = Object.keys(probabilities).length === 2;
    this.problem = "";
    this.note = reasonWords(found, this.$root.dataset.target, isBinary, probabilities[found.class] ?? null);
    this.$store.row.leading = steps.map((step) => step.feature).filter(Boolean);
    const sampled = found.exact ? "" : "Parts of this model are neither trees nor lines: what its columns add was found by asking it about rows between the typical one and this.";
    this.how = (scaleWords(found, isBinary) + " " + sampled).trim();
    const slot = this.$root.querySelector(".why-chart");
    if (this.figure) {
      updateChart(this.figure, spec, () => rows);
      return;
    }
    this.figure = Alpine.raw(buildChart({ kind: "waterfall", title: "From a typical row to this one", caption: "What each column adds or takes away, the largest first.", spec, columns: ["Column", "Adds", "Then it is"], rows }));
    slot.replaceChildren(this.figure);
    this.$nextTick(() => mountCharts(slot));
  },
}));
