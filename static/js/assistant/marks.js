// The text of a model on results as blocks of pieces: words, facts that it cites, and places that no figure bears out.
import { blocksOf as blocks } from "./text.js";

const NOTES = {
  invented: "not among the figures",
  elsewhere: "not a figure of what is cited here",
  uncited: "cites no figure",
  no_such_fact: "there is no such fact",
};
// As in `flowml/assistant/numbers/apart.py`: blanks can be read in one way alone.
const CITED = /[[(]\s*f\d+(?:\s*(?:[,;&]\s*)?f\d+)*\s*[\])]/g;
const FACT = /f\d+/g;
const MARKUP = /`([^`\n]+)`|\*\*([^*\n]+)\*\*/g;

export function noteOf(kind) {
  return NOTES[kind] ?? NOTES.invented;
}

// The text as blocks, as `text.js` has them, whose pieces are [{text, kind?, note?} | {cite}], with `kind` "strong" or "code".
// `marks` are places in characters, of which some take two units of a script's string; `grows`: more is to come, and a
// citation that has only begun is not shown yet.
export function blocksOf(text, marks = [], grows = false) {
  const units = unitsOf(text);
  const places = marks.filter((mark) => mark.kind !== "no_such_fact" && mark.end < units.length).map((mark) => ({ start: units[mark.start], end: units[mark.end], note: noteOf(mark.kind) }));
  places.sort((one, other) => one.start - other.start);
  const said = grows ? text.replace(/[[(]\s*(?:f[\d,;&\sf]*)?$/, "") : text;
  const take = inOrder(places);
  return blocks(said, false, (line, at) => piecesOf(line, at, take));
}

// Where in the string each character begins, and where the last one ends.
function unitsOf(text) {
  const units = [0];
  for (const character of text) units.push(units.at(-1) + character.length);
  return units;
}

// Of sorted places those from one place of the text to another, which are asked for from its beginning to its end.
function inOrder(places) {
  let next = 0;
  return (from, to) => {
    while (next < places.length && places[next].start < from) next += 1;
    const first = next;
    while (next < places.length && places[next].end <= to) next += 1;
    return places.slice(first, next);
  };
}

function piecesOf(line, at, take) {
  const pieces = [];
  let done = 0;
  for (const match of line.matchAll(MARKUP)) {
    pieces.push(...within(line.slice(done, match.index), at + done, take));
    const [words, kind] = match[1] === undefined ? [match[2], "strong"] : [match[1], "code"];
    const start = at + match.index + (kind === "strong" ? 2 : 1);
    pieces.push(...within(words, start, take).map((piece) => (piece.cite === undefined ? { ...piece, kind } : piece)));
    done = match.index + match[0].length;
  }
  return [...pieces, ...within(line.slice(done), at + done, take)];
}

// What of the text begins at this place, with the marks and citations in it.
function within(text, offset, take) {
  const found = take(offset, offset + text.length).map((place) => ({ ...place, start: place.start - offset, end: place.end - offset }));
  for (const match of text.matchAll(CITED)) found.push({ start: match.index, end: match.index + match[0].length, ids: match[0].match(FACT) });
  found.sort((one, other) => one.start - other.start);
  const pieces = [];
  let at = 0;
  const words = (end, before) => {
    // A number of a fact stands right behind what it is of.
    const said = before ? text.slice(at, end).trimEnd() : text.slice(at, end);
    if (said) pieces.push({ text: said });
  };
  for (const place of found) {
    if (place.start < at) continue;
    words(place.start, Boolean(place.ids));
    if (place.note) pieces.push({ text: text.slice(place.start, place.end), note: place.note });
    else for (const id of place.ids) pieces.push({ cite: id });
    at = place.end;
  }
  words(text.length, false);
  return pieces;
}

// What is said below a text: how many of its numbers are borne out.
export function verdictOf({ numbers, marks, reason }) {
  const count = (kind) => marks.filter((mark) => mark.kind === kind).length;
  const [invented, elsewhere, uncited, strange] = ["invented", "elsewhere", "uncited", "no_such_fact"].map(count);
  const parts = [];
  // Of what has broken off nobody asks what is not in it.
  if (!numbers && !reason) parts.push("There is no number in this text.");
  else if (!numbers) return "";
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
