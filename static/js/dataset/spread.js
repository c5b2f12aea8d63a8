// How the values of a column are spread, as a chart with its caption and its table: from what `GET /distribution` answers.
import { wholeNumber } from "../charts/distribution.js";
import { number, percent, plural } from "../format.js";

function edge(value) {
  return typeof value === "number" || /^-?\d+$/.test(value) ? number(value) : String(value).slice(0, 10);
}

function histogram(column, found, missing, ends) {
  const bins = found.counts.map((count, index) => ({ low: found.edges[index], high: found.edges[index + 1], count }));
  const single = bins.length > 0 && bins.every(wholeNumber);
  const half = single ? 0.5 : 0;
  const low = (bin) => edge(single ? bin.low + half : bin.low);
  const rows = found.counts.reduce((sum, count) => sum + count, 0);
  const values = ends ? "From " + edge(ends[0]) + " to " + edge(ends[1]) + "." : plural(rows, "row") + " with a value.";
  return {
    kind: "histogram",
    caption: rows ? values + missing : "There are no values.",
    spec: { column, bins },
    columns: single ? ["Value", "Rows"] : ["From", "To", "Rows"],
    rows: bins.map((bin) => (single ? [low(bin), number(bin.count)] : [edge(bin.low), edge(bin.high), number(bin.count)])),
  };
}

function categories(column, found, missing) {
  const bars = found.values.map((value, index) => ({ value: value === "" || value === null ? "(empty)" : String(value), count: found.counts[index] }));
  if (found.other) bars.push({ value: "all others", count: found.other });
  const total = bars.reduce((sum, bar) => sum + bar.count, 0) || 1;
  let caption = "There are no values.";
  if (bars.length === 1) caption = "All values are the same: " + bars[0].value + ".";
  else if (found.counts.length > 1 && found.counts[0] === found.counts[1]) caption = "No value is more frequent than all others: " + bars[0].value + " and " + bars[1].value + " are " + percent(bars[0].count / total) + " each.";
  else if (bars.length) caption = "The most frequent value is " + bars[0].value + ": " + percent(bars[0].count / total) + " of all values.";
  return {
    kind: "categories",
    caption: caption + missing,
    spec: { column, bars },
    columns: ["Value", "Rows", "Share"],
    rows: bars.map((bar) => [bar.value, number(bar.count), percent(bar.count / total)]),
  };
}

// All of a chart but its title; `ends` are the least and the greatest value, where they are known.
export function spreadChart(column, found, ends = null) {
  const missing = found.missing ? " " + plural(found.missing, "row") + " without a value." : "";
  return found.kind === "histogram" ? histogram(column, found, missing, ends) : categories(column, found, missing);
}
