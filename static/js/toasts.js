// Short messages, and the notification centre that keeps them.
import Alpine from "../vendor/alpine.js";
import { ago } from "./format.js";
import { said } from "./http.js";
import { recall, remember } from "./storage.js";

const ICONS = { good: "#i-check", warn: "#i-warn", bad: "#i-bad", info: "#i-info" };
const KEPT = 40;
let next = 0;

Alpine.store("toasts", []);
Alpine.store("notes", { items: recall("notes", []), seen: recall("notes-seen", 0) });

export function toast({ kind = "info", title, text = "", url = "", action = "Open", stay = 7000 }) {
  next += 1;
  const key = "toast-" + next;
  Alpine.store("toasts").push({ key, title, text, url, action, icon: ICONS[kind], className: "toast-" + kind });
  if (stay && kind !== "bad") setTimeout(() => dismiss(key), stay);
}

export function problemToast(title, problem) {
  toast({ kind: "bad", title, text: said(problem) });
}

function dismiss(key) {
  const list = Alpine.store("toasts");
  const index = list.findIndex((item) => item.key === key);
  if (index >= 0) list.splice(index, 1);
}

// Kept by key, so that two open pages that hear of the same thing keep it once.
export function notify({ key, kind = "info", title, text, url, at }) {
  const store = Alpine.store("notes");
  const stored = recall("notes", []);
  if (stored.some((note) => note.key === key)) return false;
  store.items = [{ key, kind, title, text, url, at }, ...stored].slice(0, KEPT);
  remember("notes", store.items);
  return true;
}

Alpine.data("toasts", () => ({
  get items() {
    return this.$store.toasts;
  },
  dismiss,
}));

Alpine.data("notifications", () => ({
  get notes() {
    return this.$store.notes.items.map((note) => ({ ...note, when: ago(note.at) }));
  },
  get some() {
    return this.$store.notes.items.length > 0;
  },
  get none() {
    return this.$store.notes.items.length === 0;
  },
  opened() {
    this.$store.notes.seen = Date.now() / 1000;
    remember("notes-seen", this.$store.notes.seen);
  },
  clear() {
    this.$store.notes.items = [];
    remember("notes", []);
  },
}));
