// What a model would be told, word for word, and whose values are among it.
import Alpine from "../../vendor/alpine.js";
import { info, target } from "../dataset/info.js";
import { h } from "../dom.js";
import { number } from "../format.js";
import { call, get, said } from "../http.js";
import { leavesWords, sentWords } from "./suggestions.js";

// Of very wide tables the page would be nothing but boxes.
const MOST_COLUMNS = 200;

function whose(message) {
  if (message.role === "user") return message.content.startsWith("BEGIN DATA") ? "The data" : "The question";
  return message.role === "system" ? "FlowML’s instructions" : "The model";
}

Alpine.data("sentToModel", () => ({
  text: "",
  leavesText: "",
  problem: "",
  mayChange: true,
  changing: false,
  opened() {
    if (!this.$root.open) return;
    this.sharing("GET");
    this.sent();
  },
  init() {
    this.$watch("$store.target.name", () => this.opened());
  },
  get leaves() {
    return this.leavesText !== "";
  },
  get locked() {
    return !this.mayChange || this.changing;
  },
  get sharingText() {
    if (!this.mayChange) return "Only the owner of this data set decides which values a model is told.";
    return "A model is told names, figures and findings. Values only where you allow it, for this table and all its versions.";
  },
  async sharing(method, body) {
    this.problem = "";
    this.changing = method !== "GET";
    try {
      this.show(await call(method, "/api/llm/sharing/" + info.id, body));
    } catch (problem) {
      this.problem = said(problem);
    }
    this.changing = false;
  },
  show(found) {
    this.mayChange = found.may_change;
    this.$root.querySelector("[data-ordinary]").checked = found.ordinary;
    const item = (column) =>
      h(
        "li",
        {},
        h("label", { class: "check" }, h("input", { type: "checkbox", checked: column.shared, onchange: (event) => this.shareColumn(column.name, event.target.checked) }), h("span", { class: "sent-column" }, column.name)),
        column.personal ? h("span", { class: "muted small" }, "looks personal: " + column.personal) : null,
      );
    const left = found.columns.length - MOST_COLUMNS;
    const more = left > 0 ? [h("li", { class: "muted small" }, "and " + number(left) + " more, which are shared by the API: PATCH /api/llm/sharing/" + info.id)] : [];
    this.$root.querySelector(".sent-columns").replaceChildren(...found.columns.slice(0, MOST_COLUMNS).map(item), ...more);
  },
  async shareColumn(name, shared) {
    await this.sharing("PATCH", { columns: { [name]: shared } });
    await this.sent();
  },
  async shareOrdinary(event) {
    await this.sharing("PATCH", { ordinary: event.target.checked });
    await this.sent();
  },
  async sent() {
    const wish = new URLSearchParams({ purpose: "cleaning", dataset_id: info.id });
    if (target()) wish.set("target", target());
    try {
      const found = await get("/api/llm/sent?" + wish);
      this.text = sentWords(found);
      this.leavesText = leavesWords(found);
      const part = (message, at) => h("section", { "aria-label": whose(message) + ", message " + (at + 1) }, h("h4", {}, whose(message)), h("pre", { tabindex: "0" }, message.content));
      const later = found.afterwards.map((sentence) => h("p", { class: "muted small" }, sentence));
      this.$root.querySelector(".sent-messages").replaceChildren(...found.messages.map(part), ...later);
    } catch (problem) {
      this.problem = said(problem);
    }
  },
}));
