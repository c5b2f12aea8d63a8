// Settings: which language model answers, as it changes; choosing another one, and trying the one that answers.
import Alpine from "../../vendor/alpine.js";
import { ask } from "../assistant/lines.js";
import { answeredIn, waitingWords } from "../assistant/words.js";
import { call, fragment, said } from "../http.js";
import { patch } from "../patch.js";
import { problemToast, toast } from "../toasts.js";

// Models are pulled, tried and loaded by others, and no event tells of it.
const EVERY = 3000;

async function refresh() {
  if (document.hidden) return;
  try {
    patch(document.getElementById("assistant-now"), await fragment(location.pathname, "assistant-now"));
  } catch {
    // The last state stays until the server answers again.
  }
}

setInterval(refresh, EVERY);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-choose]");
  if (!button || button.ariaDisabled === "true") return;
  button.ariaDisabled = "true";
  try {
    const { choose: model, machine } = button.dataset;
    const status = await call("PATCH", "/api/llm/model", { model: model || null, machine: machine || null });
    if (status.model) toast({ kind: "good", title: "From now on " + status.model + " answers." });
  } catch (problem) {
    problemToast("It was not chosen", problem);
  } finally {
    button.ariaDisabled = null;
    await refresh();
  }
});

Alpine.data("tryModel", () => ({
  busy: false,
  note: "",
  waited: 0,
  text: "",
  problem: "",
  leaving: null,
  get resting() {
    return !this.busy;
  },
  get noteText() {
    return this.busy ? waitingWords(this.note, this.waited) : this.note;
  },
  async start() {
    const began = performance.now();
    const clock = setInterval(() => (this.waited = performance.now() - began), 500);
    Object.assign(this, { busy: true, waited: 0, note: "Asks it to say hello.", text: "", problem: "" });
    this.leaving = new AbortController();
    try {
      for await (const told of ask("/api/llm/model/try", {}, this.leaving.signal)) this.heard(told);
    } catch (problem) {
      if (problem.name === "AbortError") this.note = "Stopped.";
      else this.failed(problem);
    } finally {
      clearInterval(clock);
      this.busy = false;
    }
  },
  stop() {
    this.leaving.abort();
  },
  heard(told) {
    if (told.type === "wait") this.note = told.text;
    else if (told.type === "text") this.text += told.text;
    else if (told.type === "ended") this.note = told.model + " on " + told.where + " answered " + answeredIn(told.seconds) + ".";
    else if (told.type === "failed") this.failed({ message: told.detail, hint: told.hint });
  },
  failed(problem) {
    this.note = "";
    this.problem = said(problem);
  },
}));
