// Numbers, sizes and times as people read them; flowml/domain/wording.py and flowml/web/formatting.py write them the same way
// on the server. Half goes up, exactly, as `toFixed` and `toPrecision` do it; Intl only puts in the commas.

export const NONE = "–";
const forms = new Map();

// With so many decimals.
export function fixed(value, digits = 0) {
  if (!forms.has(digits)) forms.set(digits, new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  // A zero that was rounded has no sign.
  return forms.get(digits).format(Number(value.toFixed(digits)) + 0);
}

const significant = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });

// With a real minus sign.
export function signed(value, digits) {
  return value.toFixed(digits).replace("-", "−");
}

export function number(value) {
  // Of more digits than a number has (see http.js).
  if (typeof value === "string") return value;
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e15) return fixed(value);
  if (size >= 1e15 || size < 1e-4) return value.toExponential(2);
  return size >= 10000 ? fixed(value) : significant.format(Number(value.toPrecision(4)));
}

export function percent(share, digits = 1) {
  return share === null || share === undefined ? NONE : fixed(share * 100, digits) + " %";
}

export function score(value, format) {
  if (value === null || value === undefined) return NONE;
  if (format === "percent") return percent(value, 2);
  if (format === "share") return fixed(value, 4).replace("-", "−");
  return number(value);
}

export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return fixed(value, unit === 0 || value >= 100 ? 0 : 1) + " " + units[unit];
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (0 < seconds && seconds < 0.0995) return fixed(seconds * 1000) + " ms";
  if (seconds < 59.5) return fixed(seconds, seconds < 9.95 && !Number.isInteger(seconds) ? 1 : 0) + " s";
  const total = Math.round(seconds);
  const parts = [
    [Math.floor(total / 3600), "h"],
    [Math.floor((total % 3600) / 60), "min"],
    [total % 60, "s"],
  ];
  return parts
    .filter(([count]) => count)
    .slice(0, 2)
    .map(([count, unit]) => count + " " + unit)
    .join(" ");
}

export function milliseconds(value) {
  if (value === null || value === undefined) return NONE;
  return fixed(value, value >= 10 ? 0 : value >= 1 ? 1 : 2) + " ms";
}

// A value of a table as its cell shows it; of a number the digits that are not due to rounding.
export function cellText(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number" || Number.isSafeInteger(value)) return String(value);
  const shown = Number(value.toPrecision(15));
  const size = Math.abs(shown);
  return size >= 1e-6 && size < 1e15 ? String(shown) : shown.toExponential();
}

export function plural(count, noun) {
  return number(count) + " " + noun + (count === 1 ? "" : "s");
}

export function seconds(time) {
  return typeof time === "string" ? Date.parse(time) / 1000 : time;
}

export function ago(time, now = Date.now() / 1000) {
  const age = now - seconds(time);
  if (age < 45) return "just now";
  if (age < 3600) return Math.max(1, Math.round(age / 60)) + " min ago";
  if (age < 86400) return Math.round(age / 3600) + " h ago";
  const days = Math.round(age / 86400);
  return days === 1 ? "yesterday" : days < 30 ? days + " days ago" : new Date(seconds(time) * 1000).toISOString().slice(0, 10);
}
