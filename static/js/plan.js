// What a run would learn from, by the choices of the form.

// How many columns: those that can be used (`used`), without what is left out, weighs rows or only names whose they are
// (`groups`, where rows are grouped by one of them).
export function learnedFrom({ used, groups }, { excluded, weight, cv }) {
  const out = new Set([...excluded, weight]);
  const group = cv.startsWith("group:") ? cv.slice(6) : "";
  if (groups.includes(group)) out.add(group);
  return used.filter((name) => !out.has(name)).length;
}
