// Tabs: one stop of the Tab key, arrow keys between them, and the address remembers which is open.
import Alpine from "../vendor/alpine.js";

Alpine.data("tabs", () => ({
  tabs: [],
  init() {
    this.tabs = [...this.$root.querySelectorAll("[role=tab]")];
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.open(tab, true));
      tab.addEventListener("keydown", (event) => this.key(event));
    }
    const wanted = this.tabs.find((tab) => "#" + tab.id.replace("tab-", "") === location.hash);
    this.open(wanted || this.tabs[0], false);
  },
  open(tab, remembered) {
    for (const other of this.tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.setAttribute("tabindex", chosen ? "0" : "-1");
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    if (remembered) history.replaceState(null, "", tab === this.tabs[0] ? location.pathname + location.search : "#" + tab.id.replace("tab-", ""));
    dispatchEvent(new CustomEvent("tab", { detail: tab.id.replace("tab-", "") }));
  },
  key(event) {
    const at = this.tabs.indexOf(event.target);
    const last = this.tabs.length - 1;
    const moves = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.tabs[moves[event.key]].focus();
    this.open(this.tabs[moves[event.key]], true);
  },
}));
