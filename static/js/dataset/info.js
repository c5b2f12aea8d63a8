// The data set that the page is about, and the column that somebody wants to predict.
import Alpine from "../../vendor/alpine.js";
import { dataOf, h } from "../dom.js";
import { get } from "../http.js";

export const info = dataOf(document.querySelector("[data-dataset]"), "dataset");

export function api(path = "") {
  return "/api/datasets/" + info.id + path;
}

let statistics = null;

// ColumnStats of every column by its name, asked for once.
export function columnStats() {
  statistics ??= get(api("/stats")).then((answer) => new Map(answer.columns.map((column) => [column.name, column])));
  statistics.catch(() => (statistics = null));
  return statistics;
}

Alpine.store("target", { name: new URLSearchParams(location.search).get("target") ?? "" });

export function target() {
  return Alpine.store("target").name;
}

// The page of another version, where the same column is to be predicted.
export function pageOf(dataset, tab = "") {
  const kept = dataset.columns.some((column) => column.name === target());
  return "/datasets/" + dataset.id + (kept ? "?target=" + encodeURIComponent(target()) : "") + (tab ? "#" + tab : "");
}

function showTarget(name) {
  const address = new URL(location.href);
  if (name) address.searchParams.set("target", name);
  else address.searchParams.delete("target");
  history.replaceState(null, "", address);
  const wish = name ? "&target=" + encodeURIComponent(name) : "";
  for (const link of document.querySelectorAll("a[data-train]")) link.href = "/train?dataset=" + info.id + wish;
}

Alpine.data("targetPicker", () => ({
  name: "",
  async init() {
    const select = this.$root.querySelector("select");
    try {
      const columns = await columnStats();
      select.append(...[...columns.keys()].map((name) => h("option", { value: name }, name)));
      if (!columns.has(target())) Alpine.store("target").name = "";
    } catch {
      // Without the columns nothing can be chosen; the tab says what is wrong with the server.
    }
    this.name = target();
    if (this.name) showTarget(this.name);
    this.$watch("$store.target.name", (name) => (this.name = name));
    this.$watch("name", (name) => {
      if (name === target()) return;
      Alpine.store("target").name = name;
      showTarget(name);
    });
  },
}));

// Told at once if the tab is open, else when it is opened for the first time.
export function whenOpened(tab, work) {
  const once = (event) => {
    if (event.detail !== tab) return;
    removeEventListener("tab", once);
    work();
  };
  const named = location.hash === "#" + tab || document.getElementById("panel-" + tab).contains(document.getElementById(location.hash.slice(1)));
  if (document.getElementById("tab-" + tab).getAttribute("aria-selected") === "true" && named) work();
  else addEventListener("tab", once);
}

export function openTab(tab) {
  document.getElementById("tab-" + tab).click();
}
