// The part “What to mend”: FlowML's findings as steps, and a model's suggestions when somebody asks it. Nothing is chosen
// beforehand, and nothing is done: steps are previewed, or put into the recipe.
import Alpine from "../../vendor/alpine.js";
import { previewChange } from "../dataset/change.js";
import { addSteps } from "../dataset/draft.js";
import { api, info, target, whenOpened } from "../dataset/info.js";
import { h, icon } from "../dom.js";
import { plural } from "../format.js";
import { get, post, said } from "../http.js";
import { toast } from "../toasts.js";
import { assistantStatus } from "./status.js";
import { answeredWords, elsewhereWords, modelSuggestions, ownSuggestions, piecesOf } from "./suggestions.js";

function facts(suggestion) {
  if (!suggestion.facts.length) return null;
  const items = suggestion.facts.map((fact) => h("li", {}, fact.sentence));
  return h("details", { class: "more small" }, h("summary", {}, "Rests on " + plural(items.length, "fact") + " that FlowML has found"), h("ul", { class: "suggestion-facts" }, ...items));
}

// Where it rests on what is about something else.
export function doubt(suggestion) {
  const text = elsewhereWords(suggestion);
  return text ? h("p", { class: "callout callout-warn small" }, icon("warn"), h("span", {}, text)) : null;
}

// Numbers that the model was not told are marked, and said to be.
function reason(suggestion) {
  return piecesOf(suggestion.reason, suggestion.marks).map((piece) => (piece.note ? h("span", {}, h("mark", { class: "suggestion-doubt" }, piece.text), " (" + piece.note + ")") : piece.text));
}

function toRecipe(suggestion) {
  addSteps(suggestion.operations);
  toast({ kind: "good", title: plural(suggestion.operations.length, "step") + " added to the recipe", text: suggestion.title, stay: 5000 });
}

function card(suggestion, by) {
  const chips = suggestion.effects.map((text) => h("li", { class: "badge badge-primary" }, icon("edit"), text));
  if (suggestion.takes) chips.unshift(h("li", { class: "badge badge-warn" }, icon("trash"), suggestion.takes));
  const open = h("button", { class: "button button-small", type: "button", "aria-label": "Put it into the code box: " + suggestion.title, onclick: () => dispatchEvent(new CustomEvent("propose-code", { detail: suggestion.code })) }, icon("arrow"), "Put it into the code box");
  const preview = h("button", { class: "button button-small", type: "button", "aria-label": "Preview: " + suggestion.title, onclick: () => previewChange(suggestion.title, suggestion.operations, "assistant") }, icon("search"), "Preview");
  const add = h("button", { class: "button button-small", type: "button", "aria-label": "Add to recipe: " + suggestion.title, onclick: () => toRecipe(suggestion) }, icon("plus"), "Add to recipe");
  return h(
    "li",
    { class: "suggestion" },
    h(
      "div",
      { class: "suggestion-text" },
      h("h4", {}, suggestion.title),
      h("p", { class: "muted" }, by ? h("span", { class: "suggestion-by" }, by + ": ") : null, ...reason(suggestion)),
      chips.length ? h("ul", { class: "chips", "aria-label": "What it does" }, ...chips) : null,
      suggestion.code ? h("pre", { class: "suggestion-code", tabindex: "0" }, suggestion.code) : null,
      doubt(suggestion),
      facts(suggestion),
    ),
    h("div", { class: "suggestion-actions" }, ...(suggestion.code ? [open] : [preview, add])),
  );
}

