// The first rows of a file that was answered, from its first bytes.
import { number } from "../format.js";

// Lines of CSV as lists of texts; a last line that is cut off is left out.
export function csvRows(text, isWhole) {
  const rows = [];
  let row = [];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter !== '"') cell += letter;
      else if (text[at + 1] === '"') cell += text[(at += 1)];
      else quoted = false;
    } else if (letter === '"') quoted = true;
    else if (letter === ",") {
      row.push(cell);
      cell = "";
    } else if (letter === "\n") {
      rows.push([...row, cell.replace(/\r$/, "")]);
      row = [];
      cell = "";
    } else cell += letter;
  }
  if (isWhole && (cell || row.length)) rows.push([...row, cell]);
  return rows;
}

export function jsonlRows(text, isWhole) {
  const lines = text.split("\n");
  if (!isWhole) lines.pop();
  const found = lines.filter(Boolean).map((line) => JSON.parse(line));
  if (!found.length) return [];
  const names = Object.keys(found[0]);
  return [names, ...found.map((row) => names.map((name) => (row[name] === null || row[name] === undefined ? "" : String(row[name]))))];
}

// {names, rows}: the columns that were added first, their numbers with the digits that people read, then those of the file.
export function answersFirst([names, ...rows], most = 10) {
  const isAnswer = (name) => name === "prediction" || name.startsWith("probability_") || name === "prediction_low" || name === "prediction_high";
  const last = names.lastIndexOf("prediction");
  const isAdded = (at) => at >= last && isAnswer(names[at]);
  const order = [...names.keys()].sort((a, b) => Number(isAdded(b)) - Number(isAdded(a)) || a - b);
  const shown = (text, at) => (isAdded(at) && text.trim() !== "" && Number.isFinite(Number(text)) ? number(Number(text)) : text);
  const pick = (row) => order.map((at) => shown(row[at] ?? "", at));
  return { names: order.map((at) => names[at]), rows: rows.slice(0, most).map(pick) };
}
