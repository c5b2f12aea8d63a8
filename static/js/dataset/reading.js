// The dialog that reads the same file in another way: what was decided, and what its owner says instead.
import Alpine from "../../vendor/alpine.js";
import { h } from "../dom.js";
import { get, post, said } from "../http.js";
import { capital } from "./fields.js";
import { api, pageOf } from "./info.js";

const SIGNS = { "\t": "tab", " ": "blank", "": "none" };

function text(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.join(", ");
  return SIGNS[value] ?? String(value);
}

function found(option) {
  return option.decided === null ? "Find out" : "As found: " + text(option.decided);
}

// The inputs of the kinds of options; each answers {input, read}, where undefined leaves it to the file.
const KINDS = {
  choice: (option, id) => choose(id, option, option.values.map((value) => [value, text(value)])),
  flag: (option, id) => {
    const made = choose(id, option, [["true", "yes"], ["false", "no"]]);
    return { ...made, read: () => (made.input.value ? made.input.value === "true" : undefined) };
  },
  whole: (option, id) => {
    const made = write(id, option, { inputmode: "numeric" });
    return { ...made, read: () => (/^-?\d+$/.test(made.input.value.trim()) ? Number(made.input.value) : made.input.value.trim() || undefined) };
  },
  texts: (option, id) => {
    const made = write(id, option);
    return { ...made, read: () => (made.input.value.trim() ? made.input.value.split(",").map((item) => item.trim()) : undefined) };
  },
  text: (option, id) => {
    const made = write(id, option);
    return { ...made, read: () => (made.input.value === "" ? undefined : made.input.value.replaceAll("\\t", "\t")) };
  },
};

function choose(id, option, values) {
  const given = option.given === null ? "" : String(option.given);
  const input = h("select", { class: "input", id }, h("option", { value: "" }, found(option)), ...values.map(([key, title]) => h("option", { value: key, selected: key === given }, title)));
  return { input, read: () => input.value || undefined };
}

function write(id, option, attributes = {}) {
  const input = h("input", { class: "input", id, autocomplete: "off", spellcheck: "false", placeholder: found(option), ...attributes });
  input.value = option.given === null ? "" : text(option.given);
  return { input };
}

function field(option) {
  const id = "reading-" + option.name;
  const made = KINDS[option.kind](option, id);
  made.input.setAttribute("aria-describedby", id + "-hint");
  const problem = h("p", { class: "field-problem", role: "alert", hidden: true });
  return { ...made, name: option.name, problem, element: h("div", { class: "field" }, h("label", { for: id }, capital(option.name.replaceAll("_", " "))), made.input, h("p", { class: "hint", id: id + "-hint" }, capital(option.title)), problem) };
}

Alpine.data("readingDialog", () => ({
  format: "The file",
  loading: false,
  reading: false,
  count: -1,
  problem: "",
  asked: null,
  fields: () => [],
  init() {
    document.addEventListener("click", (event) => event.target.closest("[data-read-again]") && this.show());
    this.$root.addEventListener("close", () => this.asked?.abort());
  },
  get nothing() {
    return this.count === 0;
  },
  get cannotRead() {
    return this.reading || this.count < 1;
  },
  get submitText() {
    return this.reading ? "Reading…" : "Read again";
  },
  close() {
    this.$root.close();
  },
  async show() {
    this.problem = "";
    this.loading = this.count < 0;
    this.$root.showModal();
    if (this.count >= 0) return;
    try {
      const answer = await get(api("/options"));
      const made = answer.items.map(field);
      this.fields = () => made;
      this.format = "It was read as: " + answer.format;
      this.count = made.length;
      this.$root.querySelector(".reading-fields").replaceChildren(...made.map((one) => one.element));
      made[0]?.input.focus();
    } catch (problem) {
      this.problem = said(problem);
    }
    this.loading = false;
  },
  async submit(event) {
    event.preventDefault();
    const options = {};
    for (const one of this.fields()) {
      const value = one.read();
      if (value !== undefined) options[one.name] = value;
      one.problem.hidden = true;
    }
    this.reading = true;
    this.problem = "";
    const asked = new AbortController();
    this.asked = asked;
    try {
      location.assign(pageOf(await post(api("/read-again"), { options }, asked.signal)));
    } catch (problem) {
      this.reading = false;
      if (problem.name === "AbortError") return;
      this.complain(problem);
    }
  },
  complain(problem) {
    const named = problem.fields.map((one) => one.field.replace(/^options\./, ""));
    const wrong = this.fields().find((one) => named.includes(one.name));
    if (!wrong) {
      this.problem = said(problem);
      return;
    }
    wrong.problem.textContent = said(problem);
    wrong.problem.hidden = false;
    wrong.input.focus();
  },
}));
