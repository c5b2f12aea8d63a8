// Results: the leaderboard's order and columns, score against speed.
import Alpine from "../../vendor/alpine.js";
import "../assistant/chat.js";
import "../assistant/explanation.js";
import { mountCharts } from "../charts.js";
import "../charts/insight.js";
import "../charts/pareto.js";
import "../depth.js";
import { fragment } from "../http.js";
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

// Up to four models of the leaderboard side by side.
const MOST = 4;

Alpine.data("compare", () => ({
  chosen: [],
  problem: "",
  busy: false,
  init() {
    this.$root.addEventListener("change", (event) => event.target.name === "model" && this.picked());
    this.picked();
  },
  picked() {
    const boxes = [...this.$root.querySelectorAll("input[name=model]")];
    this.chosen = boxes.filter((box) => box.checked).map((box) => box.value);
    for (const box of boxes) box.disabled = !box.checked && this.chosen.length >= MOST;
  },
  get few() {
    return this.busy || this.chosen.length < 2;
  },
  get label() {
    return this.chosen.length < 2 ? "Pick two to four models to compare" : "Compare these " + this.chosen.length;
  },
  async compare(event) {
    event.preventDefault();
    this.busy = true;
    this.problem = "";
    try {
      const query = this.chosen.map((id) => "model=" + encodeURIComponent(id)).join("&");
      const found = await fragment(this.$root.getAttribute("action") + "?" + query, "comparison");
      document.getElementById("comparison").replaceWith(found);
      found.focus();
      found.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    } catch (problem) {
      this.problem = problem.message;
    }
    this.busy = false;
  },
}));

mountCharts();
