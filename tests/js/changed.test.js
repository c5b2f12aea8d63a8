// What of a preview is shown: the columns that change, in the rows where they do.
import assert from "node:assert/strict";
import { test } from "node:test";
import { changedColumns, changesNothing, changedRows, isReordered, tellingColumns } from "../../static/js/dataset/changed.js";

function found(before, after, values = {}) {
  const rows = { before: { columns: before, rows: [] }, after: { columns: after, rows: [] }, rows: [], rows_changed: 0 };
  return { ...rows, columns_added: [], columns_removed: [], columns_changed: [], columns_renamed: {}, operations: [], ...values };
}

test("only the columns that change, found again under their new names", () => {
  const { columns, left } = changedColumns(
    found(["a", "b", "c"], ["a", "bee", "d"], { columns_removed: ["c"], columns_renamed: { b: "bee" }, columns_changed: [{ name: "bee", cells_changed: 3 }] }),
  );
  assert.deepEqual(columns, [{ name: "bee", after: 1, before: 1, count: 3 }]);
  assert.equal(left, 0);
});

test("two columns that change names are each other's before", () => {
  const changed = [{ name: "b", cells_changed: 1 }, { name: "a", cells_changed: 1 }];
  const { columns } = changedColumns(found(["a", "b"], ["b", "a"], { columns_renamed: { a: "b", b: "a" }, columns_changed: changed }));
  assert.deepEqual(columns.map(({ name, before }) => [name, before]), [["b", 0], ["a", 1]]);
});

test("a new column stands beside those that it comes of", () => {
  const operations = [{ op: "derive", expression: "width * height", column: "area" }];
  const { columns } = changedColumns(found(["width", "depth", "height"], ["width", "depth", "height", "area"], { columns_added: ["area"], operations }));
  assert.deepEqual(columns.map(({ name, before }) => [name, before]), [["width", 0], ["height", 2], ["area", null]]);
});

test("of many changed columns the first, and how many are left", () => {
  const names = Array.from({ length: 30 }, (_, at) => "column" + at);
  const { columns, left } = changedColumns(found(names, names, { columns_changed: names.map((name) => ({ name, cells_changed: 1 })) }));
  assert.equal(columns.length, 8);
  assert.equal(left, 22);
});

test("only the rows in which something changes, with their numbers", () => {
  const preview = found(["a", "b"], ["a", "b"], {
    columns_changed: [{ name: "b", cells_changed: 2 }],
    before: { columns: ["a", "b"], rows: [[1, null], [2, null], [3, 5]] },
    after: { columns: ["a", "b"], rows: [[1, 28], [2, 28], [3, 5]] },
    rows: [700, 12, 1],
  });
  const { columns } = changedColumns(preview);
  assert.deepEqual(changedRows(preview, columns).map((row) => [row.number, row.before[1], row.after[1]]), [[12, null, 28], [700, null, 28]]);
});

test("rows that change places are told from rows that stay", () => {
  assert.equal(isReordered(found([], [], { rows: [3, 1, 2] })), true);
  assert.equal(isReordered(found([], [], { rows: [1, 2, 9] })), false);
});

test("of rows that go the columns that decided it come first", () => {
  assert.deepEqual(tellingColumns(["a", "b", "c"], ["c"]), [2, 0, 1]);
});

test("a result that is the table again changes nothing, and one in another order or with a remark does", () => {
  const same = found(["a"], ["a"], { n_rows_before: 3, n_rows_after: 3, rows: [0, 1, 2], warnings: [] });
  assert.ok(changesNothing(same));
  for (const other of [{ n_rows_after: 4 }, { columns_added: ["b"] }, { columns_renamed: { a: "b" } }, { rows: [2, 1, 0] }, { warnings: [{ code: "kinds_changed" }] }]) assert.ok(!changesNothing({ ...same, ...other }));
});
