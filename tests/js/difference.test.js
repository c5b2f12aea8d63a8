// What a preview says of the columns and of each step.
import assert from "node:assert/strict";
import { test } from "node:test";
import { effectOf, shownColumns } from "../../static/js/dataset/difference.js";

function found(before, after, values = {}) {
  return { before: { columns: before }, after: { columns: after }, columns_added: [], columns_removed: [], columns_changed: [], columns_renamed: {}, operations: [], ...values };
}

test("a step says what it did to rows and cells", () => {
  assert.equal(effectOf({ rows_removed: 1, cells_changed: 0 }), "1 row removed");
  assert.equal(effectOf({ rows_removed: 1200, cells_changed: 3 }), "1,200 rows removed, 3 cells changed");
  assert.equal(effectOf({ rows_removed: 0, cells_changed: 0 }), "");
});

test("columns that differ are shown, found again under their new names", () => {
  const { columns, left } = shownColumns(
    found(["a", "b", "c"], ["a", "bee", "new"], { columns_added: ["new"], columns_removed: ["c"], columns_renamed: { b: "bee" } }),
  );
  const places = columns.map(({ name, before, after, differs }) => [name, before, after, differs]);
  assert.deepEqual(places, [["c", 2, null, true], ["a", 0, 0, false], ["bee", 1, 1, true], ["new", null, 2, true]]);
  assert.equal(left, 0);
});

test("two columns that change names are each other's before", () => {
  const { columns } = shownColumns(found(["a", "b"], ["b", "a"], { columns_renamed: { a: "b", b: "a" } }));
  assert.deepEqual(columns.map(({ name, before }) => [name, before]), [["b", 0], ["a", 1]]);
});

test("of a wide table the changed columns, and the neighbours that the steps speak of", () => {
  const names = Array.from({ length: 30 }, (_, at) => "column" + String(at).padStart(2, "0"));
  const operations = [{ op: "derive", expression: "column25 * 2", to: "column03" }];
  const { columns, left } = shownColumns(found(names, names, { columns_changed: [{ name: "column03" }], operations }));
  assert.deepEqual(columns.map((column) => column.name), ["column00", "column01", "column03", "column25"]);
  assert.equal(left, 26);
  assert.equal(shownColumns(found(names, names)).columns.length, 8, "where nothing differs, the first ones");
});
