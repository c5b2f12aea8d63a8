// The row that is being edited, for when the page is loaded again. Each tab keeps its own, and it goes with the tab.

const LONGEST = 200_000;

const place = (model) => "playground-" + model;

// `texts` are what the controls hold, by column; `example` the row that they were filled in with, or null.
export function keepRow(remember, model, { texts, start, example, coverage }) {
  const kept = JSON.stringify({ texts: Object.fromEntries(texts), start: Object.fromEntries(start), example, coverage });
  remember(place(model), kept.length > LONGEST ? null : kept);
}

// What was kept, if it is of these columns; else null.
export function keptRow(recall, model, names) {
  try {
    const { texts, start, example, coverage } = JSON.parse(recall(place(model)));
    const isOfTheseColumns = (held) => names.every((name) => typeof held[name] === "string");
    if (!isOfTheseColumns(texts) || !isOfTheseColumns(start)) return null;
    const map = (held) => new Map(names.map((name) => [name, held[name]]));
    return { texts: map(texts), start: map(start), example: example ?? null, coverage: typeof coverage === "number" ? coverage : 0.9 };
  } catch {
    return null;
  }
}
