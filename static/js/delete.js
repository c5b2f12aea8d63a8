// Deleting a data set, a run or a worker, after its word was typed: any button with `data-delete` opens the page's one dialog.
import Alpine from "../vendor/alpine.js";
import { dataOf } from "./dom.js";
import { call, said } from "./http.js";
import { addressOf, nameOf } from "./names.js";

Alpine.data("deleteDialog", () => ({
  title: "",
  note: "",
  confirmation: "",
  problem: "",
  init() {
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-delete]");
      if (button) this.ask(dataOf(button, "delete"));
    });
  },
  get unconfirmed() {
    return this.confirmation.trim().toLowerCase() !== "delete";
  },
  ask(thing) {
    this.thing = thing;
    this.title = "Delete " + nameOf(document, thing.kind, thing.id) + "?";
    this.note = thing.note;
    this.confirmation = "";
    this.problem = "";
    this.$root.showModal();
  },
  keep() {
    this.$root.close();
  },
  async remove(event) {
    event.preventDefault();
    if (this.unconfirmed) return;
    try {
      await call("DELETE", addressOf(this.thing.kind, this.thing.id));
      location.assign(this.thing.next);
    } catch (problem) {
      this.problem = said(problem);
    }
  },
}));
