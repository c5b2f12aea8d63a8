// What operations would do to the table, drawn from the answer of a preview: the figures, the rows that change with what
// they were and become, the rows that go, and how the values are spread before and after.
import { buildChart, mountCharts } from "../charts.js";
import { h, icon } from "../dom.js";
import { cellText, number, plural } from "../format.js";
import { isScattered } from "../spark.js";
import { changedColumns, changedRows, differs, isRemarked, isReordered, isSame, MOST_ROWS, tellingColumns } from "./changed.js";
import { spreadChart } from "./spread.js";

function chip(name, text, kind = "") {
  return h("li", { class: "badge " + kind }, icon(name), text);
}

function names(list) {
  return list.slice(0, 4).join(", ") + (list.length > 4 ? " and " + (list.length - 4) + " more" : "");
}

function figures(found) {
  const cells = found.columns_changed.reduce((sum, column) => sum + column.cells_changed, 0);
  const renamed = Object.entries(found.columns_renamed).map(([from, to]) => from + " → " + to);
  const removed = found.n_rows_before - found.n_rows_after;
  const where = " in " + plural(found.rows_changed, "row") + ": " + names(found.columns_changed.map((column) => column.name));
  return [
    removed < 0 ? chip("table", number(found.n_rows_before) + " → " + plural(found.n_rows_after, "row") + ", " + number(-removed) + " more", "badge-good") : removed ? chip("table", number(found.n_rows_before) + " → " + plural(found.n_rows_after, "row") + ", " + number(removed) + " go", "badge-warn") : chip("table", "all " + plural(found.n_rows_after, "row") + " stay"),
    cells ? chip("edit", plural(cells, "cell") + " changed" + where, "badge-primary") : null,
    found.columns_added.length ? chip("plus", "new: " + names(found.columns_added), "badge-good") : null,
    found.columns_removed.length ? chip("trash", "gone: " + names(found.columns_removed), "badge-warn") : null,
    renamed.length ? chip("edit", names(renamed), "badge-primary") : null,
  ].filter(Boolean);
}

// What one operation did.
export function effectOf(change) {
  const parts = [];
  if (change.rows_removed) parts.push(plural(change.rows_removed, "row") + " removed");
  if (change.cells_changed) parts.push(plural(change.cells_changed, "cell") + " changed");
  return parts.join(", ");
}

function shown(value) {
  return value === null || value === undefined ? h("span", { class: "muted" }, "missing") : cellText(value);
}

function cell(column, pair) {
  const now = pair.after[column.after];
  if (!differs(column, pair)) return h("td", {}, shown(now));
  if (column.before === null) return h("td", {}, h("ins", {}, shown(now)));
  return h("td", {}, h("del", {}, shown(pair.before[column.before])), h("span", { class: "muted", "aria-hidden": "true" }, " → "), h("ins", {}, shown(now)));
}

function table(title, note, heads, rows) {
  const caption = h("caption", {}, title, note ? h("span", { class: "muted small" }, " " + note) : null);
  const head = h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "compare-row" }, "Row"), ...heads));
  const box = { class: "table-box", tabindex: "0", role: "region", "aria-label": title };
  return h("div", box, h("table", { class: "table compare-table" }, caption, head, h("tbody", {}, ...rows)));
}

function line(numberOfRow, cells) {
  return h("tr", {}, h("th", { scope: "row", class: "compare-row" }, number(numberOfRow)), ...cells);
}

function changedTable(found) {
  const { columns, left } = changedColumns(found);
  const rows = changedRows(found, columns);
  if (!rows.length) return [];
  const head = (column) => h("th", { scope: "col" }, column.name, h("span", { class: "muted small" }, column.before === null ? " new" : column.count ? " " + number(column.count) + " changed" : " as before"));
  const all = found.columns_added.length ? found.n_rows_after : found.rows_changed;
  const note = rows.length < all ? number(rows.length) + " of " + number(all) : "";
  const body = rows.map((pair) => line(pair.number, columns.map((column) => cell(column, pair))));
  return [table("Rows that change", note, columns.map(head), body), left ? h("p", { class: "muted small" }, plural(left, "more column") + " changed.") : null];
}

function plainTable(title, note, sample, numbers, deciding) {
  const places = tellingColumns(sample.columns, deciding);
  const cells = (row) => places.map((at) => h("td", { class: typeof row[at] === "number" ? "numeric" : null }, shown(row[at])));
  const heads = places.map((at) => h("th", { scope: "col" }, sample.columns[at]));
  return table(title, note, heads, sample.rows.slice(0, MOST_ROWS).map((row, at) => line(numbers[at], cells(row))));
}

function goneTable(found) {
  const removed = found.n_rows_before - found.n_rows_after;
  if (!found.removed.rows.length) return null;
  const note = removed > 0 && found.removed.rows.length < removed ? number(found.removed.rows.length) + " of " + number(removed) : "";
  return plainTable("Rows that go", note, found.removed, found.removed_rows, found.distributions.map((spread) => spread.column));
}

// The values of a column before and after, side by side.
function spreadPair({ column, before, after }) {
  if ([before, after].every((spread) => spread === null || isScattered(spread))) return null;
  const charts = [["Before", before], ["After", after]].filter(([, spread]) => spread !== null);
  return h("div", { class: "compare" }, ...charts.map(([title, spread]) => buildChart({ ...spreadChart(column, spread), title: column + ": " + title.toLowerCase() })));
}

export function difference(found, { steps = true } = {}) {
  const told = isRemarked(found);
  const same = isSame(found);
  const list = found.changes.map((change) => h("li", {}, h("span", {}, change.title), h("span", { class: "muted small" }, effectOf(change))));
  const reordered = isReordered(found);
  const removed = found.n_rows_before - found.n_rows_after;
  return h(
    "div",
    { class: "stack difference" },
    steps ? h("ol", { class: "difference-steps" }, ...list) : null,
    h("ul", { class: "chips", "aria-label": "What would change" }, ...figures(found)),
    ...found.warnings.map((warning) => h("div", { class: "callout callout-warn" }, icon("warn"), h("p", {}, warning.message))),
    same && (reordered || !told) ? h("div", { class: "callout" }, icon("info"), h("p", {}, reordered ? "The values stay the same; the rows change places." : "Nothing changes.")) : null,
    ...changedTable(found),
    goneTable(found),
    same && reordered ? plainTable("The first rows then", "", found.after, found.rows, []) : null,
    // Of code, whose rows may be others than those of the table.
    found.first && (!found.rows.length || removed < 0) ? plainTable("The first rows then", "", found.first, found.first.rows.map((_, at) => at + 1), []) : null,
    ...found.distributions.map(spreadPair),
  );
}

// Put it into its place on the page; its charts are drawn once they are there.
export function showDifference(place, found, options) {
  place.replaceChildren(difference(found, options));
  mountCharts(place);
}
