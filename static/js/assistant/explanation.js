// Results in plain words: the rest of FlowML's own text when it is worked out, and a language model's when it is asked.
import Alpine from "../../vendor/alpine.js";
import { dataOf, h, throttle } from "../dom.js";
import { ago } from "../format.js";
import { fragment, get, said } from "../http.js";
import { ask } from "./lines.js";
import { blocksOf, noteOf, verdictOf } from "./marks.js";
import { assistantStatus } from "./status.js";
import { waitingWords } from "./words.js";

const WAIT = "The assistant reads the figures…";
const WRITING = "Writing…";

function byOf({ model, where }) {
  return "In the words of " + model + " on " + where;
}

function citeOf(fact, number) {
  return h("a", { class: "cite", href: fact.link || null, title: fact.sentence, "aria-label": "Figure " + number + ": " + fact.sentence }, String(number));
}

function markOf(text, note) {
  return h("span", {}, h("mark", { class: "unfounded", title: note }, text), " ", h("span", { class: "unfounded-note" }, "(" + note + ")"));
}

function wordsOf(text, marks, cited, grows) {
  const facts = new Map(cited.map((fact, at) => [fact.id, citeOf(fact, at + 1)]));
  const strange = (id) => (grows ? null : h("span", {}, " ", markOf("[" + id + "]", noteOf("no_such_fact"))));
  const element = (piece) => {
    if (piece.cite !== undefined) return facts.get(piece.cite)?.cloneNode(true) ?? strange(piece.cite);
    const words = piece.note === undefined ? (piece.strong ?? piece.text) : markOf(piece.text, piece.note);
    const kind = piece.strong === undefined ? piece.kind : "strong";
    return kind ? h(kind, {}, words) : words;
  };
  return blocksOf(text, marks, grows).flatMap((block) => {
    if (block.kind === "pre") return h("pre", {}, block.lines.join("\n"));
    // It is asked for paragraphs, and many a model puts a single line end between them.
    if (block.kind === "p") return block.lines.map((pieces) => h("p", {}, ...pieces.map(element)));
    return h(block.kind, { start: block.start }, ...block.lines.map((pieces) => h("li", {}, ...pieces.map(element))));
  });
}

Alpine.data("explanation", () => ({
  working: false,
  unfinished: false,
  problem: "",
  asked: false,
  running: false,
  by: "The assistant",
  wait: WAIT,
  began: 0,
  waited: 0,
  note: "",
  stale: "",
  verdict: "",
  get offers() {
    return this.$store.assistant.available && !this.asked;
  },
  get over() {
    return this.asked && !this.running && this.$store.assistant.available;
  },
  // Why one that is set up does not say it.
  get away() {
    return this.running ? "" : this.$store.assistant.away;
  },
  get waitText() {
    return waitingWords(this.wait, this.waited);
  },
  init() {
    // Whoever leaves does not wait for the answer any more.
    addEventListener("pagehide", () => this.stop());
    assistantStatus();
    this.remember();
    if (this.$root.dataset.part) return this.complete();
  },
  lookAgain() {
    assistantStatus(true);
  },
  // What a model has said last, here or elsewhere.
  async remember() {
    const found = await get("/api/llm/last?" + new URLSearchParams({ purpose: "results", ...dataOf(this.$root, "ask") })).catch(() => null);
    // Where there is no answer it can be asked again.
    const last = found?.last;
    if (!last?.said || this.asked) return;
    Object.assign(this, { asked: true, by: byOf(last.said) + ", " + ago(last.made_at), stale: last.stale, verdict: verdictOf(last.said) });
    this.show(last.said.text, last.said.marks, last.said.cited);
  },
  words() {
    return this.$root.querySelector(".explanation-words");
  },
  async complete() {
    const own = this.$root.querySelector(".explanation-own");
    this.working = true;
    this.unfinished = false;
    this.problem = "";
    try {
      const whole = await fragment(this.$root.dataset.part, "explanation-own");
      // Where a sentence says that there was no time, and not where nothing would be found by trying.
      this.unfinished = whole.textContent.includes("Try again");
      own.replaceWith(whole);
    } catch (problem) {
      this.problem = said(problem);
    }
    this.working = false;
  },
  show(text, marks = [], cited = [], grows = false) {
    this.words().replaceChildren(...wordsOf(text, marks, cited, grows));
  },
  stop() {
    this.leaving?.abort();
  },
  async ask() {
    Object.assign(this, { asked: true, running: true, note: "", stale: "", verdict: "", wait: WAIT, waited: 0, began: performance.now(), by: "The assistant" });
    this.leaving = new AbortController();
    const clock = setInterval(() => (this.waited = this.wait === WRITING ? 0 : performance.now() - this.began), 500);
    this.show("");
    this.words().setAttribute("aria-busy", "true");
    const reading = { text: "", ended: false };
    const paint = throttle(60, () => reading.ended || this.show(reading.text, [], [], true));
    try {
      for await (const line of ask("/api/llm/explain-results/lines", dataOf(this.$root, "ask"), this.leaving.signal)) {
        this.heard(line, reading, paint);
      }
      if (!reading.ended) this.note = "The answer broke off.";
    } catch (problem) {
      this.note = problem.name === "AbortError" ? "Stopped. Its numbers were not looked at." : said(problem);
      if (problem.status === 503) assistantStatus(true);
    }
    clearInterval(clock);
    this.running = false;
    this.words().setAttribute("aria-busy", "false");
  },
  heard(line, reading, paint) {
    if (line.type === "by") this.by = byOf(line);
    if (line.type === "wait") Object.assign(this, { wait: line.text, waited: 0, began: performance.now() });
    if (line.type === "text") {
      this.wait = WRITING;
      this.waited = 0;
      reading.text += line.text;
      paint();
    }
    if (line.type === "anew") reading.text = "";
    if (line.type === "ended") {
      reading.ended = true;
      this.show(line.said.text, line.said.marks, line.said.cited);
      if (line.said.text) this.verdict = verdictOf(line.said);
      if (line.said.reason) this.note = [line.said.reason, line.said.hint].filter(Boolean).join(" ");
    }
  },
}));
