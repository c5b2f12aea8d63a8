// The dialog that shows what operations would change, before they make a new version.
import Alpine from "../../vendor/alpine.js";
import { post, said } from "../http.js";
import { showDifference } from "./difference.js";
import { addSteps } from "./draft.js";
import { api, openTab, pageOf } from "./info.js";
import { previewOf } from "./previews.js";

// Ask for the dialog; `tab` is where the new version opens.
export function previewChange(title, operations, tab = "") {
  document.getElementById("change-dialog").dispatchEvent(new CustomEvent("preview-change", { detail: { title, operations, tab } }));
}

// Make the new version and go there; `made` is called in between.
export async function applyOperations(operations, tab = "", made = () => {}) {
  const dataset = await post(api("/transform"), { operations, preview: false });
  made();
  location.assign(pageOf(dataset, tab));
}

Alpine.data("changeDialog", () => ({
  title: "What would change",
  loading: false,
  applying: false,
  tried: false,
  problem: "",
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
    this.wish = { operations, tab };
    this.title = title;
    this.problem = "";
    this.loading = true;
    this.tried = false;
    const place = this.$root.querySelector(".change-preview");
    place.replaceChildren();
    this.$root.showModal();
    this.asked?.abort();
    const asked = new AbortController();
    this.asked = asked;
    try {
      const found = await previewOf(operations, asked.signal);
      showDifference(place, found);
      this.tried = true;
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.problem = said(problem);
    }
    this.loading = false;
  },
  toRecipe() {
    addSteps(this.wish.operations);
    this.close();
    openTab("recipe");
  },
  async apply() {
    this.applying = true;
    this.problem = "";
    try {
      await applyOperations(this.wish.operations, this.wish.tab);
    } catch (problem) {
      this.problem = said(problem);
      this.applying = false;
    }
  },
}));
