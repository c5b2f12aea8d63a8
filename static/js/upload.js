// Adding a table: chosen, dropped anywhere on the page, or one of the samples; with progress and cancel.
import Alpine from "../vendor/alpine.js";
import { bytes } from "./format.js";
import { upload } from "./http.js";

Alpine.store("drop", { over: false });

const zones = [];
let depth = 0;
let wished = 0;

function hasFiles(event) {
  return event.dataTransfer && [...event.dataTransfer.types].includes("Files");
}

function leave() {
  depth = 0;
  Alpine.store("drop").over = false;
}

addEventListener("dragenter", (event) => {
  if (!hasFiles(event)) return;
  depth += 1;
  Alpine.store("drop").over = true;
});
addEventListener("dragleave", () => {
  depth -= 1;
  if (depth <= 0) leave();
});
addEventListener("dragover", (event) => {
  if (hasFiles(event)) event.preventDefault();
});
addEventListener("drop", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  leave();
  if (event.dataTransfer.files.length && zones.length) zones[0].send(event.dataTransfer.files[0]);
});

Alpine.data("dropVeil", () => ({
  get visible() {
    return this.$store.drop.over;
  },
}));

Alpine.data("uploader", () => ({
  filename: "",
  percent: 0,
  progressText: "",
  busy: false,
  problem: "",
  hint: "",
  cancelUpload: null,
  init() {
    zones.push(this);
  },
  get idle() {
    return !this.busy;
  },
  get dropClass() {
    return this.$store.drop.over ? "drop-over" : "";
  },
  chosen(event) {
    const file = event.target.files[0];
    if (file) this.send(file);
    event.target.value = "";
  },
  async sample(event) {
    const { sample, name } = event.currentTarget.dataset;
    this.reset();
    this.begin(name);
    const response = await fetch(sample);
    const content = await response.blob();
    if (this.busy) this.send(new File([content], name, { type: "text/csv" }));
  },
  async send(file) {
    const limit = Number(this.$root.dataset.limit);
    this.reset();
    if (file.size > limit) {
      this.problem = file.name + " is " + bytes(file.size) + ", and this server takes files up to " + bytes(limit) + ".";
      this.hint = "Save it as Parquet, which is smaller, or raise FLOWML_MAX_UPLOAD_MB.";
      this.focus("input[type=file]");
      return;
    }
    this.begin(file.name);
    this.progressText = "0 of " + bytes(file.size);
    const form = new FormData();
    form.append("file", file, file.name);
    const { answer, cancel } = upload("/api/datasets/upload", form, (loaded, total) => {
      this.percent = Math.min(99, (100 * loaded) / total);
      this.progressText = loaded < total ? bytes(loaded) + " of " + bytes(total) : "arrived; reading the table…";
    });
    this.cancelUpload = cancel;
    try {
      const dataset = await answer;
      this.percent = 100;
      location.assign("/datasets/" + dataset.id);
    } catch (error) {
      this.busy = false;
      if (error.name === "AbortError") return;
      this.problem = error.message;
      this.hint = error.hint;
      this.focus("input[type=file]");
    }
  },
  begin(name) {
    this.busy = true;
    this.filename = name;
    this.percent = 0;
    this.progressText = "";
    this.focus(".drop-busy button");
  },
  cancel() {
    if (this.cancelUpload) this.cancelUpload();
    this.busy = false;
    this.focus("input[type=file]");
  },
  dismiss() {
    this.reset();
    this.focus("input[type=file]");
  },
  // What had the keyboard's focus may have gone: it goes on where the next step is, once that is on show.
  focus(selector) {
    const target = this.$root.querySelector(selector);
    const wish = (wished += 1);
    let tries = 60;
    const attempt = () => {
      if (wish !== wished) return;
      target.focus();
      // Alpine shows a moment later than it says so, and what is hidden cannot be focused.
      if (document.activeElement !== target && (tries -= 1) > 0) requestAnimationFrame(attempt);
    };
    this.$nextTick(attempt);
  },
  reset() {
    this.problem = "";
    this.hint = "";
    this.busy = false;
  },
}));

// Coming back to this page by the browser's own button: an upload that had led away is over.
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const zone of zones) zone.reset();
});
