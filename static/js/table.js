// Tables whose rows the server has written: sorted in place by the `data-value` of their cells.
import Alpine from "../vendor/alpine.js";

function valueOf(row, index) {
  const cell = row.cells[index];
  const text = cell.dataset.value ?? "";
  if (text === "") return null;
  const value = Number(text);
  return Number.isNaN(value) ? text.toLowerCase() : value;
}

function compare(a, b) {
  if (typeof a === typeof b) return a < b ? -1 : a > b ? 1 : 0;
  return typeof a === "number" ? -1 : 1;
}

Alpine.data("sortable", () => ({
  init() {
    for (const button of this.$root.querySelectorAll("thead .sort")) button.addEventListener("click", () => this.sort(button.closest("th")));
  },
  sort(header) {
    const index = [...header.parentNode.cells].indexOf(header);
    const descending = header.getAttribute("aria-sort") === "ascending" || (!header.hasAttribute("aria-sort") && header.classList.contains("number") && index > 0);
    for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = this.$root.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, value: valueOf(row, index) }));
    rows.sort((a, b) => {
      // What is not known stands last, whichever way it is sorted.
      if (a.value === null || b.value === null) return (a.value === null) - (b.value === null);
      return descending ? compare(b.value, a.value) : compare(a.value, b.value);
    });
    body.append(...rows.map((entry) => entry.row));
  },
}));
