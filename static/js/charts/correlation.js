// How strongly columns move together: one cell for each pair.
import { base, defineChart } from "../charts.js";
import { WORDS, withSign } from "../dataset/pairs.js";
import { signed } from "../format.js";

function short(text) {
  return text.length > 14 ? text.slice(0, 13) + "…" : text;
}

defineChart("correlation", (Plot, spec, { width, colour }) => {
  const names = spec.columns;
  const cells = [];
  names.forEach((row, at) => names.forEach((column, other) => cells.push({ row, column, value: withSign(spec.matrix[at][other], spec.directions[at][other]), direction: spec.directions[at][other] })));
  const longest = Math.max(...names.map((name) => short(name).length));
  const left = Math.min(130, 14 + longest * 7);
  const rising = globalThis.d3.scaleLinear([-1, 0, 1], [colour("heat-low"), colour("heat-mid"), colour("heat-high")]);
  // Of categories nothing can be said to rise or fall.
  const tied = globalThis.d3.scaleLinear([0, 1], [colour("heat-mid"), colour("heat-tied")]);
  const shade = (cell) => (cell.value === null ? "transparent" : (cell.direction ? rising : tied)(cell.value));
  const ink = (cell) => (globalThis.d3.lab(shade(cell)).l > 52 ? "#09090b" : "#ffffff");
  const size = Math.min(88, Math.max(16, (width - left - 20) / names.length));
  const plot = Plot.plot(
    base(left + size * names.length + 20, {
      height: 20 + size * names.length + left,
      marginLeft: left,
      marginTop: 12,
      marginBottom: left,
      x: { label: null, domain: names, tickRotate: -50, tickFormat: short, tickSize: 0 },
      y: { label: null, domain: names, tickFormat: short, tickSize: 0 },
      color: { type: "identity" },
      marks: [
        Plot.cell(cells, { x: "column", y: "row", fill: shade, inset: 0.75, rx: 2 }),
        size >= 34
          ? Plot.text(cells, { x: "column", y: "row", text: (cell) => (cell.value === null ? "" : signed(cell.value, 2)), fill: (cell) => (cell.value === null ? "transparent" : ink(cell)), fontSize: 11, pointerEvents: "none" })
          : null,
      ],
    }),
  );
  const labels = cells.map((cell) => cell.row + " and " + cell.column + "\n" + (cell.value === null ? "not known" : signed(cell.value, 3) + ", " + WORDS.get(cell.direction)));
  return { plot, marks: [{ selector: '[aria-label="cell"] rect', labels }], stride: names.length };
});
