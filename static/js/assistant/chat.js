// The chat beside the page.
import Alpine from "../../vendor/alpine.js";
import { assistantStatus } from "./status.js";

Alpine.data("chat", () => ({
  init() {
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-open-chat]");
      if (button) this.open(button);
    });
  },
  open(button) {
    this.opener = button;
    this.$root.hidden = false;
    this.$root.focus();
    assistantStatus();
  },
  close() {
    this.$root.hidden = true;
    this.opener?.focus();
  },
}));
