// The figure of two columns, from what `GET /relation/{column}` answers.
import { buildChart } from "../charts.js";
import "../charts/relation.js";
import { number, percent } from "../format.js";
import { get } from "../http.js";
import { api } from "./info.js";

function day(moment) {
  return String(moment).slice(0, 10);
}

const TABLES = {
  scatter: (found) => ({
    columns: [found.column + " from", "to", "Rows", "Mean of " + found.target],
    rows: found.bins.map((bin) => [number(bin.low), number(bin.high), number(bin.count), number(bin.mean)]),
  }),
  boxes: (found) => ({
    columns: [found.column, "Rows", "Low", "First quarter", "Median", "Last quarter", "High", "Mean"],
    rows: found.groups.map((group) => [group.label, ...[group.count, group.low, group.q25, group.median, group.q75, group.high, group.mean].map(number)]),
  }),
  shares: (found) => ({
    columns: [found.column, "Rows", ...found.classes.map((name) => found.target + " " + name)],
    rows: found.groups.map((group) => [group.label, number(group.count), ...group.shares.map((share) => percent(share))]),
  }),
  trend: (found) => ({
    columns: ["From", "To", "Rows", "Mean of " + found.target],
    rows: found.periods.map((period) => [day(period.start), day(period.end), number(period.count), number(period.mean)]),
  }),
};

function captionOf(found) {
  const others = found.other ? " " + number(found.other) + " rows of rarer values are not shown." : "";
  return [found.caption + others, found.note].filter(Boolean).join(" ");
}

export async function pairFigure(column, target, heading = "h3") {
  const found = await get(api("/relation/" + encodeURIComponent(column)) + "?target=" + encodeURIComponent(target));
  const title = found.column + " and " + found.target;
  return buildChart({ kind: found.kind, title, caption: captionOf(found), spec: found, ...TABLES[found.kind](found) }, heading);
}
