// What people type, as the values that it stands for. What is no number stays a text: the server says what is wrong
// with it.

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const DECIMAL_COMMA = /^-?\d+,\d+$/;
// 1,234 is a thousand to some and a little more than one to others.
const THOUSANDS = /^-?[1-9]\d{0,2},\d{3}$/;

function plainNumber(text) {
  const value = NUMBER.test(text.trim()) ? Number(text) : NaN;
  return Number.isFinite(value) ? value : null;
}

export function numberOrText(text) {
  return plainNumber(text) ?? text;
}

// The number that a text is beyond doubt, also with a decimal comma; null where it is none.
export function numberOf(text) {
  const typed = text.trim();
  return plainNumber(DECIMAL_COMMA.test(typed) && !THOUSANDS.test(typed) ? typed.replace(",", ".") : typed);
}

// The value of a field of a model's form.
export function valueOf(field, text) {
  if (text.trim() === "") return null;
  if (field.role === "boolean" && (text === "true" || text === "false")) return text === "true";
  if (field.kind !== "number" && field.role !== "boolean") return text;
  return numberOf(text) ?? text;
}

// The parts of a text between `separator`s, without empty ones; undefined where there are none.
export function listOf(text, separator) {
  const found = text.split(separator).map((item) => item.trim()).filter(Boolean);
  return found.length ? found : undefined;
}

// Pairs of a value and what becomes of it, where an empty text stands for missing. Numbers where all are: a column of
// “yes” and “no” that becomes 1 and 0. Undefined where nothing changes.
export function mappingOf(pairs) {
  const changed = pairs.filter(([from, to]) => from !== "" && from !== to);
  const given = changed.map(([, to]) => to.trim()).filter(Boolean);
  const numbers = given.length > 0 && given.every((to) => plainNumber(to) !== null);
  const value = (to) => (to.trim() === "" ? null : numbers ? plainNumber(to) : to);
  return changed.length ? Object.fromEntries(changed.map(([from, to]) => [from, value(to)])) : undefined;
}
