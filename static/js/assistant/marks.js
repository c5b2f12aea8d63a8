// The text of a model on results as blocks of pieces: words, facts that it cites, and places that no figure bears out.

const NOTES = {
  invented: "not among the figures",
  elsewhere: "not a figure of what is cited here",
  uncited: "cites no figure",
  no_such_fact: "there is no such fact",
};
// As in `flowml/assistant/numbers/apart.py`: blanks can be read in one way alone.
const CITED = /[[(]\s*f\d+(?:\s*(?:[,;&]\s*)?f\d+)*\s*[\])]/g;
const FACT = /f\d+/g;

export function noteOf(kind) {
  return NOTES[kind] ?? NOTES.invented;
}

// Paragraphs of [{text} | {cite} | {text, note}]. `marks` are places in characters, of which some take two units of a
// script's string; `grows`: more is to come, and a citation that has only begun is not shown yet.
export function paragraphsOf(text, marks = [], grows = false) {
  const characters = [...(grows ? text.replace(/[[(]\s*(?:f[\d,;&\sf]*)?$/, "") : text)];
  const marked = marks.filter((mark) => mark.kind !== "no_such_fact").sort((one, other) => one.start - other.start);
  const paragraphs = [];
  let at = 0;
  let next = 0;
  for (const line of characters.join("").split("\n")) {
    const there = [...line];
    const end = at + there.length;
    const own = [];
    for (; next < marked.length && marked[next].start <= end; next += 1) {
      if (marked[next].start >= at && marked[next].end <= end) own.push(marked[next]);
    }
    const pieces = line.trim() ? piecesOf(there, at, own) : [];
    if (pieces.length) paragraphs.push(pieces);
    at = end + 1;
  }
  return paragraphs;
}

function piecesOf(characters, offset, marked) {
  const line = characters.join("");
  const places = [];
  let counted = 0;
  let start = 0;
  for (const match of line.matchAll(CITED)) {
    start += [...line.slice(counted, match.index)].length;
    counted = match.index;
    places.push({ start, end: start + [...match[0]].length, ids: match[0].match(FACT) });
  }
  for (const mark of marked) places.push({ start: mark.start - offset, end: mark.end - offset, mark });
  places.sort((one, other) => one.start - other.start);
  const pieces = [];
  let at = 0;
  const words = (end, before) => {
    const text = characters.slice(at, end).join("");
    // A number of a fact stands right behind what it is of.
    const said = before ? text.trimEnd() : text;
    if (said) pieces.push({ text: said });
  };
  for (const place of places) {
    if (place.start < at) continue;
    words(place.start, Boolean(place.ids));
    if (place.mark) pieces.push({ text: characters.slice(place.start, place.end).join(""), note: noteOf(place.mark.kind) });
    else for (const id of place.ids) pieces.push({ cite: id });
    at = place.end;
  }
  words(characters.length, false);
  return pieces;
}

// What is said below a text: how many of its numbers are borne out.
export function verdictOf({ numbers, marks }) {
  const count = (kind) => marks.filter((mark) => mark.kind === kind).length;
  const [invented, elsewhere, uncited, strange] = ["invented", "elsewhere", "uncited", "no_such_fact"].map(count);
  const parts = [];
  if (!numbers) parts.push("There is no number in this text.");
  else if (!invented && !elsewhere && !uncited) parts.push((numbers === 1 ? "Its one number is" : "All " + numbers + " numbers in this text are") + " among the figures. Whether each is said of the right thing, and what is said without numbers, is not checked.");
  if (invented) parts.push(invented + " of " + ofNumbers(numbers) + " in this text " + (invented === 1 ? "is" : "are") + " not among the figures that it was told: do not rely on " + (invented === 1 ? "it." : "them."));
  if (elsewhere) parts.push((elsewhere === 1 ? "One is" : elsewhere + " are") + " of something else than what is cited there.");
  if (uncited) parts.push(uncited + " of " + ofNumbers(numbers) + " in this text " + (uncited === 1 ? "cites no figure, so it was not checked." : "cite no figure, so they were not checked."));
  if (strange) parts.push("It names " + (strange === 1 ? "a fact that there is not." : strange + " facts that there are not."));
  return parts.join(" ");
}

function ofNumbers(count) {
  return count + (count === 1 ? " number" : " numbers");
}
