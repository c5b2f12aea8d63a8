// The log as it comes. The server writes the lines, filtered; this asks for those behind the last one that it has.
import Alpine from "../../vendor/alpine.js";
import { copyText, debounce, throttle } from "../dom.js";
import { plural } from "../format.js";
import { fragment, said } from "../http.js";
import { subscribe, watchConnection } from "../live.js";
import { addressOf, textOf } from "../log-lines.js";

// More would make the page slow; older ones are asked for again.
const MOST = 3000;
const AT_ONCE = 500;
const NEAR = 24;

Alpine.data("logs", () => ({
  paused: false,
  unseen: 0,
  shown: 0,
  lost: false,
  filtered: false,
  problem: "",
  copyText: "Copy",
  init() {
    // `filter`: by which the lines are chosen that are shown; what is being typed is not that yet.
    const state = { after: Number(this.$root.dataset.after), asked: 0, busy: false, again: false, filter: "" };
    this.state = () => state;
    state.filter = this.filter().toString();
    this.settle();
    this.tailSoon = throttle(300, () => this.tail());
    this.applySoon = debounce(300, () => this.apply());
    subscribe("logs", this.tailSoon);
    watchConnection((connection) => {
      this.lost = connection === "lost";
      if (connection === "open") this.tailSoon();
    });
    document.addEventListener("visibilitychange", this.tailSoon);
    this.follows = true;
    this.toEnd();
  },

  // What is read
  get pauseText() {
    return this.paused ? "Go on" : "Pause";
  },
  get stateText() {
    if (this.problem) return this.problem;
    if (this.lost) return "The server does not answer. Trying again …";
    return plural(this.shown, "line") + (this.paused ? ", paused" : ", following");
  },
  get unseenText() {
    return plural(this.unseen, "new line");
  },
  get emptyTitle() {
    return this.filtered ? "No line matches" : "Nothing was said yet";
  },
  get emptyText() {
    return this.filtered ? "Choose another level or machine, or a shorter text." : "Lines appear here as this server and its workers say something.";
  },

  // What is done
  list() {
    return this.$refs.box.querySelector(".lines");
  },
  filter() {
    return addressOf(new FormData(this.$refs.filter));
  },
  // A part of the page, unless another filter has been chosen meanwhile.
  async lines(more) {
    const asked = this.state().asked;
    const query = new URLSearchParams(this.state().filter);
    query.set("part", "lines");
    for (const [name, value] of Object.entries(more)) query.set(name, value);
    try {
      const found = await fragment("/logs?" + query, "log-lines");
      this.problem = "";
      return asked === this.state().asked ? found : null;
    } catch (problem) {
      if (asked === this.state().asked) this.problem = this.lost ? "" : said(problem);
      return null;
    }
  },
  async tail() {
    const state = this.state();
    if (this.paused || document.hidden || (!this.follows && this.shown >= MOST)) return;
    if (state.busy) {
      state.again = true;
      return;
    }
    state.busy = true;
    const found = await this.lines({ after: state.after });
    state.busy = false;
    if (found) {
      const lines = [...found.children];
      this.list().append(...lines);
      if (this.follows) this.cut();
      else this.unseen += lines.length;
      this.settle();
      if (this.follows) this.toEnd();
      if (lines.length >= AT_ONCE) state.again = true;
    }
    if (state.again) {
      state.again = false;
      this.tailSoon();
    }
  },
  cut() {
    const list = this.list();
    const cut = list.children.length - MOST;
    for (let count = 0; count < cut; count++) list.firstElementChild.remove();
    if (cut > 0) this.$refs.older.hidden = false;
  },
  settle() {
    const last = this.list().lastElementChild;
    if (last) this.state().after = Math.max(Number(last.dataset.id), 0);
    this.shown = this.list().children.length;
    this.filtered = this.state().filter !== "";
    this.$refs.empty.hidden = this.shown > 0;
  },
  async apply() {
    const state = this.state();
    state.asked++;
    const query = this.filter();
    state.filter = query.toString();
    history.replaceState(null, "", "/logs" + (query.size ? "?" + query : ""));
    this.$refs.download.href = "/api/logs/download" + (query.size ? "?" + query : "");
    const found = await this.lines({});
    if (!found) return;
    // Lines that come from now on are behind all that there were.
    if (!found.children.length) state.after = 0;
    this.list().replaceWith(found);
    this.$refs.older.hidden = found.dataset.older === "0";
    this.unseen = 0;
    this.settle();
    this.toEnd();
  },
  async showOlder() {
    const list = this.list();
    const first = list.firstElementChild;
    if (!first) return;
    const found = await this.lines({ before: first.dataset.id });
    if (!found) return;
    const box = this.$refs.box;
    const below = box.scrollHeight - box.scrollTop;
    // What is looked at is not cut off again.
    this.follows = false;
    list.prepend(...found.children);
    const hadFocus = this.$refs.older.contains(document.activeElement);
    this.$refs.older.hidden = found.dataset.older === "0";
    if (hadFocus && this.$refs.older.hidden) box.focus({ preventScroll: true });
    this.settle();
    box.scrollTop = box.scrollHeight - below;
  },
  toggle() {
    this.paused = !this.paused;
    this.tailSoon();
  },
  scrolled() {
    const box = this.$refs.box;
    this.follows = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
    if (!this.follows) return;
    this.unseen = 0;
    this.tailSoon();
  },
  toEnd() {
    const box = this.$refs.box;
    box.scrollTop = box.scrollHeight;
    this.follows = true;
    this.unseen = 0;
  },
  async copy() {
    await copyText([...this.list().children].map(textOf).join("\n") + "\n");
    this.copyText = "Copied";
    setTimeout(() => (this.copyText = "Copy"), 1500);
  },
}));
