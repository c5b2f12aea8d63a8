// One model: its charts; the importance of columns is asked for where it is not known yet.
import Alpine from "../../vendor/alpine.js";
import "../assistant/explanation.js";
import { mountCharts } from "../charts.js";
import "../charts/insight.js";
import "../charts/model.js";
import "../costs.js";
import "../depth.js";
import { fragment, get } from "../http.js";

Alpine.data("model", () => ({}));

Alpine.data("importance", () => ({
  problem: "",
  get waiting() {
    return this.problem === "";
  },
  async init() {
    const slot = this.$root;
    try {
      await get("/api/results/model/" + slot.dataset.model + "/feature-importance?method=permutation");
      const page = await fragment(location.pathname, "main");
      const figure = page.querySelector("figure[data-chart=importance]");
      if (!figure) throw new Error("No column's importance could be measured.");
      const place = slot.parentNode;
      place.replaceChildren(figure);
      mountCharts(place);
    } catch (problem) {
      this.problem = problem.message;
    }
  },
}));

mountCharts();
