// The order of rows by one of their columns, and of what a search finds.

// What a cell is sorted by: its number, else its text whatever the case; null where nothing is known.
export function sortValue(text) {
  if (text === "") return null;
  const value = Number(text);
  return Number.isNaN(value) ? text.toLowerCase() : value;
}

// Numbers before texts; what is not known stands last, whichever way it is sorted.
export function compare(a, b, descending) {
  if (a === null || b === null) return (a === null) - (b === null);
  const [first, second] = descending ? [b, a] : [a, b];
  if (typeof first !== typeof second) return typeof first === "number" ? -1 : 1;
  return first < second ? -1 : first > second ? 1 : 0;
}

// Every letter in order somewhere in the text; earlier and closer together is better. Null: no match.
export function rank(text, query) {
  const found = text.indexOf(query);
  if (found >= 0) return found;
  let at = -1;
  let gaps = 0;
  for (const letter of query) {
    const index = text.indexOf(letter, at + 1);
    if (index < 0) return null;
    gaps += index - at - 1;
    at = index;
  }
  return 100 + gaps;
}

// The items whose title or detail goes with the query, the best first; without a query all, as they are.
export function search(items, query) {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return [...items];
  return items
    .map((item) => ({ item, rank: rank((item.title + " " + item.detail).toLowerCase(), wanted) }))
    .filter((entry) => entry.rank !== null)
    .sort((a, b) => a.rank - b.rank)
    .map((entry) => entry.item);
}
