// Results in plain words: the rest of FlowML's own text when it is worked out, and a language model's when it is asked.
import Alpine from "../../vendor/alpine.js";
import { dataOf, h, throttle } from "../dom.js";
import { fragment, said } from "../http.js";
import { ask } from "./lines.js";
import { blocksOf, noteOf, verdictOf } from "./marks.js";
import { assistantStatus } from "./status.js";

const WAIT = "The assistant reads the figures…";

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
  available: false,
  working: false,
  problem: "",
  asked: false,
  running: false,
  by: "The assistant",
  wait: WAIT,
  note: "",
  verdict: "",
  get offers() {
    return this.available && !this.asked;
  },
  get over() {
    return this.asked && !this.running;
  },
  init() {
    // Whoever leaves does not wait for the answer any more.
    addEventListener("pagehide", () => this.stop());
    assistantStatus().then((status) => (this.available = Boolean(status?.available)));
    if (this.$root.dataset.part) return this.complete();
  },
  words() {
    return this.$root.querySelector(".explanation-words");
  },
  async complete() {
    const own = this.$root.querySelector(".explanation-own");
    this.working = true;
    try {
      own.replaceWith(await fragment(this.$root.dataset.part, "explanation-own"));
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
    Object.assign(this, { asked: true, running: true, note: "", verdict: "", wait: WAIT, by: "The assistant" });
    this.leaving = new AbortController();
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
    }
    this.running = false;
    this.words().setAttribute("aria-busy", "false");
  },
  heard(line, reading, paint) {
    if (line.type === "by") this.by = "In the words of " + line.model + " on " + line.where;
    if (line.type === "wait") this.wait = line.text;
    if (line.type === "text") {
      this.wait = "Writing…";
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
