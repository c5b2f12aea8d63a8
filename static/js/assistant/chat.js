// The chat beside the page: what was said, a question, and its answer as it comes. Nothing is asked before it is opened.
import Alpine from "../../vendor/alpine.js";
import { dataOf, h, throttle } from "../dom.js";
import { number } from "../format.js";
import { call, get, post, said as wordsOf } from "../http.js";
import { subscribe } from "../live.js";
import { recallHere, rememberHere } from "../storage.js";
import { ask } from "./lines.js";
import { byWords, messageOf, textOf } from "./messages.js";
import { assistantStatus } from "./status.js";
import { copied } from "./text.js";
import "./told.js";
import { listsQuestions, waitingWords } from "./words.js";

const OPEN = "chat-open";
const BESIDE = matchMedia("(min-width: 64rem)");
const COVERS = matchMedia("(max-width: 47.5rem)");
const NEAR = 48;
const POLL = 1000;
const POLL_LOST = 2000;
const MOST_HEIGHT = 160;
const ANNOUNCED = 600;
const LONGEST = 2000;

Alpine.data("chat", () => ({
  typed: "",
  busy: false,
  problem: "",
  loadProblem: "",
  deleting: false,
  away: false,
  count: -1,
  questions: [],
  announced: "",
  // What is read of a stream here, and what another tab is being answered.
  reading: null,
  elsewhere: false,
  // The server went away while an answer was read; it is looked for until it is back.
  lost: false,
  poll: 0,
  opener: null,
  drawn: "",
  init() {
    this.subject = () => dataOf(this.$root, "chat");
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-open-chat]");
      if (button) this.open(button);
    });
    this.scroller().addEventListener("scroll", () => this.looked(), { passive: true });
    // What is below it comes and goes; who was at the end stays there.
    new ResizeObserver(() => !this.away && this.toLatest()).observe(this.scroller());
    COVERS.addEventListener("change", () => this.cover());
    if (BESIDE.matches && recallHere(OPEN) === this.subject().kind + this.subject().id) this.show();
  },
  get resting() {
    return !this.busy;
  },
  get nothingTyped() {
    return !this.typed.trim();
  },
  get some() {
    return this.count > 0;
  },
  get empty() {
    return this.count === 0;
  },
  get hasQuestions() {
    return !this.busy && this.questions.length > 0;
  },
  scroller() {
    return this.$root.querySelector(".chat-scroll");
  },
  list() {
    return this.$root.querySelector(".chat-messages");
  },
  input() {
    return this.$root.querySelector("textarea");
  },
  which() {
    const { kind, id } = this.subject();
    return kind === "job" ? { job_id: id } : { dataset_id: id };
  },
  address() {
    const [[name, id]] = Object.entries(this.which());
    return "/api/llm/chat?" + name + "=" + encodeURIComponent(id);
  },
  open(button) {
    this.opener = button;
    this.show();
    this.$nextTick(() => this.input().focus());
  },
  show() {
    const known = this.count >= 0;
    this.$root.hidden = false;
    document.documentElement.dataset.chatOpen = "true";
    rememberHere(OPEN, this.subject().kind + this.subject().id);
    this.cover();
    assistantStatus();
    this.load();
    if (!known) subscribe("chat:" + (this.subject().room ?? this.subject().id), () => this.told());
  },
  close() {
    this.$root.hidden = true;
    delete document.documentElement.dataset.chatOpen;
    rememberHere(OPEN, null);
    this.cover();
    (this.opener ?? document.querySelector("[data-open-chat]"))?.focus();
  },
  // Over the whole page nothing behind it can be reached.
  cover() {
    const covers = COVERS.matches && !this.$root.hidden;
    for (const other of document.querySelectorAll("body > :is(header, main, footer)")) other.inert = covers;
  },
  escape(event) {
    if (this.deleting) this.keep();
    else if (this.busy) this.stop();
    else this.close();
    event.stopPropagation();
  },
  told() {
    // What happens while an answer is read, somebody else's deleting of it all say, is looked at afterwards.
    if (this.reading) this.reading.changed = true;
    else if (!this.$root.hidden) this.load();
  },
  // What is kept on the server, shown anew where it differs from what is on show.
  async load() {
    if (this.reading) return;
    clearTimeout(this.poll);
    try {
      const target = Alpine.store("target")?.name;
      const found = await get(this.address() + (target ? "&target=" + encodeURIComponent(target) : ""));
      if (this.reading) return;
      this.loadProblem = "";
      if (this.lost) this.problem = "";
      this.lost = false;
      this.showAll(found);
    } catch (problem) {
      this.loadProblem = wordsOf(problem);
      // Nothing can be stopped any more where it is gone, nor asked.
      if (problem.status === 404) {
        this.busy = this.elsewhere = this.lost = false;
        this.offer([]);
      } else if (this.elsewhere || this.lost) this.poll = setTimeout(() => this.load(), this.lost ? POLL_LOST : POLL);
    }
  },
  showAll(found) {
    const stays = this.isAtEnd() || this.count <= 0;
    const shown = new Map([...this.list().children].map((item) => [item.dataset.message + item.dataset.state, item]));
    const items = found.items.map((said) => {
      const same = shown.get(said.id + said.state);
      if (!same || said.state === "running") return this.element(said);
      return same;
    });
    this.list().replaceChildren(...items);
    this.count = items.length;
    const last = found.items.at(-1);
    if (this.elsewhere && last?.state !== "running") this.problem = "";
    this.elsewhere = last?.state === "running";
    this.busy = this.elsewhere;
    if (this.elsewhere) this.poll = setTimeout(() => this.load(), POLL);
    this.offerAfter(last, found.questions);
    if (stays) this.toLatest();
  },
  element(said) {
    return messageOf(said, this.subject(), {
      go: (event, fact) => this.go(event, fact),
      again: (answer, own) => this.again(answer, own),
      ask: (text) => this.busy || this.ask(text),
      draws: (answer) => answer.id === this.drawn,
    });
  },
  // What can be asked behind an answer, unless it lists its questions itself.
  offerAfter(answer, others) {
    if (answer && listsQuestions(answer)) this.offer([]);
    else this.offer(answer?.questions?.length ? answer.questions : others);
  },
  offer(questions) {
    this.questions = questions;
    const button = (text) => h("li", {}, h("button", { class: "chat-ask", type: "button", onclick: () => this.ask(text) }, text));
    this.$root.querySelector(".chat-ready").replaceChildren(...questions.map(button));
  },
  // Follow a fact to the place that shows it, without leaving the page where that is on it.
  go(event, fact) {
    const link = new URL(fact.link, location.href);
    const tab = document.getElementById("tab-" + link.hash.slice(1));
    if (link.pathname !== location.pathname || !tab) return;
    event.preventDefault();
    const target = link.searchParams.get("target");
    const store = Alpine.store("target");
    if (target && store) store.name = target;
    tab.click();
    const drawer = document.getElementById("column-drawer");
    if (fact.column && link.hash === "#columns" && drawer) drawer.dispatchEvent(new CustomEvent("show-column", { detail: fact.column }));
    if (!BESIDE.matches) this.close();
    tab.scrollIntoView({ block: "nearest" });
  },
  key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.submitted(event);
  },
  grow() {
    const input = this.input();
    input.style.height = "auto";
    input.style.height = Math.min(input.scrollHeight + 2, MOST_HEIGHT) + "px";
  },
  submitted(event) {
    event.preventDefault();
    const text = this.typed.trim();
    if (!text) return;
    const length = [...text].length;
    if (this.busy) this.problem = (this.elsewhere ? "Another question, asked elsewhere, is still being answered." : "The question before is still being answered.") + " Wait until it is, or stop it (Esc).";
    else if (length > LONGEST) this.problem = "This has " + number(length) + " characters; a question may have " + number(LONGEST) + ". Shorten it: what stands in the table need not be told.";
    else this.ask(text, { typed: true });
  },
  again(answer, own = false) {
    const before = this.list().querySelector('[data-message="' + answer.id + '"]')?.previousElementSibling;
    const text = before?.querySelector(".chat-question")?.textContent;
    if (text && !this.busy) this.ask(text, { own });
  },
  async ask(text, { own = false, typed = false } = {}) {
    this.busy = true;
    this.problem = "";
    this.announced = "";
    if (typed) this.typed = "";
    this.$nextTick(() => this.grow());
    const reading = { text: "", by: {}, words: "Thinking…", began: performance.now(), item: null };
    this.reading = reading;
    const ticking = setInterval(() => this.tick(reading), 500);
    const paint = throttle(60, () => this.paint(reading));
    try {
      const target = Alpine.store("target")?.name || null;
      for await (const line of ask("/api/llm/chat", { ...this.which(), text, target, own })) this.heard(line, reading, paint);
      if (!reading.ended) throw new Error("the answer has no end");
    } catch (problem) {
      if (reading.item) this.brokenOff(reading);
      // That what it is about is gone is said above the messages.
      else if (problem.status !== 404) this.problem = wordsOf(problem);
      // The question is not lost.
      if (!reading.item && !this.typed) this.typed = text;
    }
    clearInterval(ticking);
    this.reading = null;
    this.busy = false;
    if (!reading.ended || reading.changed) this.load();
    // The button that had the focus may be gone.
    if (document.activeElement === document.body || this.$root.contains(document.activeElement)) this.$nextTick(() => this.input().focus({ preventScroll: true }));
  },
  // As far as it came here; what the server has of it is shown as soon as that is back.
  brokenOff(reading) {
    const reason = "The connection was lost. As soon as the server is back, what it has of the answer is shown.";
    const item = this.element({ ...reading.answer, ...reading.by, text: reading.text, state: "lost", reason });
    reading.item.replaceWith(item);
    reading.item = item;
    this.lost = true;
  },
  heard(line, reading, paint) {
    if (line.type === "started") {
      reading.answer = line.answer;
      reading.item = this.element(line.answer);
      this.list().append(this.element(line.question), reading.item);
      this.count = this.list().children.length;
      this.toLatest();
    } else if (line.type === "by") {
      reading.by = { model: line.model, where: line.where };
      // Somebody else answers than the head says.
      if (Boolean(line.model) !== Alpine.store("assistant").available) assistantStatus(true);
      reading.item.querySelector(".chat-by-name").textContent = byWords(line);
    } else if (line.type === "wait") {
      reading.words = line.text;
      reading.began = performance.now();
      this.tick(reading);
    } else if (line.type === "anew") {
      reading.text = "";
      paint();
    } else if (line.type === "text") {
      reading.text += line.text;
      paint();
    } else if (line.type === "ended") {
      reading.ended = true;
      this.drawn = line.answer.id;
      const stays = this.isAtEnd();
      const item = this.element(line.answer);
      reading.item.replaceWith(item);
      this.offerAfter(line.answer, this.questions);
      this.announced = [copied(line.answer.text, []).slice(0, ANNOUNCED), line.answer.reason].filter(Boolean).join(" ");
      if (stays) this.$nextTick(() => this.toLatest());
      else this.looked();
    }
  },
  // While nothing comes, how long that takes.
  tick(reading) {
    const place = reading.item?.querySelector(".chat-wait-words");
    if (!place || reading.ended) return;
    const stays = this.isAtEnd();
    place.textContent = reading.text ? "Writing…" : waitingWords(reading.words, performance.now() - reading.began);
    // A line more must not be out of sight.
    if (stays) this.toLatest();
  },
  paint(reading) {
    if (reading.ended) return;
    const stays = this.isAtEnd();
    reading.item.querySelector(".chat-text").replaceChildren(...textOf(reading.text, [], () => {}, { grows: true }));
    this.tick(reading);
    if (stays) this.toLatest();
    else this.looked();
  },
  async stop() {
    try {
      await post("/api/llm/chat/stop", this.which());
    } catch (problem) {
      this.problem = wordsOf(problem);
    }
    this.input().focus({ preventScroll: true });
  },
  askDelete() {
    this.deleting = true;
    this.$nextTick(() => this.$root.querySelector("[data-keep]").focus());
  },
  keep() {
    this.deleting = false;
    this.input().focus({ preventScroll: true });
  },
  async remove() {
    this.deleting = false;
    try {
      await call("DELETE", this.address());
    } catch (problem) {
      this.problem = wordsOf(problem);
    }
    await this.load();
    this.input().focus({ preventScroll: true });
  },
  isAtEnd() {
    const place = this.scroller();
    return place.scrollHeight - place.scrollTop - place.clientHeight < NEAR;
  },
  looked() {
    this.away = !this.isAtEnd();
  },
  toLatest() {
    const place = this.scroller();
    place.scrollTop = place.scrollHeight;
    this.away = false;
  },
}));
