// Train: the form answers at once; the server says what the target means.
import Alpine from "../../vendor/alpine.js";
import { mountCharts } from "../charts.js";
import "../charts/distribution.js";
import { dataOf } from "../dom.js";
import { plural } from "../format.js";
import { fragment, get, post, said } from "../http.js";
import { learnedFrom } from "../plan.js";

function checked(name, state) {
  return [...document.querySelectorAll("input[name=" + name + "]")].filter((box) => box.checked === state);
}

Alpine.data("train", () => ({
  step: 0,
  metric: "auto",
  problemType: "auto",
  folds: "5",
  cv: "auto",
  weight: "",
  seed: "0",
  maxTrials: "",
  name: "",
  algorithms: 0,
  allAlgorithms: 0,
  excluded: 0,
  problem: "",
  starting: false,
  minute: 0,
  init() {
    this.form = dataOf(this.$root, "form");
    this.step = this.form.step;
    this.allAlgorithms = document.querySelectorAll("input[name=algorithm]").length;
    this.countAlgorithms();
    mountCharts(this.$root);
    this.clock = setInterval(() => (this.minute += 1), 15000);
  },
  destroy() {
    clearInterval(this.clock);
  },

  // The data set and the target: the page's own address, so that it can be shared and reloaded.
  pickDataset(event) {
    if (event.target.value) location.assign("/train?dataset=" + encodeURIComponent(event.target.value));
  },
  pickTarget(event) {
    if (event.target.value) this.show(event.target.value, "target");
  },
  pickLikely(event) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.show(event.currentTarget.dataset.target, "target");
  },
  async show(target, focus) {
    const url = "/train?dataset=" + encodeURIComponent(this.form.dataset) + "&target=" + encodeURIComponent(target);
    this.$root.setAttribute("aria-busy", "true");
    try {
      const next = await fragment(url, "train");
      history.replaceState(null, "", url);
      document.getElementById("train").replaceWith(next);
      document.getElementById(focus)?.focus({ preventScroll: true });
    } catch {
      location.assign(url);
    }
  },

  // What the plan says
  get budget() {
    return this.form.budgets[Number(this.step)];
  },
  get budgetText() {
    return this.budget.text;
  },
  get endText() {
    const end = new Date(Date.now() + this.budget.seconds * 1000 + this.minute * 0);
    return ", at about " + end.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  },
  get forecast() {
    return this.budget.forecast;
  },
  get metricText() {
    const name = this.metric === "auto" ? this.form.metric : this.metric;
    return this.form.titles[name] || name;
  },
  get testText() {
    let way = this.cv;
    if (way === "auto" && this.form.validation) way = this.form.validation.kind + ":" + this.form.validation.column;
    const column = way.slice(way.indexOf(":") + 1);
    if (way.startsWith("group:")) return "tested on rows of a “" + column + "” that it has not met";
    if (way.startsWith("time:")) return "tested on rows that are later by “" + column + "”";
    if (way === "together") return "tested on rows unlike any that it has learned from";
    const asked = Number(this.folds || 5);
    const folds = way === "auto" ? Math.min(asked, this.form.most_folds) : asked;
    return folds === 1 ? "tested on a part that is held out" : "tested with " + folds + "-fold cross-validation";
  },
  get featureText() {
    const excluded = this.excluded ? checked("exclude", true).map((box) => box.value) : [];
    return plural(learnedFrom(this.form, { excluded, weight: this.weight, cv: this.cv }), "column");
  },
  get algorithmText() {
    return plural(this.algorithms, "algorithm");
  },
  get noAlgorithm() {
    return this.algorithms === 0;
  },
  get cannotStart() {
    return this.starting || this.noAlgorithm;
  },
  get startText() {
    return this.starting ? "Starting…" : "Train";
  },
  countAlgorithms() {
    this.algorithms = checked("algorithm", true).length;
  },
  countExcluded() {
    this.excluded = checked("exclude", true).length;
  },

  async start() {
    this.starting = true;
    this.problem = "";
    const chosen = checked("algorithm", true).map((box) => box.value);
    const request = {
      dataset_id: this.form.dataset,
      target: this.form.target,
      time_budget_seconds: this.budget.seconds,
      problem_type: this.problemType,
      metric: this.metric,
      cv_folds: Number(this.folds || 5),
      cv: this.cv,
      weight_column: this.weight || null,
      seed: Number(this.seed || 0),
      exclude_columns: checked("exclude", true).map((box) => box.value),
      algorithms: chosen.length === this.allAlgorithms ? null : chosen,
      max_trials: this.maxTrials ? Number(this.maxTrials) : null,
      name: this.name.trim() || null,
    };
    try {
      const job = await post("/api/training/start", request);
      location.assign("/jobs/" + job.id);
    } catch (error) {
      this.problem = said(error);
      this.starting = false;
    }
  },
}));

// What is wrong with the table: the server writes it as soon as somebody has looked.
Alpine.data("findings", () => ({
  looking: false,
  problem: "",
  get idle() {
    return !this.looking && !this.problem;
  },
  init() {
    if (!dataOf(this.$root, "known") && !dataOf(this.$root, "big")) this.look();
  },
  async look() {
    const form = dataOf(document.getElementById("train"), "form");
    const place = this.$root;
    this.looking = true;
    try {
      await get("/api/datasets/" + form.dataset + "/quality?target=" + encodeURIComponent(form.target));
      const next = await fragment(location.pathname + location.search, "findings");
      if (place.isConnected) place.replaceWith(next);
    } catch (problem) {
      this.problem = said(problem);
    }
    this.looking = false;
  },
}));

addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
