// The text of an answer as blocks and pieces: paragraphs, lists, code, and facts that are cited. Whatever else stands in
// it stays the text that it is; nothing becomes a link, an image or markup.

const ITEM = /^\s*(?:[-*•]|(\d{1,3})[.)])\s(.*)$/s;
const FENCE = /^\s*```/;
const HEADING = /^\s*#{1,6}\s(.*)$/s;
const PIECE = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|\[(f\d{1,4}(?:\s*,\s*f\d{1,4})*)\]/g;

// [{text}, {code}, {strong}, {cite}] of one line.
export function piecesOf(line) {
  const pieces = [];
  let at = 0;
  for (const match of line.matchAll(PIECE)) {
    if (match.index > at) pieces.push({ text: line.slice(at, match.index) });
    if (match[1] !== undefined) pieces.push({ code: match[1] });
    else if (match[2] !== undefined) pieces.push({ strong: match[2] });
    else for (const id of match[3].split(",")) pieces.push({ cite: id.trim() });
    at = match.index + match[0].length;
  }
  if (at < line.length) pieces.push({ text: line.slice(at) });
  return pieces;
}

// A piece of a heading.
function bold(piece) {
  if (piece.text === undefined || piece.kind) return piece;
  return piece.note === undefined ? { strong: piece.text } : { ...piece, kind: "strong" };
}

// [{kind: "p" | "ul" | "ol" | "pre", lines}]: each line of "pre" is a text, of the others a list of pieces, which
// `pieces(line, at)` makes of a line that begins at this place of the text. `start` is the number of the first of an "ol".
// `grows`: more is to come, and a citation that has only begun is not shown yet.
export function blocksOf(text, grows = false, pieces = piecesOf) {
  const whole = grows ? text.replace(/\[(?:f[\d,\sf]*)?$/, "") : text;
  const blocks = [];
  let open = null;
  let fenced = false;
  let next = 0;
  const add = (kind, line, more = {}) => {
    if (open?.kind !== kind) blocks.push((open = { kind, lines: [], ...more }));
    open.lines.push(line);
  };
  for (const raw of whole.split("\n")) {
    const at = next;
    const line = raw.replace(/\r$/, "");
    // Of the line's end that begins behind what makes it an item or a heading.
    const words = (end) => pieces(end.trim(), at + line.length - end.trimStart().length);
    next += raw.length + 1;
    if (FENCE.test(line)) {
      fenced = !fenced;
      open = null;
      continue;
    }
    if (fenced) {
      add("pre", line);
      continue;
    }
    const item = line.match(ITEM);
    const heading = line.match(HEADING);
    if (item) add(item[1] ? "ol" : "ul", words(item[2]), item[1] ? { start: Number(item[1]) } : {});
    else if (!line.trim()) open = null;
    else if (heading) {
      open = null;
      add("p", words(heading[1]).map(bold));
    } else if (open?.kind === "p" || open === null) add("p", words(line));
    // A line behind an item goes on with it.
    else open.lines.at(-1).push({ text: " " }, ...words(line));
  }
  return blocks;
}

// What may not stand before and behind a number for it to stand alone: it is not a part of a word, of another number such as
// 5.2 or 5,200, nor of a percentage where it is none.
const BEFORE = "(?<![\\p{L}\\d.,]|\\d[’'])";
const BEHIND_A_DIGIT = "(?!\\d|[.,’']\\d|\\s?(?:%|percent))";
const BEHIND_A_LETTER = "(?!\\p{L})";

function alone(number) {
  const escaped = number.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return escaped + (/\d$/.test(number) ? BEHIND_A_DIGIT : /\p{L}$/u.test(number) ? BEHIND_A_LETTER : "");
}

// A text in pieces: [{text, invented}]; `invented` are numbers in it that FlowML does not know, where they stand alone.
export function marked(text, invented) {
  if (!invented.length) return [{ text, invented: false }];
  const words = [...invented].sort((a, b) => b.length - a.length).map(alone);
  return text
    .split(new RegExp(BEFORE + "(" + words.join("|") + ")", "u"))
    .map((piece, at) => ({ text: piece, invented: at % 2 === 1 }))
    .filter((piece) => piece.text);
}

// The numbers under which facts are cited in a text: 1 for the first that stands in it.
export function citationsOf(text, cited) {
  const known = new Map(cited.map((fact) => [fact.id, fact]));
  const numbers = new Map();
  for (const [, ids] of text.matchAll(/\[(f\d{1,4}(?:\s*,\s*f\d{1,4})*)\]/g)) {
    for (const id of ids.split(",").map((one) => one.trim())) if (known.has(id) && !numbers.has(id)) numbers.set(id, numbers.size + 1);
  }
  return { numbers, facts: known };
}

// What is copied: the text with the numbers of its facts, and these below it.
export function copied(text, cited) {
  const { numbers, facts } = citationsOf(text, cited);
  // Few blanks, so that a long run of them is not gone through from each of its places.
  const body = text.replace(/\s{0,2}\[(f\d{1,4}(?:\s*,\s*f\d{1,4})*)\]/g, (_, ids) => {
    const known = ids.split(",").map((one) => numbers.get(one.trim())).filter(Boolean);
    return known.length ? " [" + known.join(", ") + "]" : "";
  });
  const notes = [...numbers].map(([id, number]) => "[" + number + "] " + facts.get(id).sentence);
  return notes.length ? body + "\n\n" + notes.join("\n") : body;
}
