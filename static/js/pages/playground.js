// Playground: every change asks the model again; the answer, its probabilities and its doubts stand beside the form.
import Alpine from "../../vendor/alpine.js";
import { copyText, dataOf, debounce, h } from "../dom.js";
import { milliseconds, NONE, number, percent } from "../format.js";
import { curl, post } from "../http.js";
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
  hasWarnings: false,
  stale: false,
  copyText: "Copy",
  features: {},
  init() {
    this.form = dataOf(this.$root, "form");
    this.controls = new Map(this.form.fields.map((field) => [field.name, document.getElementById(field.id)]));
    this.predictSoon = debounce(WAIT, () => this.predict());
    this.read();
    this.predict();
  },
  get answerClass() {
    return this.stale ? "answer-stale" : "";
  },
  get curl() {
    return curl(location.origin + "/api/results/predict", { model_id: this.form.model_id, features: this.features });
  },
  read() {
    const features = {};
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
    for (const field of this.form.fields) {
      const control = this.controls.get(field.name);
      control.value = field.value;
      this.follow(control);
    }
    this.changed();
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
    this.hasInterval = Boolean(result.interval);
    if (result.interval) {
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
