// Deploy: commands to copy, the keys of a model, and how fast it answers here.
import Alpine from "../../vendor/alpine.js";
import { buildChart, mountCharts } from "../charts.js";
import "../charts/serving.js";
import { programWithKey, withKey } from "../deploy/command.js";
import { listed } from "../deploy/keys.js";
import { bars, countedWords, figures, quantile, sentence } from "../deploy/latency.js";
import { blocksOf, spansOf } from "../deploy/markdown.js";
import { copyText, dataOf, h, icon } from "../dom.js";
import { bytes, milliseconds, plural } from "../format.js";
import { call, get, post, said, sizeOf, textOf } from "../http.js";
import { recall, remember } from "../storage.js";

const REQUESTS = 200;
const WARM = 5;
const SURE = 5000;

// The secret of the key that was just made; it is kept nowhere, so a page that is loaded again knows none.
Alpine.store("key", { secret: "" });

const copying = {
  copied: "Copy",
  async copyThis(text) {
    await copyText(text);
    this.copied = "Copied";
    setTimeout(() => (this.copied = "Copy"), 1600);
  },
};

Alpine.data("deploy", () => ({}));

Alpine.data("command", () => ({
  ...copying,
  plain: "",
  keyed: "",
  language: "",
  init() {
    this.plain = this.$root.querySelector("code").textContent;
    this.language = this.$root.dataset.language ?? "";
    if (!this.language) this.keyed = dataOf(this.$root, "keyed");
  },
  get text() {
    if (this.language) return programWithKey(this.language, this.plain, this.$store.key.secret);
    return withKey(this.plain, this.keyed, this.$store.key.secret);
  },
  copy() {
    return this.copyThis(this.text);
  },
}));

Alpine.data("languages", () => ({
  chosen: recall("language", "python"),
  init() {
    if (![...this.blocks].some((block) => block.dataset.language === this.chosen)) this.chosen = "python";
    this.show();
    this.$watch("chosen", () => this.show());
  },
  get blocks() {
    return this.$root.querySelectorAll("[data-language]");
  },
  show() {
    for (const block of this.blocks) block.hidden = block.dataset.language !== this.chosen;
    remember("language", this.chosen);
  },
}));

const written = (text) => spansOf(text).map((span) => (span.kind === "text" ? span.text : h(span.kind, {}, span.text)));

const table = ({ head, rows }) =>
  h("table", { class: "table" }, head && h("thead", {}, h("tr", {}, ...head.map((cell) => h("th", { scope: "col" }, ...written(cell))))), h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, ...written(cell)))))));

// Its own first heading stands below that of the page's card.
const ELEMENTS = {
  heading: ({ level, text }) => h("h" + Math.min(6, level + 2), {}, ...written(text)),
  paragraph: ({ text }) => h("p", {}, ...written(text)),
  list: ({ items }) => h("ul", {}, ...items.map((item) => h("li", {}, ...written(item)))),
  code: ({ text }) => h("pre", {}, h("code", {}, text)),
  table,
};

Alpine.data("card", () => ({
  known: false,
  problem: "",
  waiting: true,
  async init() {
    try {
      const text = await textOf("/api/results/model/" + encodeURIComponent(this.$root.dataset.model) + "/card");
      this.$root.querySelector(".card-text").replaceChildren(...blocksOf(text).map((block) => ELEMENTS[block.kind](block)));
      this.known = true;
    } catch (problem) {
      this.problem = said(problem);
    }
    this.waiting = false;
  },
}));

