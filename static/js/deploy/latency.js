// How long requests took: the figures and the bars of a measurement.
import { milliseconds, number, plural } from "../format.js";

// The value below which this share of the values lies: one of them, never one between.
export function quantile(values, share) {
  const ordered = [...values].sort((a, b) => a - b);
  return ordered.length ? ordered[Math.min(ordered.length - 1, Math.floor(share * ordered.length))] : null;
}

// Bars of one width over what all but the slowest hundredth took; those stand in the last one, whose end is null then.
export function bars(values, count = 20) {
  if (!values.length) return [];
  const least = Math.min(...values);
  const most = quantile(values, 0.99);
  const width = (most - least) / count || Math.max(least, 0.001) / 10;
  const found = Array.from({ length: most > least ? count : 1 }, (_, at) => ({ low: least + at * width, high: least + (at + 1) * width, count: 0 }));
  for (const value of values) found[Math.min(found.length - 1, Math.floor((value - least) / width))].count += 1;
  if (Math.max(...values) > found.at(-1).high) found.at(-1).open = true;
  return found;
}

export function figures(values) {
  const p99 = quantile(values, 0.99);
  return { p50: milliseconds(quantile(values, 0.5)), detail: "median (p50), p99 " + milliseconds(p99) };
}

export function sentence(server, trips) {
  const share = quantile(server, 0.5) / quantile(trips, 0.5);
  const rest = Number.isFinite(share) ? " The model has " + number(Math.round(share * 100)) + " % of the time there and back; the rest is the way, and this browser." : "";
  return plural(trips.length, "request") + " on one connection." + rest;
}

// What the server has counted of a model since it started; `by_model` as of /api/stats.
export function countedWords(by_model, model) {
  const found = by_model.find((one) => one.model_id === model);
  if (!found || !(found.requests + found.errors)) return "Nobody has asked this model since the server started.";
  const rows = found.rows === found.requests ? "" : " of " + plural(found.rows, "row");
  const failed = found.errors ? ", " + number(found.errors) + " of them refused or failed" : "";
  const took = found.p50_ms === null ? "" : "; of the latest half took " + milliseconds(found.p50_ms) + " at most, 95 of 100 " + milliseconds(found.p95_ms);
  return "Since the server started: " + plural(found.requests + found.errors, "request") + rows + failed + took + ".";
}
