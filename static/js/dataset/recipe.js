// The workbench: steps in their order, what they would change together, and the new version that they make.
import Alpine from "../../vendor/alpine.js";
import { copyText, dataOf, debounce, h, icon } from "../dom.js";
import { plural } from "../format.js";
import { curl, said } from "../http.js";
import { toast } from "../toasts.js";
import { applyOperations } from "./change.js";
import { effectOf, showDifference } from "./difference.js";
import { clearDraft, draft, moveStep, openDraft, removeStep } from "./draft.js";
import { info, openTab, pageOf } from "./info.js";
import { madeMeanwhile } from "./making.js";
import { stepTitle } from "./operations.js";
import { previewOf } from "./previews.js";
import { editStep } from "./step.js";

// Of a server that cannot answer now; it is asked again after so many milliseconds.
const BUSY = new Set([0, 429, 502, 503, 504]);
const AGAIN = 4000;

function asCommand(dataset, operations) {
  return curl(location.origin + "/api/datasets/" + dataset + "/transform", { operations, preview: false });
}

async function copy(what, text) {
  await copyText(text);
  toast({ kind: "good", title: what + " copied", stay: 3000 });
}

function tool(name, label, work, off = false) {
  return h("button", { class: "button button-quiet button-icon", type: "button", title: label, "aria-label": label, disabled: off, onclick: work }, icon(name));
}

Alpine.data("recipe", () => ({
  count: 0,
  problem: "",
  failed: false,
  again: 0,
  stateText: "",
  tried: false,
  applying: false,
  asked: null,
  // The steps that were tried last and what each did.
  last: { steps: [], changes: [], operations: [] },
  refreshLater: null,
  init() {
    this.refreshLater = debounce(30, () => this.refresh());
    addEventListener("draft", () => this.changed());
    openDraft(info.id);
    this.meanwhile();
  },
  // The page was left while a version was made.
  async meanwhile() {
    try {
      const found = await madeMeanwhile(info.id);
      if (!found) return;
      clearDraft(found.steps);
      toast({ kind: "good", title: "The new version is there", text: found.dataset.name, url: pageOf(found.dataset), stay: 0 });
    } catch {
      // It is looked for again before another one is made.
    }
  },
  get some() {
    return this.count > 0;
  },
  get none() {
    return this.count === 0;
  },
  get addClass() {
    return this.count ? "" : "button-primary";
  },
  get cannotApply() {
    return this.applying || !this.tried;
  },
  get applyText() {
    return this.applying ? "Making the new version…" : "Apply " + plural(this.count, "step");
  },
  openQuality() {
    openTab("quality");
  },
  add() {
    editStep();
  },
  start(event) {
    editStep({ op: event.currentTarget.dataset.op });
  },
  changed() {
    this.count = draft().length;
    this.tried = false;
    this.problem = "";
    this.failed = false;
    this.list(this.known(), { waits: true });
    this.refreshLater();
    const badge = document.querySelector("[data-steps]");
    const done = document.querySelectorAll(".recipe-done li").length;
    badge.hidden = !(done + this.count);
    badge.textContent = [done || null, this.count ? this.count + " new" : null].filter(Boolean).join(", ");
  },
  // What a step does depends on those before it alone.
  known() {
    const same = draft().findIndex((step, at) => JSON.stringify(step) !== JSON.stringify(this.last.steps[at]));
    return this.last.changes.slice(0, same < 0 ? draft().length : same);
  },
  // The steps, with what they do as soon as the server has tried them.
  list(changes, { wrong = -1, waits = false } = {}) {
    const place = this.$root.querySelector(".recipe-steps");
    const last = draft().length - 1;
    const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    const item = (step, at) =>
      h(
        "li",
        { class: at === wrong ? "recipe-wrong" : null },
        h("div", { class: "recipe-words" }, h("span", {}, changes[at]?.title ?? stepTitle(step, info.operations)), h("span", { class: "muted small" }, changes[at] ? effectOf(changes[at]) : waits ? "Trying it out…" : "")),
        h("span", { class: "recipe-tools" }, tool("up", "Move step " + (at + 1) + " up", () => moveStep(at, at - 1), at === 0), tool("down", "Move step " + (at + 1) + " down", () => moveStep(at, at + 1), at === last), tool("edit", "Change step " + (at + 1), () => editStep(draft()[at], at)), tool("trash", "Remove step " + (at + 1), () => removeStep(at))),
      );
    place.replaceChildren(...draft().map(item));
    if (focused) ([...place.querySelectorAll("button")].find((button) => button.getAttribute("aria-label") === focused && !button.disabled) ?? place.querySelector("button:not(:disabled)") ?? this.$root.querySelector(".recipe-actions button")).focus();
  },
  async refresh() {
    this.asked?.abort();
    clearTimeout(this.again);
    const place = this.$root.querySelector(".recipe-preview");
    if (!draft().length) return place.replaceChildren();
    const asked = new AbortController();
    this.asked = asked;
    this.stateText = "Trying it out…";
    place.classList.add("stale");
    try {
      const steps = draft();
      const found = await previewOf(steps, asked.signal);
      this.last = { steps, changes: found.changes, operations: found.operations };
      this.list(found.changes);
      showDifference(place, found, { steps: false });
      this.stateText = this.problem = "";
      this.failed = false;
      this.tried = true;
    } catch (problem) {
      if (problem.name === "AbortError") return;
      place.replaceChildren();
      this.stateText = "";
      this.problem = said(problem);
      this.failed = !problem.fields.length;
      this.list(this.known(), { wrong: Number(problem.fields[0]?.field.split(".")[1] ?? -1) });
      if (BUSY.has(problem.status)) this.again = setTimeout(() => this.refresh(), AGAIN);
    }
    place.classList.remove("stale");
  },
  async retry() {
    await this.refresh();
    // The button that had the focus is gone.
    if (this.tried) this.$nextTick(() => this.$root.querySelector(".recipe-actions .button-primary").focus());
  },
  async apply() {
    this.applying = true;
    this.problem = "";
    try {
      const steps = draft();
      await applyOperations(steps, this.last.operations, { made: () => clearDraft(steps) });
    } catch (problem) {
      this.problem = said(problem);
    }
    // Whoever comes back to this page finds it as it is now.
    this.applying = false;
  },
  copyDraft(event) {
    const asCurl = event.currentTarget.dataset.copy === "curl";
    copy(asCurl ? "The command" : "The recipe", asCurl ? asCommand(info.id, draft()) : JSON.stringify({ operations: draft() }, null, 2));
  },
  copyDone(event) {
    const { operations, root } = dataOf(this.$root.querySelector("[data-recipe]"), "recipe");
    const asCurl = event.currentTarget.dataset.copy === "done-curl";
    copy(asCurl ? "The command" : "The recipe", asCurl ? asCommand(root, operations) : JSON.stringify({ operations }, null, 2));
  },
}));

