// Parts of a page that take a moment to work out: fetched when the page is there, and put in place of their slot.
import Alpine from "../vendor/alpine.js";
import { mountCharts } from "./charts.js";
import { fragment } from "./http.js";

Alpine.data("depth", () => ({
  problem: "",
  get waiting() {
    return this.problem === "";
  },
  async init() {
    const slot = this.$root;
    try {
      const part = await fragment(slot.dataset.part, slot.dataset.id);
      const parts = [...part.children];
      slot.replaceWith(...parts);
      // What has a component of its own mounts its charts itself.
      for (const one of parts) if (!one.matches("[x-data]")) mountCharts(one);
    } catch (problem) {
      this.problem = problem.message;
    }
  },
}));
