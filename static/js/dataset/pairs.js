// Every two columns of what `GET /correlation` answers: how strongly they go together, and which way.

// Of strength and direction in words.
export const WORDS = new Map([
  [1, "rise together"],
  [-1, "one falls as the other rises"],
  [0, "go together"],
]);

// A value with its sign, whatever the measure: strengths of any type come without one.
export function withSign(value, direction) {
  return value === null ? null : direction < 0 ? -Math.abs(value) : value;
}

// Every two columns once, the strongest first: {first, second, value, direction}.
export function pairsOf(found) {
  const pairs = [];
  found.columns.forEach((second, at) =>
    found.columns.slice(0, at).forEach((first, other) => {
      const direction = found.directions[at][other];
      pairs.push({ first, second, value: withSign(found.matrix[at][other], direction), direction });
    }),
  );
  const strength = (pair) => (pair.value === null ? -1 : Math.abs(pair.value));
  return pairs.sort((a, b) => strength(b) - strength(a));
}

// The places of the `most` columns that the strongest pairs are made of, in the table's order.
export function strongestColumns(found, pairs, most) {
  const chosen = new Set();
  for (const { first, second } of pairs) for (const name of [first, second]) if (chosen.size < most) chosen.add(name);
  return found.columns.length > most ? found.columns.map((name, at) => (chosen.has(name) ? at : -1)).filter((at) => at >= 0) : found.columns.map((_, at) => at);
}

// What is not drawn, in words: the answer's note, which counts its own columns where there were more than it has.
export function leftOut(found, n_drawn) {
  const note = found.note ?? "";
  if (n_drawn === found.columns.length) return note;
  const counted = /^The [\d,]+ of ([\d,]+ columns that go together most are shown\.)/;
  if (counted.test(note)) return note.replace(counted, "The " + n_drawn + " of $1");
  return ("The " + n_drawn + " of " + found.columns.length + " columns that go together most are shown. " + note).trim();
}
