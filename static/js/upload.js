// Adding tables: chosen, dropped anywhere on the page, or one of the samples; with progress and cancel. Several files
// come one after another.
import Alpine from "../vendor/alpine.js";
import { bytes, plural } from "./format.js";
import { Problem, upload } from "./http.js";

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
  if (event.dataTransfer.files.length && zones.length) zones[0].send([...event.dataTransfer.files]);
});

Alpine.data("dropVeil", () => ({
  get visible() {
    return this.$store.drop.over;
  },
}));

Alpine.data("uploader", () => ({
  filename: "",
  percent: 0,
  sizeText: "",
  stage: "",
  place: "",
  problems: [],
  added: 0,
  cancelUpload: null,
  init() {
    zones.push(this);
  },
  get idle() {
    return this.stage === "";
  },
  get busy() {
    return this.stage !== "";
  },
  get sending() {
    return this.stage === "sending";
  },
  get reading() {
    return this.stage === "reading";
  },
  get stageText() {
    if (this.sending) return this.place + "Sending…";
    return this.reading ? this.place + "It has arrived and is being read…" : "";
  },
  get addedText() {
    return plural(this.added, "data set") + (this.added === 1 ? " was added." : " were added.");
  },
  get dropClass() {
    return this.$store.drop.over ? "drop-over" : "";
  },
  chosen(event) {
    const files = [...event.target.files];
    event.target.value = "";
    if (files.length) this.send(files);
  },
  async sample(event) {
    const { sample, name } = event.currentTarget.dataset;
    this.reset();
    this.begin(name);
    const response = await fetch(sample);
    const content = await response.blob();
    if (this.busy) this.send([new File([content], name, { type: "text/csv" })]);
  },
  // One file leads to its page, several to the list; what could not be read stays here with the reason.
  async send(files) {
    if (this.cancelUpload) return;
    this.reset();
    let last = null;
    for (const [at, file] of files.entries()) {
      this.place = files.length > 1 ? "File " + (at + 1) + " of " + files.length + ". " : "";
      try {
        last = await this.sendOne(file);
        this.added += 1;
      } catch (error) {
        if (error.name === "AbortError") break;
        this.problems.push({ key: at, text: (files.length > 1 ? file.name + ": " : "") + error.message, hint: error.hint });
      }
    }
    this.cancelUpload = null;
    if (!this.problems.length && this.added === files.length) {
      location.assign(files.length > 1 ? "/datasets" : "/datasets/" + last.id);
      return;
    }
    this.stage = "";
    this.focus("input[type=file]");
  },
  async sendOne(file) {
    const limit = Number(this.$root.dataset.limit);
    if (file.size > limit) {
      throw new Problem(413, {
        detail: file.name + " is " + bytes(file.size) + ", and this server takes files up to " + bytes(limit) + ".",
        hint: "Save it as Parquet, which is smaller, or raise FLOWML_MAX_UPLOAD_MB.",
      });
    }
    this.begin(file.name);
    this.sizeText = "0 of " + bytes(file.size);
    const form = new FormData();
    form.append("file", file, file.name);
    const { answer, cancel } = upload("/api/datasets/upload", form, (loaded, total) => {
      this.percent = (100 * loaded) / total;
      this.sizeText = loaded < total ? bytes(loaded) + " of " + bytes(total) : bytes(total);
      this.stage = loaded < total ? "sending" : "reading";
    });
    this.cancelUpload = cancel;
    return answer;
  },
  begin(name) {
    this.stage = "sending";
    this.filename = name;
    this.percent = 0;
    this.sizeText = "";
    this.focus(".drop-busy button");
  },
  cancel() {
    if (this.cancelUpload) this.cancelUpload();
    this.stage = "";
    this.focus("input[type=file]");
  },
  dismiss(key) {
    this.problems = this.problems.filter((problem) => problem.key !== key);
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
    this.problems = [];
    this.added = 0;
    this.stage = "";
    this.place = "";
    this.cancelUpload = null;
  },
}));

// Coming back to this page by the browser's own button: an upload that had led away is over.
addEventListener("pageshow", (event) => {
  if (event.persisted) for (const zone of zones) zone.reset();
});
