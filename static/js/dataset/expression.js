// The field for an expression: column names and functions to put in by a click, and errors shown where they are.
import { h } from "../dom.js";
import { inExpression } from "./operations.js";

export const FUNCTIONS = ["if(", "round(", "min(", "max(", "coalesce(", "abs(", "log(", "sqrt(", "contains(", "lower(", "length(", "replace(", "concat(", "number(", "year(", "month(", "weekday(", "days_between("];
const MOST_OFFERED = 24;
const WORD = /[\p{L}\p{N}_]*$/u;

// The word that ends where somebody types.
export function wordBefore(text) {
  return WORD.exec(text)[0];
}

// The columns to offer behind a text: those that go with its last word, or all.
export function offered(names, text) {
  const word = wordBefore(text).toLowerCase();
  const found = names.filter((name) => name.toLowerCase().includes(word));
  return (found.length ? found : names).slice(0, MOST_OFFERED);
}

// An expression in three parts, the second of which the sentence about it means; null where it names no place. The
// server counts characters, of which some are two to JavaScript.
export function marked(sentence, expression) {
  const found = /character (\d+) of the expression/.exec(sentence);
  if (!found) return null;
  const before = [...expression].slice(0, Number(found[1]) - 1).join("");
  const rest = expression.slice(before.length);
  const wrong = /^(?:`[^`]*`?|[\p{L}\p{N}_.]+|.)?/u.exec(rest)[0];
  return [before, wrong, rest.slice(wrong.length)];
}

function put(area, text) {
  const start = area.selectionStart - wordBefore(area.value.slice(0, area.selectionStart)).length;
  area.setRangeText(text, start, area.selectionEnd, "end");
  area.focus();
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function chip(label, text, area, key) {
  return h("button", { class: "chip-button", type: "button", "data-put": key, onclick: () => put(area, text) }, label);
}

export function expressionField(id, names, value, invalid) {
  const area = h("textarea", { class: "input expression", id, rows: "2", spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-describedby": id + "-place" });
  area.value = value ?? "";
  const columns = h("div", { class: "chips", role: "group", "aria-label": "Columns" });
  const offer = () => columns.replaceChildren(...offered(names, area.value.slice(0, area.selectionStart)).map((name) => chip(name, inExpression(name), area, name)));
  const functions = h("div", { class: "chips", role: "group", "aria-label": "Functions" }, ...FUNCTIONS.map((name) => chip(name + ")", name, area, name)));
  const place = h("p", { class: "expression-place", id: id + "-place", hidden: true });
  area.addEventListener("input", () => {
    place.hidden = true;
    offer();
  });
  offer();
  const signs = h("p", { class: "hint" }, "Signs: + − * / ^, = != < >=, and, or, not, is missing, in (1, 2). Texts stand in \"quotes\".");
  const element = h("div", { class: "stack stack-tight" }, area, place, columns, h("details", { class: "more" }, h("summary", {}, "Functions"), functions, signs), invalid);
  // The sentence says which character; the expression is shown again with that place marked.
  const showPlace = (message) => {
    const parts = marked(message, area.value.trim());
    place.hidden = !parts;
    if (parts) place.replaceChildren(parts[0], h("mark", {}, parts[1] || "⟨here⟩"), parts[2]);
  };
  return { element, input: area, showPlace, read: () => area.value.trim() };
}
