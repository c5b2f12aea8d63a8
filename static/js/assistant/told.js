// What the question in the box would send to the model, word for word, when somebody wants to see it.
import Alpine from "../../vendor/alpine.js";
import { dataOf, h } from "../dom.js";
import { get, said } from "../http.js";
import { leavesWords, sentWords } from "./suggestions.js";

const WHOSE = { system: "FlowML’s instructions", assistant: "The model, before" };

function whose(message) {
  if (message.role === "user") return message.content.startsWith("BEGIN DATA") ? "The data" : "A question";
  return WHOSE[message.role];
}

Alpine.data("chatTold", () => ({
  text: "",
  problem: "",
  get hasModel() {
    return this.$store.assistant.available === true;
  },
  async opened() {
    if (!this.$root.open) return;
    const { kind, id } = dataOf(this.$root.closest(".chat"), "chat");
    const wish = new URLSearchParams({ purpose: "chat", [kind === "job" ? "job_id" : "dataset_id"]: id });
    const target = Alpine.store("target")?.name;
    const question = this.$root.closest(".chat").querySelector("textarea").value.trim();
    if (target) wish.set("target", target);
    if (question) wish.set("question", question);
    this.problem = "";
    this.text = "Putting it together…";
    const place = this.$root.querySelector(".chat-told-messages");
    place.replaceChildren();
    try {
      const found = await get("/api/llm/sent?" + wish);
      this.text = [sentWords(found), leavesWords(found)].filter(Boolean).join(" ");
      const part = (message, at) => h("section", { "aria-label": whose(message) + ", message " + (at + 1) }, h("h3", {}, whose(message)), h("pre", { tabindex: "0" }, message.content));
      place.replaceChildren(...found.messages.map(part));
    } catch (problem) {
      this.text = "";
      this.problem = said(problem);
    }
  },
}));
