// Small pictures of columns, drawn when they come into sight; each column is asked for once, those seen last first.
import { h, s } from "./dom.js";
import { number } from "./format.js";
import { get } from "./http.js";

const known = new Map();
const waiting = [];
let running = 0;
const MOST = 3;

function next() {
  while (running < MOST && waiting.length) {
    running += 1;
    const { url, resolve, reject } = waiting.pop();
    get(url)
      .then(resolve, reject)
      .finally(() => {
        running -= 1;
        next();
      });
  }
}

// What `GET /distribution/{column}` answers.
export function distribution(dataset, column) {
  if (!known.has(column)) {
    const url = "/api/datasets/" + dataset + "/distribution/" + encodeURIComponent(column) + "?bins=20";
    known.set(column, new Promise((resolve, reject) => waiting.push({ url, resolve, reject })));
    next();
  }
  return known.get(column);
}

// Most rows have a value that is not among the frequent ones: bars would show nothing.
export function isScattered(found) {
  return found.kind === "categories" && found.other > 2 * found.counts.reduce((sum, count) => sum + count, 0);
}

// What is said instead, of so many different values in so many rows.
export function scatterWord(unique, rows) {
  return 2 * unique > rows ? "mostly unique" : number(unique) + " values";
}

function bars(found) {
  const counts = found.kind === "histogram" ? found.counts : [...found.counts.slice(0, 12), ...(found.other ? [found.other] : [])];
  const most = Math.max(...counts, 1);
  const width = 100 / Math.max(counts.length, found.kind === "histogram" ? 1 : 3);
  const gap = found.kind === "histogram" ? 0.6 : Math.min(3, width * 0.2);
  const svg = s("svg", { viewBox: "0 0 100 24", preserveAspectRatio: "none", class: found.kind === "histogram" ? "spark-numbers" : "spark-values" });
  counts.forEach((count, index) => {
    const height = count ? Math.max(1.2, (22 * count) / most) : 0;
    svg.append(s("rect", { x: index * width + gap / 2, y: 24 - height, width: Math.max(0.5, width - gap), height }));
  });
  return svg;
}

function wordOf(element) {
  return scatterWord(Number(element.dataset.unique), Number(element.dataset.count));
}

function draw(element, found) {
  element.replaceChildren(isScattered(found) ? h("span", { class: "spark-word", "data-word": wordOf(element) }) : bars(found));
}

function drawWhole(dataset, element) {
  return distribution(dataset, element.dataset.spark).then(
    // Unless only what was found is on show by now.
    (found) => element.dataset.found || draw(element, found),
    () => element.classList.add("spark-none"),
  );
}

// The pictures in this part of the page, of the rows that were found: {column: distribution}; null: of all rows again.
export function drawFound(root, dataset, spreads) {
  for (const element of root.querySelectorAll("[data-spark]")) {
    const found = spreads?.[element.dataset.spark];
    if (found) {
      element.dataset.found = "true";
      draw(element, found);
    } else if (element.dataset.found) {
      delete element.dataset.found;
      drawWhole(dataset, element);
    }
  }
}

// Keeps pictures to the rows on show: `ask` gets what was found for a search, `draw` draws it, or with null all rows.
// What counts is what is drawn: a search whose request was given up or failed is asked for again the next time.
export function foundPictures(ask, draw) {
  let drawn = "";
  return async (searched, signal) => {
    if (searched === drawn) return;
    try {
      const found = searched ? await ask(searched, signal) : null;
      if (signal.aborted) return;
      draw(found);
      drawn = searched;
    } catch (problem) {
      if (problem.name === "AbortError") return;
      draw(null);
      drawn = "";
      throw problem;
    }
  };
}

export function drawSparks(dataset) {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      seen.unobserve(entry.target);
      drawWhole(dataset, entry.target);
    }
  });
  for (const element of document.querySelectorAll("[data-spark]")) seen.observe(element);
}
