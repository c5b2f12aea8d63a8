// The field for an expression: column names and functions to put in by a click, and errors shown where they are.
import { h } from "../dom.js";
import { inExpression } from "./operations.js";

const FUNCTIONS = ["if(", "round(", "min(", "max(", "coalesce(", "abs(", "log(", "sqrt(", "contains(", "lower(", "length(", "replace(", "concat(", "number(", "year(", "month(", "weekday(", "days_between("];
const MOST_OFFERED = 24;
const WORD = /[\p{L}\p{N}_]*$/u;

function put(area, text) {
  const start = area.selectionStart - WORD.exec(area.value.slice(0, area.selectionStart))[0].length;
  area.setRangeText(text, start, area.selectionEnd, "end");
  area.focus();
  area.dispatchEvent(new Event("input", { bubbles: true }));
}

function offered(names, area) {
  const word = WORD.exec(area.value.slice(0, area.selectionStart))[0].toLowerCase();
  const fits = (name) => name.toLowerCase().includes(word);
  const found = word ? names.filter(fits) : names;
  return (found.length ? found : names).slice(0, MOST_OFFERED);
}

function chip(label, text, area, key) {
  return h("button", { class: "chip-button", type: "button", "data-put": key, onclick: () => put(area, text) }, label);
}

export function expressionField(id, names, value, invalid) {
  const area = h("textarea", { class: "input expression", id, rows: "2", spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-describedby": id + "-place" });
  area.value = value ?? "";
  const columns = h("div", { class: "chips", role: "group", "aria-label": "Columns" });
  const offer = () => columns.replaceChildren(...offered(names, area).map((name) => chip(name, inExpression(name), area, name)));
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
    const found = /character (\d+) of the expression/.exec(message);
    place.hidden = !found;
    if (!found) return;
    const at = Number(found[1]) - 1;
    const rest = area.value.slice(at);
    const length = Math.max(1, /^(?:`[^`]*`?|[\p{L}\p{N}_.]+|.)?/u.exec(rest)[0].length);
    place.replaceChildren(area.value.slice(0, at), h("mark", {}, rest.slice(0, length) || "⟨here⟩"), rest.slice(length));
  };
  return { element, input: area, showPlace, read: () => area.value.trim() };
}
