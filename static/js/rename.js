// A name that is changed where it stands: Enter or leaving the field saves it, Escape leaves it as it was. Every page
// that shows the name hears of it, in other tabs too. "rename-closed" tells the elements around that it is over.
import Alpine from "../vendor/alpine.js";
import { call, said } from "./http.js";
import { subscribe } from "./live.js";
import { addressOf, nameOf, otherName, showName } from "./names.js";

Alpine.data("rename", () => ({
  editing: false,
  typed: "",
  problem: "",
  init() {
    const closed = () => this.$root.dispatchEvent(new CustomEvent("rename-closed", { bubbles: true }));
    this.$watch("editing", (editing) => editing || this.$nextTick(closed));
  },
  get resting() {
    return !this.editing;
  },
  input() {
    return this.$root.querySelector("input");
  },
  edit() {
    const { kind, id } = this.$root.dataset;
    this.before = nameOf(document, kind, id);
    this.typed = this.before;
    this.problem = "";
    this.editing = true;
    this.$nextTick(() => this.input().select());
  },
  async submitted(event) {
    event.preventDefault();
    await this.save();
    this.back();
  },
  escaped(event) {
    event.stopPropagation();
    this.editing = false;
    this.back();
  },
  // Where the name was changed or kept by a key, the focus returns to the button.
  back() {
    if (!this.editing) this.$nextTick(() => this.$root.querySelector(".rename-button").focus());
  },
  async save() {
    if (!this.editing || this.saving) return;
    const { kind, id } = this.$root.dataset;
    const name = otherName(this.before, this.typed);
    this.saving = true;
    try {
      if (name !== null) showName(document, kind, id, (await call("PATCH", addressOf(kind, id), { name })).name);
      this.editing = false;
    } catch (problem) {
      this.problem = said(problem);
    } finally {
      this.saving = false;
    }
  },
}));

subscribe("system", (message) => {
  if (message.type !== "renamed") return;
  const { kind, id, name } = message.data;
  showName(document, kind, id, name);
  const running = Alpine.store("running").find((job) => kind === "job" && job.id === id);
  if (running) running.name = name;
});
