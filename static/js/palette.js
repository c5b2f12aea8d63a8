// The command palette: Ctrl or Cmd and K, then a few letters, then Enter.
import Alpine from "../vendor/alpine.js";
import { get } from "./http.js";
import { search } from "./order.js";

const MOST_SHOWN = 40;
const mac = /Mac|iP(hone|ad)/.test(navigator.platform);

function dialog() {
  return document.querySelector("dialog.palette");
}

function open() {
  const element = dialog();
  if (element.open) return;
  element.dispatchEvent(new Event("palette-open"));
  element.showModal();
}

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    open();
  }
});

Alpine.data("paletteButton", () => ({ keys: mac ? "⌘ K" : "Ctrl K", open }));

Alpine.data("palette", () => ({
  query: "",
  items: [],
  shown: [],
  chosen: 0,
  init() {
    this.$root.addEventListener("palette-open", () => this.load());
  },
  async load() {
    this.query = "";
    try {
      this.items = (await get("/palette.json")).items;
    } catch {
      this.items = [{ title: "Home", detail: "The server does not answer", icon: "home", url: "/" }];
    }
    this.filter();
  },
  filter() {
    this.chosen = 0;
    this.show(search(this.items, this.query).slice(0, MOST_SHOWN));
  },
  show(items) {
    this.shown = items.map((item, index) => ({
      title: item.title,
      detail: item.detail,
      url: item.url,
      icon: "#i-" + item.icon.replace("#i-", ""),
      id: "palette-" + index,
      index,
      selected: index === this.chosen ? "true" : "false",
    }));
  },
  get activeId() {
    return this.shown.length ? "palette-" + this.chosen : "";
  },
  get nothing() {
    return this.shown.length === 0;
  },
  choose(index) {
    if (!this.shown.length) return;
    this.chosen = (index + this.shown.length) % this.shown.length;
    this.show(this.shown);
    this.$nextTick(() => document.getElementById("palette-" + this.chosen)?.scrollIntoView({ block: "nearest" }));
  },
  key(event) {
    if (event.key === "ArrowDown") this.choose(this.chosen + 1);
    else if (event.key === "ArrowUp") this.choose(this.chosen - 1);
    else if (event.key === "Enter" && this.shown.length) this.go(this.shown[this.chosen]);
    else return;
    event.preventDefault();
  },
  point(item) {
    if (item.index !== this.chosen) this.choose(item.index);
  },
  go(item) {
    location.assign(item.url);
  },
  backdrop(event) {
    if (event.target === this.$root) this.$root.close();
  },
  closed() {
    this.query = "";
  },
}));
