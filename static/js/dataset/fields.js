// One input per field of an operation. Each maker answers {element, input, read}; read() is undefined where nothing
// was given, so that the server takes what is usual.
import { h } from "../dom.js";
import { listOf, mappingOf, numberOrText } from "../typed.js";
import { expressionField } from "./expression.js";
import { words } from "./operations.js";

function textInput(id, value, attributes = {}) {
  const input = h("input", { class: "input", id, autocomplete: "off", spellcheck: "false", ...attributes });
  input.value = value ?? "";
  return { element: input, input, read: () => (input.value === "" ? undefined : input.value) };
}

function numberInput(id, value) {
  const made = textInput(id, value, { inputmode: "decimal" });
  return { ...made, read: () => (made.input.value.trim() === "" ? undefined : numberOrText(made.input.value)) };
}

function select(id, options, value, empty) {
  const input = h("select", { class: "input", id }, empty === undefined ? null : h("option", { value: "" }, empty), ...options.map(([key, title]) => h("option", { value: key, selected: key === value }, title)));
  return { element: input, input, read: () => input.value || undefined };
}

function check(id, title, checked) {
  const input = h("input", { type: "checkbox", id, checked });
  return { input, label: h("label", { class: "check" }, input, title) };
}

function checklist(id, options, chosen, large) {
  const boxes = options.map(([key, title], at) => ({ key, ...check(id + (at ? "-" + at : ""), title, chosen.includes(key)) }));
  const list = h("div", { class: "checklist" + (large ? " checklist-large" : "") }, ...boxes.map((box) => box.label));
  const read = () => {
    const found = boxes.filter((box) => box.input.checked).map((box) => box.key);
    return found.length ? found : undefined;
  };
  if (!large || options.length <= 12) return { element: list, input: boxes[0]?.input ?? list, read, group: true };
  const search = h("input", { class: "input", type: "search", placeholder: "Find a column", "aria-label": "Find a column" });
  search.addEventListener("input", (event) => {
    event.stopPropagation();
    for (const box of boxes) box.label.hidden = !box.key.toLowerCase().includes(search.value.trim().toLowerCase());
  });
  return { element: h("div", { class: "stack stack-tight" }, search, list), input: boxes[0].input, read, group: true };
}

function lines(id, value) {
  const area = h("textarea", { class: "input", id, rows: "3", placeholder: "One per line" });
  area.value = (value ?? []).join("\n");
  return { element: area, input: area, read: () => listOf(area.value, "\n") };
}

function listed(id, value, placeholder, convert) {
  const made = textInput(id, (value ?? []).join(", "), { placeholder });
  return { ...made, read: () => listOf(made.input.value, ",")?.map(convert) };
}

function mapping(id, value) {
  const rows = h("tbody");
  const add = (from = "", to = "") => {
    const at = rows.children.length;
    const cells = [["from", from, "This value"], ["to", to, "becomes"]].map(([name, content, title]) => {
      const input = h("input", { class: "input", id: at || name === "to" ? id + "-" + name + "-" + at : id, autocomplete: "off", "aria-label": title + " " + (at + 1) });
      input.value = content ?? "";
      return h("td", {}, input);
    });
    rows.append(h("tr", {}, ...cells));
  };
  for (const [from, to] of Object.entries(value ?? {})) add(from, to);
  add();
  const table = h("table", { class: "mapping" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "This value"), h("th", { scope: "col" }, "becomes (empty: missing)"))), rows);
  const more = h("button", { class: "button button-small", type: "button", onclick: () => add() }, "One more");
  const read = () => mappingOf([...rows.rows].map((row) => [...row.querySelectorAll("input")].map((input) => input.value)));
  return { element: h("div", { class: "stack stack-tight" }, table, more), input: rows.querySelector("input"), read, group: true };
}

function make(field, id, value, columns) {
  const names = columns.map((column) => [column.name, column.name]);
  const choices = field.choices.map((choice) => [choice, words(choice)]);
  switch (field.kind) {
    case "column":
      return select(id, names, value, "Choose a column");
    case "columns":
      return checklist(id, names, value ?? [], true);
    case "choice":
      return select(id, choices, value, field.required ? undefined : field.learned ? "found in the values" : "leave it open");
    case "choices":
      return checklist(id, choices, value ?? []);
    case "flag": {
      const made = check(id, field.title, value ?? false);
      return { element: made.label, input: made.input, read: () => made.input.checked, labelled: true };
    }
    case "number":
    case "whole_number":
      return numberInput(id, value);
    case "values":
      return lines(id, value);
    case "new_columns":
      return listed(id, value, "first, second", (item) => item);
    case "widths":
      return listed(id, value, "4, 2, 2", numberOrText);
    case "mapping":
      return mapping(id, value);
    case "expression":
      return expressionField(id, columns.map((column) => column.name), value);
    default:
      return textInput(id, value);
  }
}

export function capital(text) {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

// The field with its label and the place for what is wrong with it.
export function buildField(field, value, columns) {
  const id = "field-" + field.name;
  const made = make(field, id, value ?? field.default, columns);
  const problem = h("p", { class: "field-problem", id: id + "-problem", role: "alert", hidden: true });
  const title = capital(field.title) + (field.required || made.labelled ? "" : " (optional)");
  const parts = [made.element, problem];
  const element = made.group
    ? h("fieldset", { class: "field", "data-field": field.name }, h("legend", { class: "label" }, title), ...parts)
    : h("div", { class: "field", "data-field": field.name }, made.labelled ? null : h("label", { for: id }, title), ...parts);
  const complain = (message) => {
    problem.hidden = !message;
    problem.textContent = message;
    made.showPlace?.(message);
    if (made.group) return;
    if (message) made.input.setAttribute("aria-invalid", "true");
    else made.input.removeAttribute("aria-invalid");
  };
  return { name: field.name, element, input: made.input, read: made.read, complain };
}
