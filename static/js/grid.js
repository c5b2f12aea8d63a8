// A table of any length: only the rows in sight exist, and pages of them are fetched as one scrolls.
import Alpine from "../vendor/alpine.js";
import { dataOf, debounce, h } from "./dom.js";
import { cellText, number, plural } from "./format.js";
import { geometry, isNear, PAGE, pagesOf, rowsInSight, spaces, tooMany } from "./grid-rows.js";
import { get } from "./http.js";
import { drawFound, foundPictures } from "./spark.js";
import { problemToast } from "./toasts.js";

Alpine.data("grid", () => ({
  search: "",
  answered: "",
  total: 0,
  hiddenCount: 0,
  // What the grid waits for while the rows of before are still on show: "searching", "sorting", or nothing.
  doing: "",
  init() {
    // Kept outside of Alpine's reactive data: rows come and go far too often for it.
    const setup = dataOf(this.$root, "grid");
    const box = this.$root.querySelector(".grid-box");
    const state = {
      ...setup,
      box,
      table: box.querySelector("table"),
      body: box.querySelector("tbody"),
      pages: new Map(),
      sort: null,
      descending: false,
      hidden: new Set(),
      asked: new AbortController(),
      isFirst: true,
      top: 0,
      rowHeight: 0,
      expected: -1,
    };
    this.state = () => state;
    const found = (search, signal) => get("/datasets/" + state.id + "/spreads.json?" + new URLSearchParams({ search, columns: String(state.offset) }), signal);
    state.pictures = foundPictures(found, (spreads) => drawFound(state.table, state.id, spreads));
    this.total = setup.total;
    this.searchLater = debounce(250, () => this.reload("Searching"));
    const columns = [...state.table.querySelectorAll("col")];
    const widths = [Math.max(4.5, 2 + number(setup.total).length * 0.45), ...setup.widths.map((width) => width * 0.56)];
    columns.forEach((column, index) => (column.style.width = widths[index] + "rem"));
    state.table.classList.add("grid-ready");
    this.measure();
    state.first = [...state.body.rows].map((row) => [...row.cells].slice(1).map((cell) => (cell.hasAttribute("data-empty") ? null : cell.textContent)));
    state.above = h("tr", { "aria-hidden": "true", class: "grid-space" }, h("td", { colspan: columns.length }));
    state.below = h("tr", { "aria-hidden": "true", class: "grid-space" }, h("td", { colspan: columns.length }));
    state.drawn = new Map();
    let drawing = 0;
    this.render = () => {
      if (!drawing) drawing = requestAnimationFrame(() => ((drawing = 0), this.draw()));
    };
    box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    box.addEventListener("wheel", (event) => this.wheeled(event), { passive: false });
    new ResizeObserver(() => this.render()).observe(box);
    // What the menu of a column asks for.
    addEventListener("grid-sort", (event) => this.sortBy(event.detail.name, event.detail.descending));
    addEventListener("grid-hide", (event) => this.hide(event.detail.name));
    this.draw();
  },
  measure() {
    const state = this.state();
    state.rowHeight = state.body.rows[0]?.getBoundingClientRect().height || 34;
    state.head = state.table.tHead.getBoundingClientRect().height;
  },
  get waiting() {
    return this.doing !== "";
  },
  get statusText() {
    if (this.doing) return this.doing + " " + plural(this.state().total, "row") + "…";
    return this.answered ? plural(this.total, "row") + " match" + (this.total === 1 ? "es" : "") : plural(this.total, "row");
  },
  geometry() {
    const state = this.state();
    const sight = Math.max(state.rowHeight, state.box.clientHeight - state.head);
    return { sight, ...geometry(this.total, state.rowHeight, sight) };
  },
  scrolled() {
    const state = this.state();
    if (state.box.scrollTop === state.expected) return;
    state.expected = -1;
    state.top = state.box.scrollTop * this.geometry().scale;
    this.render();
  },
  // Where the scroll bar is coarse, the wheel and the keys still move by rows.
  move(pixels) {
    const state = this.state();
    const { scale, sight } = this.geometry();
    state.top = Math.max(0, Math.min(this.total * state.rowHeight - sight, state.top + pixels));
    state.box.scrollTop = state.top / scale;
    state.expected = scale > 1 ? state.box.scrollTop : -1;
    this.render();
  },
  wheeled(event) {
    if (this.geometry().scale <= 1.001 || event.ctrlKey || event.shiftKey || !event.deltaY) return;
    event.preventDefault();
    this.move(event.deltaMode === 1 ? event.deltaY * 20 : event.deltaY);
  },
  key(event) {
    const state = this.state();
    if (event.target !== state.box) return;
    const { sight } = this.geometry();
    const whole = this.total * state.rowHeight;
    const moves = { ArrowDown: state.rowHeight, ArrowUp: -state.rowHeight, PageDown: sight, PageUp: -sight, Home: -whole, End: whole };
    if (!(event.key in moves)) return;
    event.preventDefault();
    this.move(moves[event.key]);
  },
  draw() {
    const state = this.state();
    const place = this.geometry();
    const shown = rowsInSight(state.top, this.total, state.rowHeight, place.sight);
    const rows = [];
    const drawn = new Map();
    for (let index = shown.from; index < shown.to; index += 1) {
      const values = this.values(index);
      const old = state.drawn.get(index);
      const row = old && old.values === values ? old : { values, element: this.row(index, values) };
      drawn.set(index, row);
      rows.push(row.element);
    }
    state.drawn = drawn;
    const { above, below } = spaces(shown, state.top, state.rowHeight, place);
    state.above.firstChild.style.height = above + "px";
    state.below.firstChild.style.height = below + "px";
    if (!this.total) rows.push(h("tr", {}, h("td", { colspan: state.columns.length + 1, class: "grid-none" }, "No row contains this text.")));
    state.body.replaceChildren(state.above, ...rows, state.below);
    this.fetchPages(pagesOf(shown));
  },
  // What is known of a row; undefined while its page is on the way.
  values(index) {
    const state = this.state();
    const page = state.pages.get(Math.floor(index / PAGE));
    if (page?.rows) return page.rows[index % PAGE];
    return state.isFirst ? state.first[index] : undefined;
  },
  // The number of a row in the table as it stands, however it is sorted and searched.
  number(index) {
    const page = this.state().pages.get(Math.floor(index / PAGE));
    return page?.rows ? page.numbers[index % PAGE] : this.state().isFirst ? index + 1 : null;
  },
  row(index, values) {
    const state = this.state();
    const cells = state.columns.map((_, at) => {
      const cell = h("td", { class: state.numeric[at] ? "numeric" : null, hidden: state.hidden.has(at) });
      if (values === undefined) cell.append(h("span", { class: "skeleton" }));
      else if (values[at] === null || values[at] === undefined) cell.setAttribute("data-empty", "");
      else cell.textContent = cellText(values[at]);
      return cell;
    });
    return h("tr", { "aria-rowindex": String(index + 2) }, h("td", { class: "grid-index" }, number(this.number(index))), ...cells);
  },
  fetchPages(pages) {
    const state = this.state();
    if (this.doing) return;
    for (const page of pages) {
      if (!state.pages.has(page)) {
        state.pages.set(page, "asked");
        this.fetchPage(page, state.asked.signal);
      }
    }
  },
  async fetchPage(page, signal) {
    const state = this.state();
    // While one drags through a million rows, pages fly by: ask only for one that is still in sight.
    await new Promise((resolve) => setTimeout(resolve, 60));
    if (signal.aborted) return;
    if (!isNear(page, state.top, state.rowHeight, this.geometry().sight)) {
      state.pages.delete(page);
      return;
    }
    try {
      const answer = await this.ask(page, signal);
      this.keep(page, answer);
      this.render();
    } catch (problem) {
      if (problem.name === "AbortError") return;
      state.pages.delete(page);
      problemToast("The rows could not be read", problem);
    }
  },
  ask(page, signal) {
    const state = this.state();
    const query = new URLSearchParams({ offset: String(page * PAGE), limit: String(PAGE) });
    if (state.sort !== null) query.set("sort", state.sort);
    if (state.sort !== null && state.descending) query.set("descending", "true");
    if (this.search.trim()) query.set("search", this.search.trim());
    return get("/datasets/" + state.id + "/rows.json?" + query, signal);
  },
  keep(page, answer) {
    const state = this.state();
    const end = state.offset + state.columns.length;
    state.pages.set(page, { numbers: answer.numbers, rows: answer.rows.map((row) => row.slice(state.offset, end)) });
    this.total = answer.total;
    for (const far of tooMany(state.pages.keys(), page)) state.pages.delete(far);
  },
  // In another order, or only what is searched for: the rows of before stay until the new ones are there, and what was
  // asked before is given up.
  async reload(doing) {
    const state = this.state();
    state.asked.abort();
    state.asked = new AbortController();
    const { signal } = state.asked;
    for (const [page, rows] of state.pages) if (rows === "asked") state.pages.delete(page);
    this.doing = doing;
    const searched = this.search.trim();
    try {
      const answer = await this.ask(0, signal);
      if (signal.aborted) return;
      state.pages.clear();
      state.isFirst = false;
      state.top = 0;
      state.box.scrollTop = 0;
      this.keep(0, answer);
      this.spread(searched, signal);
      this.answered = searched;
    } catch (problem) {
      if (problem.name === "AbortError") return;
      problemToast("The rows could not be read", problem);
    }
    this.doing = "";
    this.render();
  },
  // The pictures in the header are of the rows that are on show.
  async spread(searched, signal) {
    try {
      await this.state().pictures(searched, signal);
    } catch (problem) {
      problemToast("The pictures of the columns are of all rows", problem);
    }
  },
  searched() {
    this.searchLater();
  },
  sort(event) {
    const state = this.state();
    const name = event.target.closest("th").dataset.column;
    if (state.sort === name && state.descending) this.sortBy(null, false);
    else this.sortBy(name, state.sort === name);
  },
  sortBy(name, descending) {
    const state = this.state();
    state.sort = name;
    state.descending = descending;
    for (const header of state.table.tHead.rows[0].cells) {
      if (name !== null && header.dataset.column === name) header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
    }
    this.reload("Sorting");
  },
  get someHidden() {
    return this.hiddenCount > 0;
  },
  get hiddenText() {
    return "Show " + plural(this.hiddenCount, "hidden column");
  },
  // The keyboard goes on at the next column, or at the one before where there is none.
  hide(name) {
    const state = this.state();
    const at = state.columns.indexOf(name);
    state.hidden.add(at);
    this.showColumns();
    const left = [...state.columns.keys()].filter((column) => !state.hidden.has(column));
    const next = left.find((column) => column > at) ?? left[left.length - 1];
    (next === undefined ? state.box : state.table.tHead.rows[0].cells[next + 1].querySelector(".grid-more")).focus();
  },
  showAll() {
    this.state().hidden.clear();
    this.showColumns();
    this.state().box.focus();
  },
  showColumns() {
    const state = this.state();
    this.hiddenCount = state.hidden.size;
    const columns = state.table.querySelectorAll("col");
    const heads = state.table.tHead.rows[0].cells;
    state.columns.forEach((_, at) => (columns[at + 1].hidden = heads[at + 1].hidden = state.hidden.has(at)));
    state.drawn.clear();
    this.render();
  },
}));
