// What operations would do to the table, drawn from the answer of a preview: the figures, and some rows before and
// after with what differs marked.
import { h, icon } from "../dom.js";
import { cellText, number, plural } from "../format.js";

const MOST_COLUMNS = 8;
const NEIGHBOURS = 3;
const MOST_ROWS = 8;

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
  return [
    removed ? chip("table", number(found.n_rows_before) + " → " + plural(found.n_rows_after, "row"), "badge-warn") : chip("table", "all " + plural(found.n_rows_after, "row") + " stay"),
    cells ? chip("edit", plural(cells, "cell") + " changed in " + names(found.columns_changed.map((column) => column.name)), "badge-primary") : null,
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

// The columns worth showing: those that differ, and beside them some others, first those that the steps speak of. Pairs of positions before and after; null for none.
export function shownColumns(found) {
  const before = new Map(found.before.columns.map((name, at) => [name, at]));
  const changed = new Set([...found.columns_added, ...found.columns_changed.map((column) => column.name), ...Object.values(found.columns_renamed)]);
  const origin = new Map(Object.entries(found.columns_renamed).map(([from, to]) => [to, from]));
  const kept = found.after.columns.map((name, at) => ({ name, after: at, before: found.columns_added.includes(name) ? null : (before.get(origin.get(name) ?? name) ?? null), differs: changed.has(name) }));
  const gone = found.columns_removed.map((name) => ({ name, after: null, before: before.get(name), differs: true }));
  const all = [...gone, ...kept];
  const differing = all.filter((column) => column.differs).slice(0, MOST_COLUMNS);
  const room = differing.length ? NEIGHBOURS : MOST_COLUMNS;
  const steps = JSON.stringify(found.operations);
  const others = all.filter((column) => !column.differs).sort((a, b) => steps.includes(b.name) - steps.includes(a.name));
  const chosen = new Set([...differing, ...others.slice(0, room)]);
  return { columns: all.filter((column) => chosen.has(column)), left: all.length - chosen.size };
}

function cell(value, mark) {
  const empty = value === null || value === undefined;
  const content = empty ? h("span", { class: "muted" }, "missing") : cellText(value);
  const numeric = typeof value === "number" ? "numeric" : "";
  return h("td", { class: (mark ? "cell-" + mark + " " : "") + numeric }, mark ? h(mark, {}, content) : content);
}

function side(title, columns, rows, place, mark) {
  const shown = columns.filter((column) => column[place] !== null);
  const titles = (column) => h("th", { scope: "col" }, place === "before" && column.before !== null ? column.old : column.name);
  const body = rows.map((pair) => h("tr", {}, ...shown.map((column) => cell(pair[place][column[place]], differs(column, pair) ? mark : ""))));
  return h(
    "div",
    { class: "table-box", tabindex: "0", role: "region", "aria-label": title },
    h("table", { class: "table compare-table" }, h("caption", {}, title), h("thead", {}, h("tr", {}, ...shown.map(titles))), h("tbody", {}, ...body)),
  );
}

function differs(column, pair) {
  if (column.after === null || column.before === null) return true;
  return pair.before[column.before] !== pair.after[column.after];
}

function comparison(found) {
  const { columns, left } = shownColumns(found);
  for (const column of columns) column.old = column.before === null ? null : found.before.columns[column.before];
  const rows = found.after.rows.slice(0, MOST_ROWS).map((after, at) => ({ after, before: found.before.rows[at] }));
  if (!rows.length || !columns.length) return null;
  return h(
    "div",
    { class: "stack stack-tight" },
    h("div", { class: "compare" }, side("Before", columns, rows, "before", "del"), side("After", columns, rows, "after", "ins")),
    left ? h("p", { class: "muted small" }, plural(left, "more column") + " as before.") : null,
  );
}

export function difference(found, { steps = true } = {}) {
  const same = found.n_rows_before === found.n_rows_after && !found.columns_changed.length && !found.columns_added.length && !found.columns_removed.length && !Object.keys(found.columns_renamed).length;
  const list = found.changes.map((change) => h("li", {}, h("span", {}, change.title), h("span", { class: "muted small" }, effectOf(change))));
  return h(
    "div",
    { class: "stack difference" },
    steps ? h("ol", { class: "difference-steps" }, ...list) : null,
    h("ul", { class: "chips", "aria-label": "What would change" }, ...figures(found)),
    ...found.warnings.map((warning) => h("div", { class: "callout callout-warn" }, icon("warn"), h("p", {}, warning.message))),
    same ? h("div", { class: "callout" }, icon("info"), h("p", {}, "The values and columns stay the same; at most the order of the rows changes.")) : null,
    comparison(found),
  );
}
