// Menus that open beside their button: what can be done to a column, and the formats of a download.
import Alpine from "../../vendor/alpine.js";
import { h, icon } from "../dom.js";
import { said } from "../http.js";
import { columnStats, info, openTab } from "./info.js";
import { wishesFor } from "./operations.js";
import { editStep } from "./step.js";

const EDGE = 8;

// Under the button where there is room, else on the side that has more, and inside of the window: a menu that came to
// lie below the pointer would take its next click.
function placeBeside(menu, button) {
  const at = button.getBoundingClientRect();
  const left = Math.min(at.left, innerWidth - menu.offsetWidth - EDGE);
  menu.style.maxHeight = "none";
  const below = at.bottom + EDGE / 2;
  const room = { under: innerHeight - EDGE - below, over: at.top - EDGE / 2 - EDGE };
  const isUnder = menu.offsetHeight <= room.under || room.under >= room.over;
  menu.style.maxHeight = Math.max(0, isUnder ? room.under : room.over) + "px";
  menu.style.inset = (isUnder ? below : at.top - EDGE / 2 - menu.offsetHeight) + "px auto auto " + Math.max(EDGE, left) + "px";
}

function moveFocus(menu, event) {
  const items = [...menu.querySelectorAll("a, button")];
  const at = items.indexOf(document.activeElement);
  const last = items.length - 1;
  const moves = { ArrowDown: at === last ? 0 : at + 1, ArrowUp: at <= 0 ? last : at - 1, Home: 0, End: last };
  if (!(event.key in moves)) return;
  event.preventDefault();
  items[moves[event.key]].focus();
}

export function menuOf(menu, button) {
  menu.addEventListener("keydown", (event) => moveFocus(menu, event));
  menu.addEventListener("toggle", (event) => {
    if (event.newState !== "open") return;
    placeBeside(menu, button());
    menu.querySelector("a, button")?.focus();
  });
}

Alpine.data("columnMenu", () => ({
  init() {
    let opener = null;
    menuOf(this.$root, () => opener);
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-column-menu]");
      if (!button) return;
      opener = button;
      // While a dialog is open, nothing outside of it can be used.
      (button.closest("dialog") ?? document.querySelector("[data-dataset]")).append(this.$root);
      this.show(button.dataset.columnMenu);
    });
  },
  async show(name) {
    const list = this.$root.querySelector("ul");
    try {
      const column = (await columnStats()).get(name);
      const ask = (kind, detail) => () => {
        this.$root.hidePopover();
        document.getElementById("column-drawer").close();
        openTab("table");
        dispatchEvent(new CustomEvent(kind, { detail: { name, ...detail } }));
      };
      const shown = [...document.querySelectorAll(".grid th[data-column]:not([hidden])")].some((head) => head.dataset.column === name);
      const grid = [
        h("li", {}, h("button", { type: "button", onclick: ask("grid-sort", { descending: false }) }, icon("up"), "Sort, smallest first")),
        h("li", {}, h("button", { type: "button", onclick: ask("grid-sort", { descending: true }) }, icon("down"), "Sort, largest first")),
        ...(shown ? [h("li", {}, h("button", { type: "button", onclick: ask("grid-hide", {}) }, icon("close"), "Hide in this view"))] : []),
        h("li", { class: "menu-end" }, h("a", { class: "menu-row", href: "/train?dataset=" + info.id + "&target=" + encodeURIComponent(name) }, icon("target"), "Predict this column")),
      ];
      const about = h("li", {}, h("button", { type: "button", "data-open-column": name, onclick: () => this.$root.hidePopover() }, icon("chart"), "About “" + name + "”"));
      list.replaceChildren(about, ...grid, ...wishesFor(column).map((wish) => this.item(wish)));
    } catch (problem) {
      list.replaceChildren(h("li", {}, h("p", { class: "field-problem" }, said(problem))));
    }
    this.$root.showPopover();
  },
  item({ title, icon: name, step }) {
    const work = () => {
      this.$root.hidePopover();
      document.getElementById("column-drawer").close();
      editStep(step);
    };
    return h("li", {}, h("button", { type: "button", onclick: work }, icon(name), title + "…"));
  },
}));
