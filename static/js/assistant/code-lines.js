// Where in a text of code something stands, and what approving its result means.
import { plural } from "../format.js";

// What is wrong with the code, by line and column: [{line, column, text}]; null where it is of the whole.
export function refusalsOf(fields) {
  return fields.map(({ field, message }) => {
    const [, line, column] = /^code(?:\.(\d+))?(?:\.(\d+))?$/.exec(field) ?? [];
    return { line: line ? Number(line) : null, column: column ? Number(column) : null, text: message };
  });
}

// The part of the text to select for it: from its column to the end of its word, or the whole line: [from, to].
export function rangeOf(text, line, column) {
  const lines = text.split("\n");
  const at = Math.min(line, lines.length) - 1;
  const start = lines.slice(0, at).reduce((sum, one) => sum + one.length + 1, 0);
  if (!column) return [start, start + lines[at].length];
  // Columns count characters, and a browser halves of some.
  const before = [...lines[at]].slice(0, column - 1).join("").length;
  const word = /^(?:\w+|\S?)/u.exec(lines[at].slice(before))[0].length;
  return [start + before, start + before + word];
}

// What goes for good when the result of a preview is approved, in words; empty where nothing does.
export function lossOf(found) {
  const rows = found.n_rows_before - found.n_rows_after;
  const columns = found.columns_removed.length;
  return [rows > 0 ? plural(rows, "row") : "", columns ? plural(columns, "column") : ""].filter(Boolean).join(" and ");
}

// The words on the button.
export function approvalOf(found) {
  const loss = lossOf(found);
  return loss ? "Approve: without " + loss : "Approve: make the new version";
}
