// Whether a language model answers. Nobody is asked before a part of the assistant is opened.
import Alpine from "../../vendor/alpine.js";
import { get } from "../http.js";
import { statusWords } from "./words.js";

let asked = null;

Alpine.store("assistant", { available: false, model: "", away: "", text: "", link: "", linkText: "" });

// What /api/llm/status says, or null where there is no answer; asked once, and again when it is `anew`.
export function assistantStatus(anew = false) {
  if (asked && !anew) return asked;
  asked = get("/api/llm/status").catch(() => null);
  asked.then((status) => Object.assign(Alpine.store("assistant"), statusWords(status)));
  return asked;
}

Alpine.data("assistantStatus", () => ({
  get text() {
    return this.$store.assistant.text || "FlowML’s own findings.";
  },
  get link() {
    return this.$store.assistant.link;
  },
  get linkText() {
    return this.$store.assistant.linkText;
  },
}));
