// Workers: who is there as it changes, draining one or having it go on, and the command by which another one joins.
import Alpine from "../../vendor/alpine.js";
import "../delete.js";
import { copyText, throttle } from "../dom.js";
import { fragment, post, said } from "../http.js";
import { subscribe } from "../live.js";
import { patch } from "../patch.js";
import { problemToast } from "../toasts.js";

// What no event tells: heartbeats, and trials that begin and end.
const EVERY = 3000;

async function refresh() {
  const shown = document.getElementById("fleet");
  if (document.hidden || document.querySelector("dialog[open]")) return;
  try {
    patch(shown, await fragment(location.pathname, "fleet"));
  } catch {
    // The last state stays until the server answers again.
  }
}

subscribe("workers", throttle(500, refresh));
setInterval(refresh, EVERY);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-turn]");
  // Not `disabled`, by which it would lose the focus.
  if (!button || button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    await post("/api/workers/" + encodeURIComponent(button.dataset.worker) + "/" + button.dataset.turn, {});
  } catch (problem) {
    problemToast("That did not work", problem);
  } finally {
    button.ariaDisabled = null;
    // It becomes the button that takes this back, and keeps the focus.
    await refresh();
  }
});

Alpine.data("join", () => ({
  command: "",
  copyText: "Copy",
  note: "",
  revocation: "",
  copyRevocationText: "Copy",
  problem: "",
  busy: false,
  init() {
    this.command = this.$root.dataset.command;
  },
  async make() {
    this.busy = true;
    this.problem = "";
    try {
      const made = await post("/api/workers/token", {});
      this.command = made.command;
      this.note = "The token “" + made.name + "” is shown this once. Revoke it with:";
      this.revocation = 'flowml token revoke "' + made.name + '"';
    } catch (problem) {
      this.problem = said(problem);
    }
    this.busy = false;
  },
  async copy() {
    await copyText(this.command);
    this.copyText = "Copied";
    setTimeout(() => (this.copyText = "Copy"), 1500);
  },
  async copyRevocation() {
    await copyText(this.revocation);
    this.copyRevocationText = "Copied";
    setTimeout(() => (this.copyRevocationText = "Copy"), 1500);
  },
}));
