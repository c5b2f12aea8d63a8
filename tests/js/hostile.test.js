// Texts of models made to be slow to read: four times as long takes about four times as long, and not sixteen.
import assert from "node:assert/strict";
import { test } from "node:test";
import { blocksOf as explained } from "../../static/js/assistant/marks.js";
import { blocksOf, citationsOf, copied } from "../../static/js/assistant/text.js";

const [SHORT, LONG] = [5_000, 20_000];
const MOST_TIMES = 9;

const paragraphsOf = (...given) => explained(...given).flatMap((block) => block.lines);
const grown = (text) => paragraphsOf(text, [], true);
const marked = (text) => paragraphsOf(text, Array.from({ length: text.length / 4 }, (_, at) => ({ start: 4 * at, end: 4 * at + 1, kind: "invented" })));
const READ = {
  "blanks behind a fact": [paragraphsOf, "(f1", " ", "x"],
  "facts without commas": [paragraphsOf, "(f1", " f1", " x"],
  "many facts": [paragraphsOf, "", "(f1)", ""],
  "marks in many lines": [marked, "", "1 a\n", ""],
  "a citation that has only begun": [grown, "(", " ", "x"],
  "blanks in a copied text": [(text) => copied(text, []), "x", " ", "y"],
  "blanks behind a citation": [(text) => citationsOf(text, []), "[f1", " ", "y"],
  "an item of blanks": [blocksOf, "- ", " ", "\u2028"],
  "a heading of blanks": [blocksOf, "# ", " ", "\u2028"],
  "marks of code": [blocksOf, "", "`", "x"],
  "strong marks": [blocksOf, "", "**a", ""],
};

function best(read, text) {
  let found = Infinity;
  for (let again = 0; again < 3; again += 1) {
    const began = process.cpuUsage();
    read(text);
    const { user, system } = process.cpuUsage(began);
    found = Math.min(found, (user + system) / 1000);
  }
  return found;
}

for (const [name, [read, begins, again, ends]] of Object.entries(READ)) {
  test(name + " take as long as the text is", () => {
    const text = (length) => begins + again.repeat(length / again.length) + ends;
    // Next to nothing says nothing of how it grows.
    const short = Math.max(best(read, text(SHORT)), 2);
    assert.ok(best(read, text(LONG)) < MOST_TIMES * short);
  });
}

test("what is cited is found however it is written", () => {
  const cites = paragraphsOf("a (f1 f2;f3 , f4) b [ f5 ] (f1  x")[0].flatMap((piece) => piece.cite ?? []);
  assert.deepEqual(cites, ["f1", "f2", "f3", "f4", "f5"]);
});

test("marks stand in their own lines", () => {
  const marks = [
    { start: 5, end: 7, kind: "elsewhere" },
    { start: 0, end: 2, kind: "invented" },
  ];
  const notes = paragraphsOf("12 a\n34 b", marks).map((pieces) => pieces.filter((piece) => piece.note).map((piece) => piece.text));
  assert.deepEqual(notes, [["12"], ["34"]]);
});
