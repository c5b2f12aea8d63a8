// Numbers as people read them; flowml/web/templating.py formats the same way on the server.

const NONE = "–";
const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

// With a real minus sign.
export function signed(value, digits) {
  return value.toFixed(digits).replace("-", "−");
}

export function number(value) {
  // Of more digits than a number has (see http.js).
  if (typeof value === "string") return value;
  if (value === null || value === undefined || Number.isNaN(value)) return NONE;
  if (Number.isInteger(value)) return whole.format(value);
  const size = Math.abs(value);
  if (size >= 1e15 || size < 1e-4) return value.toExponential(2);
  if (size >= 10000) return whole.format(value);
  return new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 }).format(value);
}

export function percent(share, digits = 1) {
  return share === null || share === undefined ? NONE : (share * 100).toFixed(digits) + " %";
}

export function score(value, format) {
  if (value === null || value === undefined) return NONE;
  if (format === "percent") return percent(value, 2);
  if (format === "share") return value.toFixed(4).replace(/^-(0\.0000)$/, "$1").replace("-", "−");
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
  return (unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1)) + " " + units[unit];
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (Number.isInteger(seconds) && seconds < 60) return seconds + " s";
  if (seconds < 0.0995) return (seconds * 1000).toFixed(0) + " ms";
  if (seconds < 9.95) return seconds.toFixed(1) + " s";
  if (seconds < 59.5) return seconds.toFixed(0) + " s";
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