Alpine.data("cleaning", () => ({
  loading: false,
  problem: "",
  count: -1,
  asking: false,
  stopped: false,
  began: 0,
  seconds: 0,
  modelProblem: "",
  answered: "",
  dropped: 0,
  name: null,
  asked: null,
  question: null,
  init() {
    whenOpened("assistant", () => {
      this.load();
      this.$watch("$store.target.name", () => this.load());
      assistantStatus();
    });
  },
  get model() {
    return this.$store.assistant.model;
  },
  // What it has answered stays where it does not answer any more.
  get hasModel() {
    return this.$store.assistant.available || Boolean(this.answered || this.modelProblem);
  },
  get summary() {
    if (this.loading) return "Looking through the table…";
    if (this.count === 0) return "FlowML has found nothing that a step would mend.";
    if (this.count > 0) return plural(this.count, "suggestion") + " from what FlowML has found. Nothing is done before you apply it.";
    return "Steps for the recipe, each with its reason. Nothing is done before you apply it.";
  },
  get idle() {
    return !this.asking && this.$store.assistant.available;
  },
  get askText() {
    return this.answered ? "Ask again" : "Ask " + this.model;
  },
  get modelText() {
    if (this.asking) return "Asking " + this.model + "… " + this.seconds + " s. Its suggestions are tried on the table before you see them.";
    if (this.stopped) return "Stopped." + (this.answered ? " What was answered before stays." : "");
    return this.answered || "It is told what FlowML has found, and suggests steps. They are checked and tried on the table; you decide.";
  },
  get someDropped() {
    return this.dropped > 0;
  },
  get droppedText() {
    return plural(this.dropped, "suggestion") + " of the model " + (this.dropped === 1 ? "is" : "are") + " left out";
  },
  list(name) {
    return this.$root.querySelector("[data-" + name + "]");
  },
  async load() {
    const wanted = target();
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    this.loading = true;
    this.problem = "";
    this.count = -1;
    this.list("own").replaceChildren();
    if (wanted !== this.name) this.begin(wanted);
    this.remember(asked.signal);
    try {
      const found = await get(api("/quality") + (wanted ? "?target=" + encodeURIComponent(wanted) : ""), asked.signal);
      const own = ownSuggestions(found.issues);
      this.count = own.length;
      this.list("own").replaceChildren(...own.map((one) => card(one, "")));
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.problem = said(problem);
    }
    this.loading = false;
  },
  // For another column to predict: what was asked for the one before is not waited for.
  begin(wanted) {
    this.name = wanted;
    this.question?.abort();
    this.question = null;
    this.asking = false;
    this.modelProblem = "";
    this.show(null);
  },
  // What a model has answered last, here or elsewhere.
  async remember(signal) {
    const wish = new URLSearchParams({ purpose: "cleaning", dataset_id: info.id, ...(target() ? { target: target() } : {}) });
    const found = await get("/api/llm/last?" + wish, signal).catch(() => null);
    // Where there is no answer it can be asked again.
    if (found && !signal.aborted && !this.asking) this.show(found.last?.suggestions ?? null, found.last);
  },
  async ask() {
    const question = new AbortController();
    this.question = question;
    this.asking = true;
    this.stopped = false;
    this.modelProblem = "";
    this.began = performance.now();
    this.seconds = 0;
    const clock = setInterval(() => (this.seconds = Math.floor((performance.now() - this.began) / 1000)), 500);
    try {
      const found = await post("/api/llm/suggest-cleaning", { dataset_id: info.id, target: target() || null }, question.signal);
      if (this.question === question) this.show(found);
    } catch (problem) {
      if (this.question === question) {
        this.stopped = problem.name === "AbortError";
        if (!this.stopped) this.modelProblem = said(problem);
      }
      // Somebody else answers, or nobody.
      if (problem.status === 503) assistantStatus(true);
    } finally {
      clearInterval(clock);
      if (this.question === question) this.asking = false;
    }
  },
  show(found, last = null) {
    const some = modelSuggestions(found?.suggestions ?? []);
    this.list("model").replaceChildren(...some.map((one) => card(one, "The model")));
    this.$root.querySelector(".suggestions-dropped").replaceChildren(...(found?.dropped ?? []).map((one) => h("li", {}, h("strong", {}, one.title), ": " + one.why)));
    this.dropped = found?.dropped.length ?? 0;
    this.stopped = false;
    this.answered = found ? answeredWords(found, "suggestion", "found nothing to mend", last) : "";
  },
  stop() {
    this.question?.abort();
  },
}));
