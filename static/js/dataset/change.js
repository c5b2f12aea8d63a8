// The dialog that shows what operations would change, before they make a new version.
import Alpine from "../../vendor/alpine.js";
import { said } from "../http.js";
import { showDifference } from "./difference.js";
import { addSteps } from "./draft.js";
import { info, openTab, pageOf } from "./info.js";
import { makeVersion } from "./making.js";
import { previewOf } from "./previews.js";

// Ask for the dialog; `tab` is where the new version opens.
export function previewChange(title, operations, tab = "") {
  document.getElementById("change-dialog").dispatchEvent(new CustomEvent("preview-change", { detail: { title, operations, tab } }));
}

// Make the new version and go there; `made` is called in between. `operations` are the steps as their preview has them.
export async function applyOperations(steps, operations, { tab = "", made = () => {}, signal } = {}) {
  const dataset = await makeVersion(info.id, steps, operations, signal);
  made();
  location.assign(pageOf(dataset, tab));
}

Alpine.data("changeDialog", () => ({
  title: "What would change",
  loading: false,
  applying: false,
  tried: false,
  problem: "",
  failed: false,
  asked: null,
  wish: null,
  init() {
    this.$root.addEventListener("preview-change", (event) => this.show(event.detail));
    this.$root.addEventListener("close", () => this.asked?.abort());
  },
  get cannotApply() {
    return this.applying || !this.tried;
  },
  get applyText() {
    return this.applying ? "Making the new version…" : "Apply";
  },
  close() {
    this.$root.close();
  },
  async show({ title, operations, tab }) {
    this.wish = { steps: operations, tab };
    this.title = title;
    this.problem = "";
    this.loading = true;
    this.tried = this.applying = this.failed = false;
    const place = this.$root.querySelector(".change-preview");
    place.replaceChildren();
    if (!this.$root.open) this.$root.showModal();
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    try {
      const found = await previewOf(operations, asked.signal);
      this.wish.operations = found.operations;
      showDifference(place, found);
      this.tried = true;
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.problem = said(problem);
      this.failed = !problem.fields.length;
    }
    this.loading = false;
  },
  async retry() {
    await this.show({ title: this.title, operations: this.wish.steps, tab: this.wish.tab });
    // The button that had the focus is gone.
    this.$nextTick(() => this.$root.querySelector(".dialog-actions .button-primary").focus());
  },
  toRecipe() {
    addSteps(this.wish.steps);
    this.close();
    openTab("recipe");
  },
  async apply() {
    this.applying = true;
    this.problem = "";
    this.asked = new AbortController();
    try {
      await applyOperations(this.wish.steps, this.wish.operations, { tab: this.wish.tab, signal: this.asked.signal });
    } catch (problem) {
      // Who closes it takes the wish back.
      if (problem.name === "AbortError") return;
      this.problem = said(problem);
      this.applying = false;
    }
  },
}));
