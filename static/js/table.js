// Tables whose rows the server has written: sorted in place by the `data-value` of their cells.
import Alpine from "../vendor/alpine.js";
import { compare, sortValue } from "./order.js";

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
    const rows = [...body.rows].map((row) => ({ row, value: sortValue(row.cells[index].dataset.value ?? "") }));
    rows.sort((a, b) => compare(a.value, b.value, descending));
    body.append(...rows.map((entry) => entry.row));
  },
}));
