// A column of texts: how long they are, which words are frequent, and some of them; from what `GET /texts` answers.
import { buildChart } from "../charts.js";
import { h } from "../dom.js";
import { number, plural } from "../format.js";
import { get } from "../http.js";
import { api } from "./info.js";
import { spreadChart } from "./spread.js";

function wordsChart(column, words) {
  return {
    kind: "categories",
    title: "Frequent words",
    caption: words.length ? "“" + words[0].word + "” stands in " + plural(words[0].count, "row") + "." : "No word stands in more than one row.",
    spec: { column: "Word", bars: words.map(({ word, count }) => ({ value: word, count })) },
    columns: ["Word", "Rows"],
    rows: words.map(({ word, count }) => [word, number(count)]),
  };
}

export async function textFigures(column) {
  const found = await get(api("/texts/" + encodeURIComponent(column)));
  const samples = h("section", { class: "stack stack-tight" }, h("h3", {}, "Some of them"), h("ul", { class: "text-samples" }, ...found.samples.map((text) => h("li", {}, text))));
  const lengths = buildChart({ ...spreadChart("Characters", found.lengths), title: "How long they are" });
  const parts = [samples, found.words.length ? buildChart(wordsChart(column, found.words)) : null, lengths, found.note ? h("p", { class: "muted small" }, found.note) : null];
  return parts.filter(Boolean);
}
