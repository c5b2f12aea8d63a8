// The operations that the server knows, with the fields of each: what forms are made of.
import { get } from "../http.js";

let known = null;

export function operations() {
  known ??= get("/api/datasets/operations").then((answer) => new Map(answer.items.map((item) => [item.name, item])));
  known.catch(() => (known = null));
  return known;
}

// What a step does, as far as is known before the server has tried it; `titles` by operation.
export function stepTitle(step, titles) {
  const columns = [step.column ?? step.columns ?? []].flat().map((name) => "“" + name + "”");
  return (titles[step.op] ?? step.op.replaceAll("_", " ")) + (columns.length ? ": " + columns.join(", ") : "");
}

// What an option of an operation is called on the page.
export function words(choice) {
  return { ymd: "year month day", dmy: "day month year", mdy: "month day year", ".": "point .", ",": "comma ,", most_frequent: "most frequent value", previous: "the value before" }[choice] ?? choice.replaceAll("_", " ");
}

const numeric = (column) => column.dtype === "Int64" || column.dtype === "Float64";
const text = (column) => column.dtype === "String";
const time = (column) => column.dtype.startsWith("Date");

// What people do to a single column: a wish, for which columns it is offered, and the step that it begins.
const WISHES = [
  ["Rename", "edit", () => true, (column) => ({ op: "rename", column: column.name })],
  ["Take it out", "trash", () => true, (column) => ({ op: "drop", columns: [column.name] })],
  ["Fill what is missing", "plus", (column) => column.missing > 0, (column) => ({ op: "fill", column: column.name, with: numeric(column) ? "median" : "most_frequent" })],
  ["Drop rows without a value", "table", (column) => column.missing > 0, (column) => ({ op: "drop_missing", columns: [column.name] })],
  ["Values that mean “missing”", "info", () => true, (column) => ({ op: "mark_missing", columns: [column.name] })],
  ["Change the type", "sliders", () => true, (column) => ({ op: "cast", column: column.name, to: text(column) ? "number" : "text" })],
  ["Read as dates", "datetime", text, (column) => ({ op: "parse_dates", column: column.name, order: "dmy" })],
  ["Clean up the texts", "text", text, (column) => ({ op: "clean_text", columns: [column.name] })],
  ["Replace values", "categorical", (column) => !time(column), (column) => ({ op: "map_values", column: column.name, values: Object.fromEntries(column.top.slice(0, 6).map((top) => [String(top.value), top.value])) })],
  ["Merge rare categories", "grid", text, (column) => ({ op: "merge_categories", column: column.name, min_share: 0.01 })],
  ["Split into several", "columns", text, (column) => ({ op: "split", column: column.name })],
  ["Limit outliers", "chart", numeric, (column) => ({ op: "clip", column: column.name, low_quantile: 0.01, high_quantile: 0.99 })],
  ["Take the date apart", "datetime", time, (column) => ({ op: "date_parts", column: column.name, parts: ["year", "month", "weekday"] })],
  ["Compute a column from it", "numeric", () => true, (column) => ({ op: "derive", expression: inExpression(column.name) })],
  ["Keep only some rows", "search", () => true, (column) => ({ op: "filter", expression: inExpression(column.name) + " is not missing" })],
];

export function wishesFor(column) {
  return WISHES.filter(([, , offered]) => offered(column)).map(([title, icon, , step]) => ({ title, icon, step: step(column) }));
}

const PLAIN = /^[\p{L}_][\p{L}\p{N}_]*$/u;
const TAKEN = new Set(["and", "or", "not", "in", "is", "missing", "null", "true", "false"]);

// A column's name as it stands in an expression.
export function inExpression(name) {
  return PLAIN.test(name) && !TAKEN.has(name.toLowerCase()) ? name : "`" + name.replaceAll("`", "``") + "`";
}
