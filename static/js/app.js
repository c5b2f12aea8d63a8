// The frame around every page: theme, running jobs, notifications; palette and toasts come from their own files.
import Alpine from "../vendor/alpine.js";
import { dataOf } from "./dom.js";
import { ago } from "./format.js";
import { subscribe } from "./live.js";
import "./palette.js";
import "./rename.js";
import { hasEnded } from "./status.js";
import { notify, toast } from "./toasts.js";

const ENDINGS = {
  completed: ["good", "Training is done"],
  failed: ["bad", "Training failed"],
  cancelled: ["warn", "Training was stopped"],
};

Alpine.store("running", dataOf(document.body, "running"));

// What this page has told already: the server also writes the end of each run into its list of events.
const told = new Set();

// The job's own page shows what happens anyway; everywhere else a message says it.
function elsewhere(job) {
  return location.pathname !== "/jobs/" + job.id;
}

function follow(job) {
  subscribe("job:" + job.id, (message) => {
    if (message.type !== "job_update") return;
    const update = message.data.job;
    const list = Alpine.store("running");
    const index = list.findIndex((item) => item.id === update.id);
    if (!hasEnded(update.status)) {
      if (index >= 0) list[index].progress = update.progress;
      else list.push({ id: update.id, name: update.name, progress: update.progress });
      return;
    }
    if (index >= 0) list.splice(index, 1);
    told.add(update.name + ": " + update.status);
    const [kind, title] = ENDINGS[update.status];
    const url = update.best_model_id ? "/jobs/" + update.id + "/results" : "/jobs/" + update.id;
    const note = { key: "job-" + update.id + "-" + message.id, kind, title, text: update.name, url, at: message.at };
    if (notify(note) && elsewhere(update)) toast({ ...note, action: "See the results" });
  });
}

for (const job of Alpine.store("running")) follow(job);

subscribe("system", (message) => {
  if (message.type !== "system_event") return;
  const { level, title, detail } = message.data;
  if (told.has(title)) return;
  const kind = level === "error" ? "bad" : level === "warning" ? "warn" : "info";
  const note = { key: "event-" + message.id, kind, title, text: detail, url: "/jobs", at: message.at };
  if (notify(note) && kind !== "info") toast({ kind, title, text: detail });
});

Alpine.data("topbar", () => ({
  get hasRunning() {
    return this.$store.running.length > 0;
  },
  get runningUrl() {
    const list = this.$store.running;
    return list.length === 1 ? "/jobs/" + list[0].id : "/jobs";
  },
  get runningText() {
    const list = this.$store.running;
    if (list.length > 1) return list.length + " runs";
    return list.length ? Math.round(list[0].progress) + " %" : "";
  },
  get unread() {
    const notes = this.$store.notes;
    return notes.items.some((note) => new Date(note.at) / 1000 > notes.seen);
  },
  get bellLabel() {
    return this.unread ? "Notifications, some unread" : "Notifications";
  },
}));

Alpine.data("themes", () => ({
  theme: document.documentElement.dataset.theme || "system",
  init() {
    this.$watch("theme", (theme) => {
      if (theme === "system") delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = theme;
      try {
        if (theme === "system") localStorage.removeItem("theme");
        else localStorage.setItem("theme", theme);
      } catch {
        // The choice holds for this page only.
      }
      dispatchEvent(new Event("themechange"));
    });
  },
}));

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));

setInterval(() => {
  for (const element of document.querySelectorAll("time[data-ago]")) element.textContent = ago(element.dateTime);
}, 20000);
