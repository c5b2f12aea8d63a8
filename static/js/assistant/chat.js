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
    document.documentElement.dataset.chatOpen = "true";
    this.$root.focus();
    assistantStatus();
  },
  close() {
    this.$root.hidden = true;
    delete document.documentElement.dataset.chatOpen;
    this.opener?.focus();
  },
}));