Alpine.data("keys", () => ({
  ...copying,
  url: "",
  newest: "",
  name: "",
  ends: "",
  problem: "",
  made: "",
  busy: false,
  items: [],
  known: false,
  asked: "",
  init() {
    this.url = "/api/results/model/" + encodeURIComponent(this.$root.dataset.model) + "/keys";
    if (this.$root.querySelector("form")) this.load();
  },
  get secret() {
    return this.$store.key.secret;
  },
  get hasSecret() {
    return this.secret !== "";
  },
  get some() {
    return this.items.length > 0;
  },
  get none() {
    return this.known && !this.some;
  },
  get keys() {
    return listed(this.items, this.asked);
  },
  async load() {
    try {
      this.items = (await get(this.url)).items;
      this.known = true;
    } catch (problem) {
      this.problem = said(problem);
    }
  },
  async make(event) {
    event.preventDefault();
    if (this.busy) return;
    this.busy = true;
    this.problem = "";
    try {
      const made = await post(this.url, { name: this.name.trim() || null, expires_in_seconds: this.ends ? Number(this.ends) : null });
      this.$store.key.secret = made.token;
      this.newest = made.id;
      this.made = "The key “" + made.name + "” was made.";
      this.name = "";
    } catch (problem) {
      this.problem = said(problem);
    }
    this.busy = false;
    await this.load();
  },
  copySecret() {
    return this.copyThis(this.secret);
  },
  // A second click does it, in the next seconds: a program somewhere may stop working.
  async revoke(key) {
    if (this.asked !== key.id) {
      this.asked = key.id;
      setTimeout(() => (this.asked = this.asked === key.id ? "" : this.asked), SURE);
      return;
    }
    this.asked = "";
    this.problem = "";
    // The button that was pressed goes with its key, and with it what this component is found by.
    const root = this.$root;
    try {
      await call("DELETE", this.url + "/" + key.id);
      if (key.id === this.newest) this.$store.key.secret = "";
    } catch (problem) {
      this.problem = said(problem);
    }
    await this.load();
    root.querySelector("#key-name").focus();
  },
}));

// A file is made where it is asked for: its size, or why the model cannot be one, is known then.
Alpine.data("forms", () => ({
  async prepare(event) {
    const button = event.currentTarget;
    if (button.ariaDisabled === "true") return;
    const format = button.dataset.format;
    const url = "/api/results/model/" + encodeURIComponent(this.$root.dataset.model) + "/download?format=" + format;
    const say = (kind, text) => (this.$root.querySelector("[data-" + kind + "=" + format + "]").textContent = text);
    button.ariaDisabled = "true";
    say("reason", "");
    say("size", "Being made…");
    try {
      const size = await sizeOf(url);
      say("size", bytes(size));
      const link = h("a", { class: "button button-small", href: url, download: true, "aria-label": button.ariaLabel.replace("Make it:", "Download as") }, icon("download"), "Download");
      button.replaceWith(link);
      link.focus();
    } catch (problem) {
      say("size", "");
      say("reason", said(problem));
    } finally {
      button.ariaDisabled = null;
    }
  },
}));

Alpine.data("latency", () => ({
  abort: null,
  busy: false,
  done: 0,
  problem: "",
  measured: false,
  server: { p50: "", detail: "" },
  trip: { p50: "", detail: "" },
  said: "",
  counted: "",
  init() {
    this.count();
  },
  // By anybody, as the server has it; where it cannot be had, nothing is said.
  async count() {
    try {
      this.counted = countedWords((await get("/api/stats")).predictions.by_model, dataOf(this.$root, "asked").model_id);
    } catch {
      this.counted = "";
    }
  },
  get action() {
    return this.busy ? "Stop" : this.measured ? "Measure again" : "Measure";
  },
  toggle() {
    if (this.busy) this.abort.abort();
    else this.measure();
  },
  async measure() {
    const asked = dataOf(this.$root, "asked");
    const server = [];
    const trips = [];
    this.abort = new AbortController();
    this.busy = true;
    this.done = 0;
    this.problem = "";
    try {
      for (let at = 0; at < WARM + REQUESTS; at += 1) {
        const started = performance.now();
        const answer = await post("/api/results/predict", asked, this.abort.signal);
        const took = performance.now() - started;
        if (at < WARM) continue;
        server.push(answer.latency_ms);
        trips.push(took);
        this.done = trips.length;
      }
    } catch (problem) {
      if (problem.name !== "AbortError") this.problem = said(problem);
    }
    this.busy = false;
    if (trips.length) this.show(server, trips);
    await this.count();
  },
  show(server, trips) {
    this.server = figures(server);
    this.trip = figures(trips);
    this.said = sentence(server, trips);
    this.measured = true;
    const found = bars(trips);
    const chart = buildChart({
      kind: "latency",
      title: "How long requests took",
      caption: "The dashed line: half of them were quicker.",
      spec: { bars: found, p50: quantile(trips, 0.5) },
      columns: ["There and back", "Requests"],
      rows: found.map((bar) => [bar.open ? milliseconds(bar.low) + " and more" : milliseconds(bar.low) + " to " + milliseconds(bar.high), plural(bar.count, "request")]),
    });
    const slot = this.$root.querySelector(".latency-chart");
    slot.replaceChildren(chart);
    this.$nextTick(() => mountCharts(slot));
  },
}));
