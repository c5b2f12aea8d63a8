// Which rows of a long table are in sight, and which of its pages are there or wanted; grid.js draws them.

export const PAGE = 100;
const KEPT_PAGES = 60;
const SPARE_ROWS = 8;
// Browsers cannot lay out elements of more than some 17 million pixels; beyond this height, one pixel of the scroll
// bar stands for more than one pixel of rows.
const TALLEST = 8_000_000;

// How tall the rows are laid out, and how many pixels of rows one of the scroll bar stands for.
export function geometry(total, rowHeight, sight) {
  const real = total * rowHeight;
  const height = Math.min(real, TALLEST);
  return { height, scale: height > sight ? (real - sight) / (height - sight) : 1 };
}

// The first row to draw and the one after the last, with some to spare on both sides; `top` is the pixel of all rows
// that stands uppermost.
export function rowsInSight(top, total, rowHeight, sight) {
  const to = Math.min(total, Math.ceil((top + sight) / rowHeight) + SPARE_ROWS);
  return { from: Math.max(0, Math.min(to, Math.floor(top / rowHeight) - SPARE_ROWS)), to };
}

// How much is left empty above the drawn rows and below them. Above stands what the scroll bar says is above, minus
// what the rows in sight already stick out.
export function spaces({ from, to }, top, rowHeight, { height, scale }) {
  const above = Math.max(0, top / scale - (top - from * rowHeight));
  return { above, below: Math.max(0, height - above - (to - from) * rowHeight) };
}

// The pages that the drawn rows are on.
export function pagesOf({ from, to }) {
  const pages = [];
  for (let page = Math.floor(from / PAGE); page * PAGE < to; page += 1) pages.push(page);
  return pages;
}

// Whether a page is in sight or about to be.
export function isNear(page, top, rowHeight, sight) {
  return page * PAGE * rowHeight < top + sight * 2 && (page + 1) * PAGE * rowHeight > top - sight;
}

// The pages to forget of those that are kept: the farthest from the one that has just come.
export function tooMany(pages, current) {
  const far = [...pages].sort((a, b) => Math.abs(b - current) - Math.abs(a - current));
  return far.slice(0, Math.max(0, far.length - KEPT_PAGES));
}
