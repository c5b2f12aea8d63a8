// Playground: every change asks the model again; the answer, its doubts and what it was before stand beside the form.
import Alpine from "../../vendor/alpine.js";
import { copyText, dataOf, debounce, h } from "../dom.js";
import { milliseconds, NONE, number, percent } from "../format.js";
import { curl, get, post } from "../http.js";
import { watchConnection } from "../live.js";
import { intervalWords, setWords, shownClasses, thresholdWords } from "../playground/certainty.js";
import "../playground/change.js";
import "../playground/depends.js";
import { answerWords, changesOf, differenceWords } from "../playground/difference.js";
import { keepRow, keptRow } from "../playground/kept.js";
import { latest } from "../playground/latest.js";
import { Row } from "../playground/row.js";
import "../playground/scoring.js";
import "../playground/why.js";
import { recallHere, rememberHere } from "../storage.js";
import "../tabs.js";
import { problemToast } from "../toasts.js";
import { byImportance, found, keptOf, placesOf, truthOf } from "../trying.js";

const WAIT = 120;
const COVERAGE = 0.9;

// What the other parts of the page follow: the row that was answered last, what came of it, and the column that has moved
// the answer most.
Alpine.store("row", { features: {}, answer: null, example: null, leading: [] });

Alpine.data("playground", () => ({
  form: null,
  row: null,
  answer: "…",
  detail: "Asking the model",
  latency: "",
  low: "",
  high: "",
  between: "",
  hasInterval: false,
  places: { low: 0, value: 0, high: 0, truth: 0, start: 0, end: 0 },
  hasTruth: false,
  truth: "",
  set: "",
  hasSet: false,
  threshold: "",
  coverage: String(COVERAGE),
  before: "",
  difference: "",
  matches: "",
  // Of which row the example is.
  source: "",
  hasWarnings: false,
  stale: false,
  unreached: false,
  copyText: "Copy",
  features: {},
  // The row that changes are compared with: its texts, its values, and what the model said of it.
  start: null,
  startFeatures: {},
  startAnswer: null,
  example: null,
  filled: null,
  texts: null,
  ask: null,
  askStart: null,
  predictSoon: null,
  init() {
    this.form = dataOf(this.$root, "form");
    this.row = Alpine.raw(new Row(this.$root, this.form.fields, this.form.kept));
    this.ask = latest((signal, features) => this.predicted(features, signal));
    this.askStart = latest((signal, features) => this.predicted(features, signal));
    this.predictSoon = debounce(WAIT, () => this.predict());
    this.example = this.form.example;
    this.source = this.form.source;
    this.texts = new Map(this.form.fields.map((field) => [field.name, field.value]));
    this.matches = this.$root.querySelector("[x-text=matches]")?.textContent ?? "";
    this.filled = this.row.fill(this.texts);
    this.begin();
    this.resume();
    this.read();
    this.predict();
    if (!this.form.important) this.askImportance();
    addEventListener("row-change", (event) => this.take(event.detail));
    // A row that got no answer because the server was gone gets one when it is back.
    watchConnection((state) => {
      if (state === "open" && this.unreached) this.predict();
    });
  },
  // From here on changes are told.
  begin() {
    this.start = this.row.texts;
    this.startFeatures = this.row.features;
    this.startAnswer = null;
    this.before = "";
    this.difference = "";
    this.askStart.giveUp();
  },
  // The row that this tab was editing when it was loaded again.
  resume() {
    // Who comes with a row of their own wants that one.
    const came = performance.getEntriesByType("navigation")[0]?.type !== "reload";
    if (came && new URLSearchParams(location.search).has("row")) return;
    const kept = keptRow(recallHere, this.form.model_id, [...this.row.controls.keys()]);
    if (!kept) return;
    if (kept.example) {
      this.useExample(kept.example);
      this.filled = this.row.fill(this.texts);
    }
    this.coverage = String(kept.coverage);
    this.row.fill(kept.start);
    this.begin();
    this.row.fill(kept.texts);
  },
  useExample(example) {
    this.example = example;
    this.source = example.source ?? this.source;
    this.texts = new Map([...this.texts.keys()].map((name) => [name, example.values[name]]));
    this.row.kept = keptOf(Object.keys(this.row.kept), example);
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
    return curl(location.origin + "/api/results/predict", this.body(this.features));
  },
  get hasBefore() {
    return this.before !== "";
  },
  body(features) {
    const body = { model_id: this.form.model_id, features };
    return Number(this.coverage) === COVERAGE ? body : { ...body, coverage: Number(this.coverage) };
  },
  read() {
    this.features = this.row.features;
    keepRow(rememberHere, this.form.model_id, {
      texts: this.row.texts,
      start: this.start,
      example: this.example === this.form.example ? null : this.example,
      coverage: Number(this.coverage),
    });
  },
  submitted(event) {
    event.preventDefault();
    this.changed();
  },
  changed(event) {
    if (event) {
      this.row.follow(event.target);
      this.tellColumn(event.target);
    }
    this.read();
    this.predictSoon();
  },
  slid(event) {
    this.row.slid(event.target);
    this.tellColumn(event.target);
    this.read();
    this.predictSoon();
  },
  tellColumn(control) {
    dispatchEvent(new CustomEvent("column-changed", { detail: control.closest("[data-field]").dataset.field }));
  },
  // Values from another part of the page, as texts by column.
  take(texts) {
    const shown = Object.entries(texts).filter(([name]) => this.row.controls.has(name));
    this.row.fill(new Map([...this.row.texts, ...shown]));
    this.changed();
  },
  covered() {
    this.startAnswer = null;
    this.changed();
  },
  fill() {
    this.filled = this.row.fill(this.texts);
    this.begin();
    this.changed();
  },
  compareFromHere() {
    this.begin();
    this.startAnswer = this.$store.row.answer;
    this.read();
    document.getElementById("answer-title").focus();
  },
  backToStart() {
    this.row.fill(this.start);
    this.changed();
    document.getElementById("answer-title").focus();
  },
  // Any other row of the table, by chance.
  async another() {
    const row = 1 + Math.floor(Math.random() * this.form.rows);
    try {
      const example = await get("/models/" + this.form.model_id + "/example.json?row=" + row);
      if (!example) throw new Error("The table of this model is no longer there.");
      this.useExample(example);
      this.fill();
    } catch (problem) {
      problemToast("No other row", problem);
    }
  },
  // Whether the form still holds the example as it was.
  get untouched() {
    return this.row.holds(this.filled);
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
    this.row.empty();
    this.begin();
    this.changed();
  },
  predicted(features, signal) {
    return post("/api/results/predict", this.body(features), signal);
  },
  async predict() {
    const features = this.features;
    const slow = setTimeout(() => (this.stale = this.latency !== ""), 250);
    try {
      const answered = await this.ask(features);
      if (!answered) return;
      this.stale = false;
      this.unreached = false;
      this.show(answered.result);
      this.$store.row.example = this.untouched ? this.example : null;
      this.$store.row.features = features;
      this.$store.row.answer = answered.result;
      await this.compare(features, answered.result);
    } catch (problem) {
      this.stale = false;
      this.fail(problem);
    } finally {
      clearTimeout(slow);
    }
  },
  // What the changes since the start have made of the answer.
  async compare(features, answer) {
    const changes = changesOf(this.row.names, this.startFeatures, features);
    if (!changes.length) {
      this.startAnswer = answer;
      this.before = "";
      this.difference = "";
      return;
    }
    if (!this.startAnswer) {
      try {
        const answered = await this.askStart(this.startFeatures);
        if (!answered) return;
        this.startAnswer = answered.result;
      } catch {
        // A start that the model refuses is nothing to compare with.
        this.before = "";
        this.difference = "";
        return;
      }
    }
    this.before = answerWords(this.startAnswer);
    this.difference = differenceWords(this.form.target, changes, this.startAnswer, answer);
  },
  show(result) {
    const value = result.prediction;
    this.answer = typeof value === "number" && !result.probabilities ? number(value) : String(value);
    this.latency = "answered in " + milliseconds(result.latency_ms);
    const sure = result.probability ?? result.confidence;
    this.detail = result.probabilities ? percent(sure, 1) + " probability" : "predicted value";
    this.showProbabilities(result.probabilities, String(value), result.set ?? []);
    this.set = setWords(result, Number(this.coverage));
    this.hasSet = Boolean(result.set?.length);
    this.threshold = thresholdWords(result);
    const example = this.untouched ? this.example : null;
    this.truth = example ? truthOf(example, this.form.target, result) : "";
    this.hasInterval = Boolean(result.interval);
    if (result.interval) {
      const truth = typeof example?.truth === "number" ? example.truth : null;
      this.hasTruth = truth !== null;
      this.places = placesOf({ ...result.interval, value, range: this.form.range, truth });
      this.low = number(result.interval.low);
      this.high = number(result.interval.high);
      this.between = intervalWords(result.interval, Number(this.coverage));
    }
    this.showNotes(result.warnings || [], []);
  },
  showProbabilities(probabilities, chosen, set) {
    const rows = [...this.$root.querySelectorAll("[data-class]")];
    const names = shownClasses(probabilities ?? {}, rows.length);
    for (const [at, row] of rows.entries()) {
      if (names[at] !== undefined && names[at] !== row.dataset.class) {
        row.dataset.class = names[at];
        row.querySelector(".class-name").textContent = names[at];
        row.querySelector("progress").ariaLabel = "Probability of " + names[at];
      }
      const share = probabilities?.[row.dataset.class];
      row.querySelector("progress").value = share ?? 0;
      row.querySelector(".number").textContent = percent(share, 1);
      row.classList.toggle("probability-chosen", row.dataset.class === chosen);
      row.querySelector(".in-set").hidden = !set.includes(row.dataset.class);
    }
  },
  fail(problem) {
    this.unreached = problem.status === 0;
    this.answer = NONE;
    this.detail = problem.fields.length ? "Some fields need another value." : problem.message;
    this.latency = "";
    this.hasInterval = false;
    this.truth = "";
    this.set = "";
    this.threshold = "";
    this.difference = "";
    this.$store.row.answer = null;
    this.showProbabilities(null, "", []);
    this.showNotes([], problem.fields);
  },
  showNotes(warnings, problems) {
    const general = this.row.note(warnings, problems);
    this.hasWarnings = general.length > 0;
    this.$root.querySelector(".answer-warnings").replaceChildren(...general.map((text) => h("li", {}, text)));
  },
  async copy() {
    await copyText(this.curl);
    this.copyText = "Copied";
    setTimeout(() => (this.copyText = "Copy"), 1600);
  },
}));
