// Playground: every change asks the model again; the answer, its probabilities and its doubts stand beside the form.
import Alpine from "../../vendor/alpine.js";
import { copyText, dataOf, debounce, h } from "../dom.js";
import { milliseconds, NONE, number, percent } from "../format.js";
import { curl, get, post } from "../http.js";
import { problemToast } from "../toasts.js";
import { byImportance, filledIn, found, keptOf, placesOf, truthOf } from "../trying.js";
import { numberOf, valueOf } from "../typed.js";

const WAIT = 120;

Alpine.data("playground", () => ({
  answer: "…",
  detail: "Asking the model",
  latency: "",
  low: "",
  high: "",
  coverage: "",
  hasInterval: false,
  places: { low: 0, value: 0, high: 0, truth: 0, start: 0, end: 0 },
  hasTruth: false,
  truth: "",
  matches: "",
  hasWarnings: false,
  stale: false,
  copyText: "Copy",
  features: {},
  init() {
    this.form = dataOf(this.$root, "form");
    this.controls = new Map(this.form.fields.map((field) => [field.name, document.getElementById(field.id)]));
    this.predictSoon = debounce(WAIT, () => this.predict());
    this.example = this.form.example;
    this.values = new Map(this.form.fields.map((field) => [field.name, field.value]));
    this.matches = this.$root.querySelector("[x-text=matches]")?.textContent ?? "";
    this.fillIn();
    this.read();
    this.predict();
    if (!this.form.important) this.askImportance();
  },
  // Of many columns those that matter come first, as soon as that is known and unless somebody has begun to type.
  async askImportance() {
    try {
      const { items } = await get("/api/results/model/" + this.form.model_id + "/feature-importance?method=permutation");
      const folded = this.$root.querySelector("details.more");
      const begun = !this.untouched || folded.open || this.$root.querySelector("form").contains(document.activeElement);
      if (begun) {
        this.matches = "The first columns of the table.";
        return;
      }
      const first = this.$root.querySelectorAll("form > [data-field]").length;
      const fields = byImportance([...this.$root.querySelectorAll("[data-field]")], (field) => field.dataset.field, items);
      folded.before(...fields.slice(0, first));
      folded.querySelector(".play-fields").append(...fields.slice(first));
      this.matches = "The columns that matter most come first.";
    } catch {
      this.matches = "The first columns of the table.";
    }
  },
  get axisStart() {
    return number(this.places.start);
  },
  get axisEnd() {
    return number(this.places.end);
  },
  get answerClass() {
    return this.stale ? "answer-stale" : "";
  },
  get curl() {
    return curl(location.origin + "/api/results/predict", { model_id: this.form.model_id, features: this.features });
  },
  read() {
    const features = { ...this.form.kept };
    for (const field of this.form.fields) features[field.name] = valueOf(field, this.controls.get(field.name).value);
    this.features = features;
  },
  submitted(event) {
    event.preventDefault();
    this.changed();
  },
  changed(event) {
    if (event) this.follow(event.target);
    this.read();
    this.predictSoon();
  },
  // The slider below a number and the number itself say the same.
  follow(control) {
    const slider = this.$root.querySelector("input[data-for='" + control.id + "']");
    const value = numberOf(control.value);
    if (slider && value !== null) slider.value = value;
  },
  slid(event) {
    const value = Number(event.target.value);
    document.getElementById(event.target.dataset.for).value = Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
    this.read();
    this.predictSoon();
  },
  fill() {
    this.fillIn();
    this.changed();
  },
  // The example in the controls, and what they make of it: times lose seconds that are 0.
  fillIn() {
    this.filled = filledIn(this.controls, this.values);
    for (const control of this.controls.values()) this.follow(control);
  },
  // Any other row of the table, by chance.
  async another() {
    const row = 1 + Math.floor(Math.random() * this.form.rows);
    try {
      const example = await get("/models/" + this.form.model_id + "/example.json?row=" + row);
      if (!example) throw new Error("The table of this model is no longer there.");
      this.example = example;
      for (const name of this.values.keys()) this.values.set(name, example.values[name]);
      this.form.kept = keptOf(Object.keys(this.form.kept), example);
      this.fill();
    } catch (problem) {
      problemToast("No other row", problem);
    }
  },
  // Whether the form still holds the example as it was.
  get untouched() {
    return [...this.controls].every(([name, control]) => control.value === this.filled.get(name));
  },
  search(event) {
    const fields = [...this.$root.querySelectorAll("[data-field]")];
    const query = event.target.value;
    const shown = new Set(found(fields.map((field) => field.dataset.field), query));
    for (const field of fields) field.hidden = !shown.has(field.dataset.field);
    this.$root.querySelector("details.more").open = query.trim() !== "" && shown.size > 0;
    this.matches = number(shown.size) + (shown.size === 1 ? " column" : " columns");
  },
  empty() {
    for (const control of this.controls.values()) control.value = "";
    this.changed();
  },
  async predict() {
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    const slow = setTimeout(() => (this.stale = this.latency !== ""), 250);
    try {
      this.show(await post("/api/results/predict", { model_id: this.form.model_id, features: this.features }, abort.signal));
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.fail(problem);
    } finally {
      clearTimeout(slow);
      if (this.abort === abort) this.stale = false;
    }
  },
  show(result) {
    const value = result.prediction;
    this.answer = typeof value === "number" && !result.probabilities ? number(value) : String(value);
    this.latency = "answered in " + milliseconds(result.latency_ms);
    const sure = result.probability ?? result.confidence;
    this.detail = result.probabilities ? percent(sure, 1) + " probability" : "predicted value";
    this.showProbabilities(result.probabilities, String(value));
    const example = this.untouched ? this.example : null;
    this.truth = example ? truthOf(example, this.form.target, result) : "";
    this.hasInterval = Boolean(result.interval);
    if (result.interval) {
      const truth = typeof example?.truth === "number" ? example.truth : null;
      this.hasTruth = truth !== null;
      this.places = placesOf({ ...result.interval, value, range: this.form.range, truth });
      this.low = number(result.interval.low);
      this.high = number(result.interval.high);
      this.coverage = Math.round(result.interval.coverage * 100) + " % of true values lie between";
    }
    this.showNotes(result.warnings || [], []);
  },
  showProbabilities(probabilities, chosen) {
    for (const row of this.$root.querySelectorAll("[data-class]")) {
      const share = probabilities?.[row.dataset.class] ?? 0;
      row.querySelector("progress").value = share;
      row.querySelector(".number").textContent = percent(share, 1);
      row.classList.toggle("probability-chosen", row.dataset.class === chosen);
    }
  },
  fail(problem) {
    this.answer = NONE;
    this.detail = problem.fields.length ? "Some fields need another value." : problem.message;
    this.latency = "";
    this.hasInterval = false;
    this.truth = "";
    this.showProbabilities(null, "");
    this.showNotes([], problem.fields);
  },
  // Warnings and problems stand at the field they name; what names none stands below the answer.
  showNotes(warnings, problems) {
    const general = [];
    const notes = new Map();
    for (const warning of warnings) {
      const field = this.form.fields.find(({ name }) => warning.includes("“" + name + "”") || warning.includes("'" + name + "'") || warning.includes('"' + name + '"'));
      if (field) notes.set(field.name, [warning, "field-warning"]);
      else general.push(warning);
    }
    for (const { field, message } of problems) {
      const found = this.form.fields.find(({ name }) => field === name || field.endsWith("." + name));
      if (found) notes.set(found.name, [message, "field-problem"]);
      else general.push(message);
    }
    for (const field of this.form.fields) {
      const [text, kind] = notes.get(field.name) || ["", ""];
      const control = this.controls.get(field.name);
      const message = document.getElementById(field.id + "-note");
      message.textContent = text;
      message.className = "field-message " + kind;
      if (kind === "field-problem") control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
    this.hasWarnings = general.length > 0;
    this.$root.querySelector(".answer-warnings").replaceChildren(...general.map((text) => h("li", {}, text)));
  },
  async copy() {
    await copyText(this.curl);
    this.copyText = "Copied";
    setTimeout(() => (this.copyText = "Copy"), 1600);
  },
}));
