// Results: the leaderboard's order and columns, score against speed.
import Alpine from "../../vendor/alpine.js";
import { mountCharts } from "../charts.js";
import "../charts/pareto.js";
import { recall, remember } from "../storage.js";
import "../table.js";

const KEY = "leaderboard-columns";

Alpine.data("board", () => ({
  short: true,
  init() {
    this.$root.querySelector(".board-table").classList.add("board-short");
    const chosen = recall(KEY, null);
    if (chosen) {
      for (const box of this.boxes()) {
        if (box.value in chosen) box.checked = chosen[box.value];
      }
    }
    this.choose();
    document.addEventListener("click", (event) => {
      const menu = this.$root.querySelector(".column-choice");
      if (menu.open && !menu.contains(event.target)) menu.open = false;
    });
    this.$root.addEventListener("keydown", (event) => {
      const menu = this.$root.querySelector(".column-choice");
      if (event.key === "Escape" && menu.open) {
        menu.open = false;
        menu.querySelector("summary").focus();
      }
    });
  },
  showAll() {
    this.short = false;
    const table = this.$root.querySelector(".board-table");
    table.classList.remove("board-short");
    table.rows[13].querySelector("a").focus();
  },
  boxes() {
    return [...this.$root.querySelectorAll(".column-choice input")];
  },
  choose(event) {
    const shown = Object.fromEntries(this.boxes().map((box) => [box.value, box.checked]));
    for (const cell of this.$root.querySelectorAll("[data-optional]")) cell.hidden = !shown[cell.dataset.optional];
    if (event) remember(KEY, { ...recall(KEY, {}), ...shown });
  },
}));

mountCharts();
