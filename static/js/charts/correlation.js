// How strongly columns move together: one cell for each pair.
import { base, defineChart } from "../charts.js";
import { signed } from "../format.js";

function short(text) {
  return text.length > 14 ? text.slice(0, 13) + "…" : text;
}

defineChart("correlation", (Plot, spec, { width, colour }) => {
  const names = spec.columns;
  const cells = [];
  names.forEach((row, at) => names.forEach((column, other) => cells.push({ row, column, value: spec.matrix[at][other] })));
  const longest = Math.max(...names.map((name) => short(name).length));
  const left = Math.min(130, 14 + longest * 7);
  const shade = globalThis.d3.scaleLinear([-1, 0, 1], [colour("heat-low"), colour("heat-mid"), colour("heat-high")]);
  const ink = (value) => (globalThis.d3.lab(shade(value)).l > 52 ? "#09090b" : "#ffffff");
  const size = Math.min(88, Math.max(16, (width - left - 20) / names.length));
  const plot = Plot.plot(
    base(left + size * names.length + 20, {
      height: 20 + size * names.length + left,
      marginLeft: left,
      marginTop: 12,
      marginBottom: left,
      x: { label: null, domain: names, tickRotate: -50, tickFormat: short, tickSize: 0 },
      y: { label: null, domain: names, tickFormat: short, tickSize: 0 },
      color: { domain: [-1, 0, 1], range: [colour("heat-low"), colour("heat-mid"), colour("heat-high")], interpolate: "rgb", type: "linear", unknown: "transparent" },
      marks: [
        Plot.cell(cells, { x: "column", y: "row", fill: "value", inset: 0.75, rx: 2 }),
        size >= 34
          ? Plot.text(cells, { x: "column", y: "row", text: (cell) => (cell.value === null ? "" : signed(cell.value, 2)), fill: (cell) => ink(cell.value ?? 0), fontSize: 11, pointerEvents: "none" })
          : null,
      ],
    }),
  );
  const labels = cells.map((cell) => cell.row + " and " + cell.column + "\n" + (cell.value === null ? "not known" : signed(cell.value, 3)));
  return { plot, marks: [{ selector: '[aria-label="cell"] rect', labels }], stride: names.length };
});
