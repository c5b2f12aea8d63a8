// The form for one step of a recipe, made from what the server says about its operations. What is filled in is tried
// on the table while one types.
import Alpine from "../../vendor/alpine.js";
import { debounce, h } from "../dom.js";
import { said } from "../http.js";
import { plural } from "../format.js";
import { toast } from "../toasts.js";
import { effectOf } from "./difference.js";
import { addSteps, draft, placeOf, replaceStep } from "./draft.js";
import { buildField } from "./fields.js";
import { columnStats, openTab } from "./info.js";
import { operations } from "./operations.js";
import { previewOf } from "./previews.js";

// Ask for the form: with the beginning of a step, and its place where it replaces one of the draft.
export function editStep(step = {}, at = null) {
  document.getElementById("step-dialog").dispatchEvent(new CustomEvent("edit-step", { detail: { step, at } }));
}

// Who sends a step waits so long for the server's word on it. After that it stands in the recipe, which says the rest.
const PATIENCE = 150;

// Fields that only mean something beside a certain value of another one.
const ONLY_WITH = { "fill.value": ["with", "value"] };

function plain(message) {
  return message.replace(/^Operation \d+( \([^)]*\))?: /, "");
}

Alpine.data("stepDialog", () => ({
  title: "Add a step",
  opSummary: "",
  problem: "",
  effect: "",
  checking: false,
  at: null,
  old: null,
  asked: null,
  fields: () => [],
  known: null,
  columns: null,
  tryLater: null,
  init() {
    this.$root.addEventListener("edit-step", (event) => this.show(event.detail));
    this.$root.addEventListener("close", () => this.asked?.abort());
    // Not while a step is being sent: that try would give up the one that decides.
    this.tryLater = debounce(500, () => this.$root.open && !this.checking && this.attempt(false));
  },
  get submitText() {
    return this.checking ? "Checking…" : this.at === null ? "Add this step" : "Change this step";
  },
  close() {
    this.$root.close();
  },
  async show({ step, at }) {
    this.at = at;
    this.old = step;
    this.title = at === null ? "Add a step" : "Change step " + (at + 1);
    this.effect = "";
    this.checking = false;
    this.opSummary = "";
    this.problem = "";
    // What the last step was like must not be taken for this one while its columns are on the way.
    const select = this.$root.querySelector("#step-op");
    select.replaceChildren();
    this.$root.querySelector(".step-fields").replaceChildren(h("p", {}, h("span", { class: "skeleton" })));
    this.fields = () => [];
    this.$root.showModal();
    try {
      const [known, columns] = await Promise.all([operations(), this.columnsBefore()]);
      this.known = () => known;
      this.columns = () => columns;
      select.replaceChildren(...[...known.values()].map((item) => h("option", { value: item.name, selected: item.name === step.op }, item.title)));
      this.build(known.get(select.value), step);
      if (step.op) this.tryLater();
    } catch (problem) {
      this.problem = said(problem);
    }
  },
  // The steps before this one, wherever another tab has moved it.
  before() {
    const place = this.at === null ? -1 : placeOf(this.old, this.at);
    return place < 0 ? draft() : draft().slice(0, place);
  },
  // The columns that the step gets: those of the table, or what the steps before it make of them.
  async columnsBefore() {
    const columns = [...(await columnStats()).values()];
    const before = this.before();
    if (!before.length) return columns;
    try {
      const found = await previewOf(before);
      return found.after.columns.map((name) => columns.find((column) => column.name === name) ?? { name });
    } catch {
      return columns;
    }
  },
  build(operation, step) {
    this.opSummary = operation.summary;
    this.problem = "";
    const shown = operation.fields.filter((field) => !(field.learned && field.kind === "values"));
    const built = shown.map((field) => buildField(field, step[field.name], this.columns()));
    this.fields = () => built;
    this.$root.querySelector(".step-fields").replaceChildren(...built.map((field) => field.element));
    this.showNeeded();
    if (step.op) built.find((field) => field.read() === undefined || field.name === "expression" || field.name === "to")?.input.focus();
  },
  chooseOperation(event) {
    this.effect = "";
    const column = this.fields().find((field) => field.name === "column")?.read();
    this.build(this.known().get(event.target.value), column ? { column, columns: [column] } : {});
  },
  showNeeded() {
    const op = this.$root.querySelector("#step-op").value;
    for (const field of this.fields()) {
      const rule = ONLY_WITH[op + "." + field.name];
      if (rule) field.element.hidden = this.fields().find((other) => other.name === rule[0])?.read() !== rule[1];
    }
  },
  changed() {
    this.showNeeded();
    this.effect = "";
    this.tryLater();
  },
  step() {
    const found = { op: this.$root.querySelector("#step-op").value };
    for (const field of this.fields()) {
      const value = field.element.hidden ? undefined : field.read();
      if (value !== undefined && value !== "") found[field.name] = value;
    }
    return found;
  },
  complete() {
    const operation = this.known().get(this.$root.querySelector("#step-op").value);
    const step = this.step();
    return operation.fields.every((field) => !field.required || step[field.name] !== undefined);
  },
  // Whether the server can hardly refuse the step: all is there that has to be, and nothing was written in a language.
  isLikelyRight() {
    const operation = this.known().get(this.$root.querySelector("#step-op").value);
    return this.complete() && !operation.fields.some((field) => field.kind === "expression");
  },
  // Try the step behind those before it. What is wrong is said beside its field once it was filled in or sent.
  async attempt(sent) {
    if (!sent && !this.complete()) return false;
    const before = this.before();
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    try {
      const found = await previewOf([...before, this.step()], asked.signal);
      if (asked !== this.asked) return false;
      this.complain([]);
      const change = found.changes[found.changes.length - 1];
      const rows = this.at === null && !before.length && found.n_rows_after !== found.n_rows_before ? ", " + plural(found.n_rows_after, "row") + " stay" : "";
      this.effect = [change.title + ".", capitalised(effectOf(change)) + rows, ...found.warnings.map((warning) => warning.message)].filter(Boolean).join(" ");
      return true;
    } catch (problem) {
      if (problem.name === "AbortError" || asked !== this.asked) return false;
      this.effect = "";
      this.complain(problem.fields.length ? problem.fields : [{ field: "", message: problem.message }], problem.hint, before.length);
      if (sent) (this.$root.querySelector(".step-fields [aria-invalid]") ?? this.$root.querySelector(".step-fields :is(input, select, textarea)"))?.focus();
      return false;
    }
  },
  complain(problems, hint = "", place = 0) {
    this.problem = "";
    const left = [...problems];
    for (const field of this.fields()) {
      const at = left.findIndex((problem) => problem.field.startsWith("operations." + place + "." + field.name));
      const message = at < 0 ? "" : plain(left.splice(at, 1)[0].message) + (hint ? " " + hint : "");
      field.complain(message);
    }
    if (left.length) this.problem = plain(left[0].message) + (hint ? " " + hint : "");
  },
  async submit(event) {
    event.preventDefault();
    if (this.checking || !this.fields().length) return;
    this.checking = true;
    const tried = this.attempt(true);
    const fits = await (this.isLikelyRight() ? Promise.race([tried, new Promise((resolve) => setTimeout(() => resolve(true), PATIENCE))]) : tried);
    this.checking = false;
    if (!fits) return;
    // The recipe waits for the answer now.
    this.asked = null;
    if (this.at === null) addSteps([this.step()]);
    else if (!replaceStep(this.old, this.at, this.step())) toast({ kind: "warn", title: "The step was changed or removed in another tab", text: "What you saved was added as the last step. Remove the one that you don't want." });
    this.close();
    openTab("recipe");
    document.querySelector("#panel-recipe .recipe-actions button").focus();
  },
}));

function capitalised(text) {
  return text ? text.slice(0, 1).toUpperCase() + text.slice(1) : "";
}
