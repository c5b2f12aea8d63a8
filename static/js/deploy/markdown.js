// Of Markdown what a model card is written in: headings, paragraphs, lists, tables, indented code, **strong** and `code`.
// Anything else is the text that it is, and nothing of it ever becomes markup.

const ESCAPED = /\\([\\`*_[\]|<>#])/g;
const SPANS = /(?<!\\)\*\*(.+?)(?<!\\)\*\*|(?<!\\)`([^`]+)`/g;

const plain = (text) => text.replace(ESCAPED, "$1");

// [{kind: "text" | "strong" | "code", text}].
export function spansOf(text) {
  const spans = [];
  let at = 0;
  for (const match of text.matchAll(SPANS)) {
    if (match.index > at) spans.push({ kind: "text", text: plain(text.slice(at, match.index)) });
    spans.push(match[1] === undefined ? { kind: "code", text: match[2] } : { kind: "strong", text: plain(match[1]) });
    at = match.index + match[0].length;
  }
  if (at < text.length) spans.push({ kind: "text", text: plain(text.slice(at)) });
  return spans;
}

function cellsOf(line) {
  return line
    .trim()
    .replace(/^\|/, "")
    .replace(/(?<!\\)\|$/, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

function blockOf(text) {
  const lines = text.split("\n");
  const heading = /^(#{1,4}) (.*)$/.exec(text);
  if (heading) return { kind: "heading", level: heading[1].length, text: heading[2] };
  if (lines.every((line) => line.startsWith("    "))) return { kind: "code", text: lines.map((line) => line.slice(4)).join("\n") };
  if (lines.every((line) => line.startsWith("- "))) return { kind: "list", items: lines.map((line) => line.slice(2)) };
  if (lines.length > 1 && lines.every((line) => line.startsWith("|")) && /^[\s|:-]+$/.test(lines[1])) {
    const head = cellsOf(lines[0]);
    return { kind: "table", head: head.some(Boolean) ? head : null, rows: lines.slice(2).map(cellsOf) };
  }
  return { kind: "paragraph", text };
}

// What the text is made of, in order; items that follow each other are one list.
export function blocksOf(text) {
  const blocks = [];
  for (const part of text.replaceAll("\r", "").split(/\n{2,}/)) {
    if (!part.trim()) continue;
    const block = blockOf(part.replace(/\n+$/, "").replace(/^\n+/, ""));
    const last = blocks.at(-1);
    if (block.kind === "list" && last?.kind === "list") last.items.push(...block.items);
    else blocks.push(block);
  }
  return blocks;
}
