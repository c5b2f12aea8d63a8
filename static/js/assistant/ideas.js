// The part “Ideas for columns”: FlowML's own at once, a model's when somebody asks it; each can be previewed, tried, and
// put into the recipe. What is tried lives on the server: a reload or another tab shows the same.
import Alpine from "../../vendor/alpine.js";
import { buildChart, mountCharts } from "../charts.js";
import "../charts/gains.js";
import { previewChange } from "../dataset/change.js";
import { addSteps } from "../dataset/draft.js";
import { info, target, whenOpened } from "../dataset/info.js";
import { h, icon } from "../dom.js";
import { plural } from "../format.js";
import { call, get, post, said } from "../http.js";
import { toast } from "../toasts.js";
import { doubt } from "./cleaning.js";
import { assistantStatus } from "./status.js";
import { answeredWords, modelSuggestions, piecesOf } from "./suggestions.js";
import { gainChart, isOpen, keyOf, lookOf, progressText, summaryOf } from "./tried.js";

const AGAIN = 1000;
const AGAIN_AFTER_A_PROBLEM = 4000;

// The run that somebody comes from: ideas are tried with its settings as long as they are for what it predicts.
const cameFrom = new URLSearchParams(location.search);

function run(target) {
  return cameFrom.get("job") && target === cameFrom.get("target") ? cameFrom.get("job") : null;
}

// Answers that stay the same however often it is asked.
function isRefused(problem) {
  return problem.status >= 400 && problem.status < 500 && problem.status !== 408 && problem.status !== 429;
}

function toRecipe(idea) {
  addSteps(idea.operations);
  toast({ kind: "good", title: plural(idea.operations.length, "step") + " added to the recipe", text: idea.title, stay: 5000 });
}

function button(name, text, title, work, more = {}) {
  return h("button", { class: "button button-small", type: "button", "aria-label": text + ": " + title, onclick: work, ...more }, icon(name), text);
}

// Numbers that the model was not told are marked, and said to be.
function words(idea) {
  const pieces = piecesOf(idea.reason, idea.marks ?? []);
  return pieces.map((piece) => (piece.note ? h("span", {}, h("mark", { class: "suggestion-doubt" }, piece.text), " (" + piece.note + ")") : piece.text));
}

