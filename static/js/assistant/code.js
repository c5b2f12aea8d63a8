// The box for code: what is refused is named by its line, what it would change is shown, and only that can be approved.
import Alpine from "../../vendor/alpine.js";
import { changesNothing } from "../dataset/changed.js";
import { api, info, pageOf } from "../dataset/info.js";
import { showDifference } from "../dataset/difference.js";
import { h } from "../dom.js";
import { post, said } from "../http.js";
import { recall, remember } from "../storage.js";
import { approvalOf, rangeOf, refusalsOf } from "./code-lines.js";

const KEY = "code";
const REPLACED = "code-replaced";
const MOST = 20;

// Drafts of so many data sets are kept, the ones that were worked on last.
function keep(value, key = KEY) {
  const others = Object.entries(recall(key, {}) ?? {}).filter(([id]) => id !== info.id);
  remember(key, Object.fromEntries([...(value ? [[info.id, value]] : []), ...others].slice(0, MOST)));
}

Alpine.data("codeBox", () => ({
  text: "",
  problem: "",
  some: false,
  running: false,
  approving: false,
  stateText: "",
  found: null,
  // The code that was previewed last.
  shown: "",
  asked: null,
  // What stood in the box when code was put into it, and that code.
  before: "",
  taken: "",
  init() {
    this.text = recall(KEY, {})?.[info.id] ?? "";
    const { before = "", taken = "" } = recall(REPLACED, {})?.[info.id] ?? {};
    Object.assign(this, { before, taken });
    this.$watch("text", (text) => {
      keep(text);
      this.say("");
    });
    addEventListener("propose-code", (event) => this.take(String(event.detail)));
  },
  // Of the conversation, or of a suggestion.
  take(code) {
    // Code that was put there and left as it was is no draft.
    if (this.text.trim() && this.text !== code && this.text !== this.taken) this.before = this.text;
    this.taken = code;
    this.put(code);
  },
  get replaced() {
    return this.before !== "" && this.before !== this.text;
  },
  putBack() {
    const before = this.before;
    this.before = this.text;
    this.put(before);
  },
  put(code) {
    this.text = code;
    keep(this.before ? { before: this.before, taken: this.taken } : null, REPLACED);
    this.$nextTick(() => {
      const box = this.box();
      box.scrollIntoView({ block: "center" });
      box.focus();
    });
  },
  box() {
    return this.$root.querySelector("textarea");
  },
  get seen() {
    return this.found !== null;
  },
  get stale() {
    return this.text !== this.shown;
  },
  get oldClass() {
    return this.seen && this.stale ? "outdated" : "";
  },
  get resultTitle() {
    return this.seen && this.stale ? "What the code before would change" : "What would change";
  },
  // A version that is the same table again is none.
  get isOne() {
    return this.seen && !changesNothing(this.found);
  },
  get cannotPreview() {
    return this.running || this.approving || !this.text.trim();
  },
  get cannotApprove() {
    return this.stale || this.running || this.approving;
  },
  get previewClass() {
    return this.seen && !this.stale ? "" : "button-primary";
  },
  get previewText() {
    return this.running ? "Running on a copy…" : "Preview";
  },
  get approveText() {
    if (this.approving) return "Making the new version…";
    return this.seen ? approvalOf(this.found) : "Approve";
  },
  get unconfined() {
    return this.seen && !this.found.confinement.is_whole;
  },
  get unconfinedText() {
    return this.unconfined ? "It ran without all that would shut it off: " + this.found.confinement.missing.join("; ") + "." : "";
  },
  say(problem, fields = []) {
    const refusals = refusalsOf(fields).filter((one) => one.line);
    this.problem = problem;
    this.some = refusals.length > 0;
    const item = ({ line, column, text }) => h("li", {}, h("button", { class: "link-button", type: "button", onclick: () => this.select(line, column) }, "Line " + line), " ", text.replace(/^Line \d+: /, ""));
    this.$root.querySelector(".code-refusals").replaceChildren(...refusals.map(item));
  },
  select(line, column) {
    const box = this.box();
    box.focus();
    box.setSelectionRange(...rangeOf(this.text, line, column));
  },
  stop() {
    this.asked?.abort();
  },
  async preview() {
    if (this.cannotPreview) return;
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    const code = this.text;
    this.running = true;
    this.say("");
    this.stateText = "";
    try {
      const found = await post(api("/code"), { code }, asked.signal);
      this.found = found;
      this.shown = code;
      showDifference(this.$root.querySelector(".code-preview"), found, { steps: false });
      this.stateText = "It ran; nothing is changed yet.";
    } catch (problem) {
      if (problem.name === "AbortError") this.stateText = "Stopped.";
      else this.refused(problem);
    }
    this.running = false;
  },
  refused(problem) {
    const refusals = refusalsOf(problem.fields).filter((one) => one.line);
    this.say(refusals.length ? (refusals.length > 1 ? refusals.length + " things are not right in this code; nothing is changed." : "Something is not right in this code; nothing is changed.") : said(problem), problem.fields);
  },
  async approve() {
    if (this.cannotApprove) return;
    this.approving = true;
    this.say("");
    try {
      const made = await post(api("/code"), { code: this.shown, approved: true, preview_id: this.found.preview_id });
      keep("");
      location.assign(pageOf(made));
    } catch (problem) {
      this.refused(problem);
      // It has to be looked at again.
      if (problem.status === 409) this.shown = "";
      this.approving = false;
    }
  },
}));
