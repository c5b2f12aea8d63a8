// What of a preview is worth looking at: the columns that change, and in them the rows that do.

export const MOST_COLUMNS = 8;
export const MOST_ROWS = 8;
const NEIGHBOURS = 3;

export function differs(column, pair) {
  if (column.after === null || column.before === null) return true;
  return pair.before[column.before] !== pair.after[column.after];
}

// The columns whose cells change and those that are new, each with its places before and after (null for none) and how
// many cells change; beside new ones the columns that the steps speak of. `left`: how many there was no room for.
export function changedColumns(found) {
  const before = new Map(found.before.columns.map((name, at) => [name, at]));
  const counts = new Map(found.columns_changed.map((column) => [column.name, column.cells_changed]));
  const origin = new Map(Object.entries(found.columns_renamed).map(([from, to]) => [to, from]));
  const added = new Set(found.columns_added);
  const all = found.after.columns.map((name, at) => ({ name, after: at, before: added.has(name) ? null : (before.get(origin.get(name) ?? name) ?? null), count: counts.get(name) ?? 0 }));
  const changed = all.filter((column) => column.count || added.has(column.name));
  const steps = JSON.stringify(found.operations);
  const beside = added.size ? all.filter((column) => !changed.includes(column) && steps.includes(column.name)).slice(0, NEIGHBOURS) : [];
  const shown = new Set([...changed.slice(0, MOST_COLUMNS), ...beside]);
  return { columns: all.filter((column) => shown.has(column)), left: Math.max(0, changed.length - MOST_COLUMNS) };
}

// Rows in which one of these columns changes, in the table's order: {number, before, after}.
export function changedRows(found, columns) {
  const pairs = found.after.rows.map((after, at) => ({ number: found.rows[at], before: found.before.rows[at], after }));
  const changed = pairs.filter((pair) => columns.some((column) => differs(column, pair)));
  return changed.slice(0, MOST_ROWS).sort((a, b) => a.number - b.number);
}

// Whether the rows that stay stand in another order than before.
export function isReordered(found) {
  return found.rows_changed === 0 && found.rows.some((number, at) => at > 0 && number < found.rows[at - 1]);
}

// Remarks on code whose result differs although no figure does.
const DIFFERS = new Set(["rows_made_anew", "rows_replaced", "rows_moved", "columns_moved", "kinds_changed", "not_accounted"]);

// Whether all figures are as before, and no remark says otherwise.
export function isSame(found) {
  return found.n_rows_before === found.n_rows_after && !found.columns_changed.length && !found.columns_added.length && !found.columns_removed.length && !Object.keys(found.columns_renamed).length;
}

export function isRemarked(found) {
  return found.warnings.some((warning) => DIFFERS.has(warning.code));
}

export function changesNothing(found) {
  return isSame(found) && !isReordered(found) && !isRemarked(found);
}

// The places of the columns of a table to show where rows go: those that decided it first.
export function tellingColumns(names, deciding) {
  const first = deciding.filter((name) => names.includes(name));
  return [...first, ...names.filter((name) => !first.includes(name))].slice(0, MOST_COLUMNS).map((name) => names.indexOf(name));
}