Alpine.data("ideas", () => ({
  loading: false,
  problem: "",
  note: "",
  count: -1,
  many: "",
  byItself: 0,
  others: 0,
  asking: false,
  stopped: false,
  seconds: 0,
  modelProblem: "",
  answered: "",
  dropped: 0,
  name: "",
  asked: null,
  question: null,
  later: 0,
  // Cards by what they are about, and what is known of the tries for this target; not for Alpine to look into.
  cards: () => new Map(),
  init() {
    const cards = new Map();
    this.cards = () => cards;
    whenOpened("assistant", () => {
      this.load();
      this.$watch("$store.target.name", () => this.load());
      addEventListener("visibilitychange", () => document.hidden || this.look());
      assistantStatus();
    });
  },
  // Who came for them sees them also when what is above has grown.
  comes() {
    if (location.hash === "#" + this.$root.id) this.$root.scrollIntoView();
  },
  get model() {
    return this.$store.assistant.model;
  },
  // What it has answered stays where it does not answer any more.
  get hasModel() {
    return this.$store.assistant.available || Boolean(this.answered || this.modelProblem);
  },
  get summary() {
    return summaryOf({ target: this.name, count: this.count, loading: this.loading, note: this.note, run: run(this.name) !== null });
  },
  get noTarget() {
    return !this.name;
  },
  get idle() {
    return !this.asking && this.$store.assistant.available;
  },
  get someByItself() {
    return this.byItself > 0;
  },
  get someOthers() {
    return this.others > 0;
  },
  get someDropped() {
    return this.dropped > 0;
  },
  get droppedText() {
    return plural(this.dropped, "idea") + " of the model " + (this.dropped === 1 ? "is" : "are") + " left out";
  },
  get askText() {
    return this.answered ? "Ask again" : "Ask " + this.model;
  },
  get modelText() {
    if (this.asking) return "Asking " + this.model + "… " + this.seconds + " s. Its ideas are tried on the table before you see them.";
    if (!this.name) return "Choose what you want to predict first.";
    if (this.stopped) return "Stopped." + (this.answered ? " What was answered before stays." : "");
    return this.answered || "It is told what FlowML has found, and suggests columns. They are checked; whether they help is measured.";
  },
  list(name) {
    return this.$root.querySelector("[data-" + name + "]");
  },
  async load() {
    this.name = target();
    this.asked?.abort();
    clearTimeout(this.later);
    const asked = new AbortController();
    this.asked = asked;
    this.question?.abort();
    this.question = null;
    this.asking = false;
    this.problem = this.note = this.many = this.answered = this.modelProblem = "";
    this.stopped = false;
    this.count = -1;
    this.byItself = this.others = this.dropped = 0;
    this.cards().clear();
    for (const name of ["own", "model", "others"]) this.list(name).replaceChildren();
    if (!this.name) return (this.loading = false);
    this.loading = true;
    const query = "?" + new URLSearchParams({ dataset_id: info.id, target: this.name });
    try {
      const found = await get("/api/llm/own/ideas" + query, asked.signal);
      this.count = found.ideas.length;
      this.note = found.note ?? "";
      this.byItself = found.by_itself.length;
      this.list("by-itself").replaceChildren(...found.by_itself.map((text) => h("li", {}, text)));
      this.list("own").replaceChildren(...found.ideas.map((idea) => this.card(idea)));
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.problem = said(problem);
    }
    this.loading = false;
    this.$nextTick(() => this.comes());
    await this.remember(asked.signal);
    if (!asked.signal.aborted) await this.look();
  },
  // What a model has answered last, here or elsewhere.
  async remember(signal) {
    const found = await get("/api/llm/last?" + new URLSearchParams({ purpose: "features", dataset_id: info.id, target: this.name }), signal).catch(() => null);
    // Where there is no answer it can be asked again.
    if (found?.last && !signal.aborted && !this.asking) this.showModels(found.last.suggestions, found.last);
  },
  showModels(found, last = null) {
    const before = new Set([...this.cards().values()].filter((card) => card.item.parentNode === this.list("model")));
    const items = modelSuggestions(found.suggestions).map((one) => this.card(one, "The model"));
    this.list("model").replaceChildren(...items);
    // What was tried of the answer before goes on among the others.
    for (const card of before) {
      if (!this.holds(card)) continue;
      if (card.tried) this.list("others").append(card.item);
      else this.drop(card);
    }
    this.others = this.list("others").childElementCount;
    this.list("dropped").replaceChildren(...found.dropped.map((one) => h("li", {}, h("strong", {}, one.title), ": " + one.why)));
    this.dropped = found.dropped.length;
    this.answered = answeredWords(found, "idea", "has no idea for a column", last) + (found.suggestions.length ? " “Try it” measures." : "");
  },
  // One idea; what came of it is put into its last part.
  card(idea, by = "") {
    const key = keyOf(idea.operations);
    const known = this.cards().get(key);
    if (known && !by) return known.item;
    const isOwn = known?.item.parentNode === this.list("own");
    const place = h("div", { class: "idea-outcome" });
    const again = button("flask", "Try it", idea.title, () => this.start(key));
    const item = h(
      "li",
      { class: "suggestion idea" },
      h(
        "div",
        { class: "suggestion-text" },
        h("h4", {}, idea.title),
        idea.reason ? h("p", { class: "muted" }, by ? h("span", { class: "suggestion-by" }, by + ": ") : null, ...words(idea)) : null,
        idea.elsewhere ? doubt(idea) : null,
        idea.for_whom ? h("p", { class: "muted small" }, "For " + idea.for_whom + ".") : null,
      ),
      isOwn ? null : h("div", { class: "suggestion-actions" }, button("search", "Preview", idea.title, () => previewChange(idea.title, idea.operations, "assistant")), again, button("plus", "Add to recipe", idea.title, () => toRecipe(idea))),
      isOwn ? h("p", { class: "muted small" }, "FlowML has the same idea, above: there it can be tried.") : place,
    );
    // An idea is tried in one place.
    if (!isOwn) this.put(key, { idea, item, place, again, shown: "", tried: null }, known);
    return item;
  },
  // In the place of the one `before`, by whatever that is known.
  put(key, card, before) {
    this.cards().set(key, card);
    if (!before) return;
    for (const [other, one] of this.cards()) if (one === before) this.cards().set(other, card);
    before.item.remove();
    if (before.tried) this.show(card, before.tried);
  },
  holds(card) {
    return [...this.cards().values()].includes(card);
  },
  drop(card) {
    for (const [key, one] of this.cards()) if (one === card) this.cards().delete(key);
    card.item.remove();
  },
  async start(key) {
    const card = this.cards().get(key);
    card.again.disabled = true;
    card.place.replaceChildren(h("p", { class: "muted small", role: "status" }, "Looking whether it can be tried…"));
    card.shown = "";
    try {
      const tried = await post("/api/llm/try", { dataset_id: info.id, operations: card.idea.operations, target: this.name, job_id: run(this.name) });
      // As the server has it: without what a preview has filled in.
      this.cards().set(keyOf(tried.operations), card);
      this.show(card, tried);
      await this.look();
    } catch (problem) {
      card.again.disabled = false;
      card.place.replaceChildren(h("p", { class: "callout callout-bad", role: "alert" }, icon("bad"), h("span", {}, said(problem))));
    }
  },
  // What is known of all that were tried for this target, now and as long as one is open.
  async look() {
    clearTimeout(this.later);
    if (!this.name) return;
    const query = "?" + new URLSearchParams({ dataset_id: info.id, target: this.name });
    const signal = this.asked?.signal;
    let found;
    try {
      found = await get("/api/llm/try" + query, signal);
    } catch (problem) {
      if (problem.name === "AbortError" || signal?.aborted) return;
      // What is gone or refused does not come by asking again.
      if (isRefused(problem)) this.problem = said(problem);
      else this.lookAfter(AGAIN_AFTER_A_PROBLEM);
      return;
    }
    if (signal?.aborted) return;
    this.many = found.many;
    const known = new Set();
    for (const tried of found.items) {
      const key = keyOf(tried.operations);
      if (!this.cards().has(key)) this.other(tried);
      this.show(this.cards().get(key), tried);
      known.add(tried.id);
    }
    for (const card of new Set(this.cards().values())) if (card.tried && !known.has(card.tried.id)) this.forget(card);
    this.others = this.list("others").childElementCount;
    if (found.items.some(isOpen)) this.lookAfter(AGAIN);
  },
  // Two that look at once, as after a click, look again once.
  lookAfter(milliseconds) {
    clearTimeout(this.later);
    this.later = setTimeout(() => this.look(), milliseconds);
  },
  other(tried) {
    const title = tried.titles.join("; ");
    this.list("others").append(this.card({ title, reason: "", operations: tried.operations }));
  },
  // Somebody has taken it away, here or in another tab.
  forget(card) {
    card.tried = null;
    card.shown = "";
    card.again.disabled = false;
    card.place.replaceChildren();
    if (card.item.parentNode === this.list("others")) this.drop(card);
  },
  show(card, tried) {
    const state = JSON.stringify([tried.id, tried.status, tried.folds_done, tried.folds, tried.ended_at]);
    if (card.shown === state) return;
    const wasRunning = isOpen(card.tried) && card.place.querySelector("progress");
    card.shown = state;
    card.tried = tried;
    card.again.disabled = isOpen(tried) || tried.status === "finished";
    if (isOpen(tried) && wasRunning) return this.move(card, tried);
    const hadFocus = card.place.contains(document.activeElement);
    card.place.replaceChildren(...(isOpen(tried) ? this.running(card, tried) : tried.outcome ? this.ended(card, tried) : this.endedWithout(card, tried)));
    mountCharts(card.place);
    if (hadFocus) (card.place.querySelector("button") ?? card.item.querySelector("button:not(:disabled)")).focus();
  },
  running(card, tried) {
    const bar = h("progress", { class: "running", max: String(tried.folds ?? 1), "aria-label": "Trying: " + card.idea.title });
    const text = h("p", { class: "muted small", role: "status" }, progressText(tried));
    if (tried.folds) bar.value = tried.folds_done;
    return [h("div", { class: "idea-running" }, bar, button("stop", "Stop", card.idea.title, () => this.end(card, "?only=open"))), text];
  },
  move(card, tried) {
    const bar = card.place.querySelector("progress");
    if (tried.folds) {
      bar.max = tried.folds;
      bar.value = tried.folds_done;
    }
    card.place.querySelector("[role=status]").textContent = progressText(tried);
  },
  ended(card, tried) {
    const { outcome } = tried;
    const look = lookOf(outcome.verdict);
    const chart = outcome.families.some((family) => family.points.some((point) => point.gain !== null)) ? buildChart(gainChart(outcome), "h5") : null;
    return [
      h("p", { class: "idea-verdict", role: "status" }, h("span", { class: "badge " + look.badge }, icon(look.icon), outcome.headline)),
      h("ul", { class: "idea-sentences" }, ...outcome.sentences.map((text) => h("li", {}, text))),
      chart,
      h("p", { class: "actions" }, button("trash", "Forget", card.idea.title, () => this.end(card))),
    ].filter(Boolean);
  },
  endedWithout(card, tried) {
    const { detail, hint } = tried.problem ?? { detail: "It was stopped." };
    return [
      h("p", { class: "callout callout-warn", role: "status" }, icon("warn"), h("span", {}, hint ? detail + " " + hint : detail)),
      h("p", { class: "actions" }, button("trash", "Forget", card.idea.title, () => this.end(card))),
    ];
  },
  async end(card, only = "") {
    try {
      await call("DELETE", "/api/llm/try/" + card.tried.id + only);
    } catch (problem) {
      if (problem.status !== 404) toast({ kind: "bad", title: only ? "It could not be stopped" : "It could not be forgotten", text: said(problem), stay: 6000 });
    }
    await this.look();
  },
  async ask() {
    const question = new AbortController();
    this.question = question;
    this.asking = true;
    this.stopped = false;
    this.modelProblem = "";
    const began = performance.now();
    this.seconds = 0;
    const clock = setInterval(() => (this.seconds = Math.floor((performance.now() - began) / 1000)), 500);
    try {
      const found = await post("/api/llm/feature-engineering", { dataset_id: info.id, target: this.name }, question.signal);
      if (this.question !== question) return;
      this.showModels(found);
      await this.look();
    } catch (problem) {
      const isStopped = problem.name === "AbortError";
      // By who asked, and not by who wants to predict something else.
      this.stopped = isStopped && this.question === question;
      if (!isStopped && this.question === question) this.modelProblem = said(problem);
      if (problem.status === 503) assistantStatus(true);
    } finally {
      clearInterval(clock);
      if (this.question === question) this.asking = false;
    }
  },
  stopAsking() {
    this.question?.abort();
  },
}));
