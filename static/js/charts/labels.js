// Names beside the points of a chart, as long as none lies over another.

// What a letter takes at the size of a chart's texts, and a line of them.
const LETTER = 6.4;
const LINE = 18;
const EDGE = 6;

// Of points [{title, x, y}] within so wide a place, the first first, those whose names are shown, each with its `anchor`: the
// side of the point on which there is room.
export function placed(points, width) {
  const found = [];
  for (const point of points) {
    const long = point.title.length * LETTER;
    const anchor = point.x - long / 2 < 0 ? "start" : point.x + long / 2 > width ? "end" : "middle";
    const from = anchor === "start" ? point.x - EDGE : anchor === "end" ? point.x + EDGE - long : point.x - long / 2;
    const label = { ...point, anchor, from, to: from + long };
    const isFree = found.every((other) => other.to < from || label.to < other.from || Math.abs(other.y - point.y) > LINE);
    if (isFree && from > -2 * EDGE) found.push(label);
  }
  return found;
}
