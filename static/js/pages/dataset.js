// Data Studio, one table: rows, quality, recipe, columns, relations, and what to do with it.
import Alpine from "../../vendor/alpine.js";
import "../assistant/chat.js";
import "../assistant/panel.js";
import { mountCharts } from "../charts.js";
import "../dataset/change.js";
import "../dataset/column.js";
import "../dataset/goes-with.js";
import "../dataset/heat-map.js";
import { info } from "../dataset/info.js";
import { menuOf } from "../dataset/menus.js";
import "../dataset/quality.js";
import "../dataset/reading.js";
import "../dataset/recipe.js";
import "../delete.js";
import "../grid.js";
import { drawSparks } from "../spark.js";
import "../table.js";
import "../tabs.js";

Alpine.data("dataset", () => ({
  init() {
    drawSparks(info.id);
    menuOf(this.$root.querySelector("#download-menu"), () => this.$root.querySelector("[popovertarget=download-menu]"));
    this.$root.addEventListener("click", (event) => {
      const button = event.target.closest("[data-open-column]");
      if (button) this.$root.querySelector("#column-drawer").dispatchEvent(new CustomEvent("show-column", { detail: button.dataset.openColumn }));
    });
  },
}));

mountCharts();
