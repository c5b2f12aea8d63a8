// Tabs: one stop of the Tab key, arrow keys between them, and the address remembers which is open. An address may also
// name a part of one, which is then in sight.
import Alpine from "../vendor/alpine.js";

Alpine.data("tabs", () => ({
  tabs: [],
  init() {
    this.tabs = [...this.$root.querySelectorAll("[role=tab]")];
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.open(tab, true));
      tab.addEventListener("keydown", (event) => this.key(event));
    }
    const part = document.getElementById(location.hash.slice(1));
    const isWanted = (tab) => "#" + tab.id.replace("tab-", "") === location.hash || document.getElementById(tab.getAttribute("aria-controls")).contains(part);
    const wanted = this.tabs.find(isWanted);
    this.open(wanted || this.tabs[0], false);
    if (wanted && part) requestAnimationFrame(() => part.scrollIntoView());
    // A number that appears on a tab moves those behind it.
    const grown = new ResizeObserver(() => this.reveal());
    for (const tab of this.tabs) grown.observe(tab);
  },
  open(tab, remembered) {
    for (const other of this.tabs) {
      const chosen = other === tab;
      other.setAttribute("aria-selected", String(chosen));
      other.setAttribute("tabindex", chosen ? "0" : "-1");
      document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
    }
    this.reveal();
    if (remembered) history.replaceState(null, "", tab === this.tabs[0] ? location.pathname + location.search : "#" + tab.id.replace("tab-", ""));
    dispatchEvent(new CustomEvent("tab", { detail: tab.id.replace("tab-", "") }));
  },
  // Where the tabs do not all fit, the chosen one is brought into sight, and nothing else moves.
  reveal() {
    const strip = this.$root.getBoundingClientRect();
    const place = this.$root.querySelector("[aria-selected=true]").getBoundingClientRect();
    if (place.left < strip.left || place.right > strip.right) this.$root.scrollLeft += place.left - strip.left - 24;
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
