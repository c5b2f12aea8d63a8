// What is wrong with the table or may be, with fixes that are shown before they are done, one or several at once.
import Alpine from "../../vendor/alpine.js";
import { h, icon } from "../dom.js";
import { number, plural } from "../format.js";
import { get, said } from "../http.js";
import { previewChange } from "./change.js";
import { api, info, target, whenOpened } from "./info.js";

const SEVERITY = {
  critical: { icon: "bad", word: "Serious", badge: "badge-bad" },
  warning: { icon: "warn", word: "Look at it", badge: "badge-warn" },
  info: { icon: "info", word: "Good to know", badge: "" },
};
const MOST_NAMES = 6;

function columnName(name) {
  return h("li", {}, h("button", { class: "chip-button", type: "button", "data-open-column": name, "aria-haspopup": "dialog" }, name));
}

Alpine.data("quality", () => ({
  loading: false,
  problem: "",
  count: -1,
  chosen: 0,
  note: "",
  asked: null,
  issues: () => [],
  init() {
    if (info.judged_at_once) this.load();
    else whenOpened("quality", () => this.load());
    this.$watch("$store.target.name", () => this.load());
  },
  get clean() {
    return !this.loading && this.count === 0;
  },
  get someChosen() {
    return this.chosen > 0;
  },
  get chosenText() {
    return number(this.chosen) + (this.chosen === 1 ? " fix" : " fixes") + " chosen";
  },
  get summary() {
    if (this.loading) return "Looking through the table…";
    if (this.count < 0) return "Ways to mend the table, each shown before it is done. The original stays.";
    if (!this.count) return "Nothing was found." + this.note;
    const fixes = this.issues().filter((issue) => issue.operations.length).length;
    const grave = this.issues().filter((issue) => issue.severity !== "info").length;
    const kinds = grave && grave < this.count ? " (" + grave + " to look at, " + (this.count - grave) + " good to know)" : "";
    return plural(this.count, "finding") + kinds + ", " + fixes + " with a ready-made fix. The original stays, whatever you apply." + this.note;
  },
  async load() {
    const wanted = target();
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    this.loading = true;
    this.problem = "";
    this.count = -1;
    this.chosen = 0;
    this.list().replaceChildren();
    try {
      const found = await get(api("/quality") + (wanted ? "?target=" + encodeURIComponent(wanted) : ""), asked.signal);
      this.issues = () => found.issues;
      this.note = found.note ? " " + found.note : "";
      this.count = found.issues.length;
      this.list().replaceChildren(...found.issues.map((issue, at) => this.card(issue, at)));
      this.badge(found.issues);
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.problem = said(problem);
    }
    this.loading = false;
  },
  badge(issues) {
    const badge = document.querySelector("[data-findings]");
    const serious = issues.filter((issue) => issue.severity !== "info").length;
    badge.hidden = !issues.length;
    badge.textContent = String(issues.length);
    badge.classList.toggle("badge-warn", serious > 0);
  },
  list() {
    return this.$root.querySelector(".findings");
  },
  card(issue, at) {
    const look = SEVERITY[issue.severity];
    const names = issue.columns.slice(0, MOST_NAMES);
    const left = issue.columns.length - names.length;
    const title = issue.columns.length === 1 ? issue.columns[0] : plural(issue.columns.length, "column");
    const choose = h("label", { class: "check" }, h("input", { type: "checkbox", value: String(at), "aria-label": "Do together with other fixes: " + issue.fix, onchange: () => this.countChosen() }), "Do together with other fixes");
    const fix = h("button", { class: "button button-small", type: "button", "aria-label": "Preview fix: " + issue.fix, onclick: () => previewChange(issue.fix, issue.operations, "quality") }, icon("wand"), "Preview fix");
    return h(
      "li",
      { class: "finding finding-" + issue.severity, "data-code": issue.code },
      h("span", { class: "badge " + look.badge }, icon(look.icon), look.word),
      h(
        "div",
        { class: "finding-text" },
        h("p", {}, issue.message),
        h("p", { class: "muted" }, issue.suggestion),
        issue.fix ? h("p", { class: "finding-does" }, icon("wand"), issue.fix) : null,
        names.length ? h("ul", { class: "chips", "aria-label": "Columns: " + title }, ...names.map(columnName), left ? h("li", { class: "muted small" }, "and " + left + " more") : null) : null,
      ),
      issue.operations.length ? h("div", { class: "finding-fix" }, fix, choose) : h("p", { class: "muted small finding-fix" }, "Only you can tell."),
    );
  },
  boxes() {
    return [...this.list().querySelectorAll("input[type=checkbox]")];
  },
  countChosen() {
    this.chosen = this.boxes().filter((box) => box.checked).length;
  },
  chooseNone() {
    for (const box of this.boxes()) box.checked = false;
    this.countChosen();
    this.boxes()[0]?.focus();
  },
  previewChosen() {
    const issues = this.boxes().filter((box) => box.checked).map((box) => this.issues()[Number(box.value)]);
    previewChange(this.chosenText.replace(" chosen", " together"), issues.flatMap((issue) => issue.operations), "quality");
  },
}));
