// A file that is dropped and answered as a whole: sent, watched, and what came of it.
import Alpine from "../../vendor/alpine.js";
import { buildChart, mountCharts } from "../charts.js";
import "../charts/scored.js";
import { h } from "../dom.js";
import { bytes, number, percent } from "../format.js";
import { call, get, said, upload } from "../http.js";
import { recallHere, rememberHere } from "../storage.js";
import { cellTexts, columnsOf, doneWords, ended, fitWords, predictionsOf, predictionWords, progressOf, quietWords, truthWords } from "./scored.js";

const EVERY = 400;
const BADGES = { large: "badge-bad", some: "badge-warn", none: "badge-good" };
const FORMATS = { csv: "CSV", parquet: "Parquet", arrow: "Arrow", jsonl: "JSON Lines", xlsx: "Excel" };

const hasFiles = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");

Alpine.data("scoring", () => ({
  format: "csv",
  stage: "idle",
  over: false,
  filename: "",
  progress: "",
  share: null,
  problem: "",
  hint: "",
  id: "",
  stop: null,
  headline: "",
  fit: "",
  truth: "",
  quiet: "",
  columns: [],
  notes: [],
  hasRows: false,
  downloadText: "Download",
  // The file that was dropped, to have it answered in another format: gone when the page is loaded again.
  file: null,
  other: "",
  init() {
    addEventListener("dragover", (event) => {
      if (!hasFiles(event) || !this.idle) return;
      event.preventDefault();
      this.over = true;
    });
    addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) this.over = false;
    });
    addEventListener("drop", (event) => {
      this.over = false;
      if (!hasFiles(event) || !this.idle) return;
      event.preventDefault();
      // A file is a file wherever on the page it is dropped.
      document.getElementById("tab-file").click();
      this.send(event.dataTransfer.files[0]);
    });
    // One that this tab was watching when it was loaded again.
    const watched = recallHere(this.place);
    if (watched) this.watch(watched);
  },
  get place() {
    return "scoring-" + this.$root.dataset.model;
  },
  get idle() {
    return this.stage === "idle";
  },
  get busy() {
    return this.stage === "busy";
  },
  get done() {
    return this.stage === "done";
  },
  get dropClass() {
    return this.over ? "drop-over" : "";
  },
  get knowsShare() {
    return this.share !== null;
  },
  get knowsNoShare() {
    return this.share === null;
  },
  get download() {
    return "/api/results/scoring/" + this.id + "/download";
  },
  get hasFile() {
    return this.file !== null;
  },
  chosen(event) {
    const file = event.target.files[0];
    event.target.value = "";
    if (file) this.send(file);
  },
  begin(name) {
    this.stage = "busy";
    this.filename = name;
    this.progress = "";
    this.share = 0;
    this.problem = "";
    this.hint = "";
  },
  fail(problem) {
    rememberHere(this.place, null);
    this.stage = "idle";
    this.problem = problem.message ?? problem.detail;
    this.hint = problem.hint ?? "";
  },
  async send(file) {
    const limit = Number(this.$root.dataset.limit);
    if (file.size > limit) {
      this.fail({ detail: file.name + " is " + bytes(file.size) + ", and this server takes files up to " + bytes(limit) + ".", hint: "flowml predict takes files of any size." });
      return;
    }
    this.file = Alpine.raw(file);
    this.begin(file.name);
    const form = new FormData();
    form.append("file", file, file.name);
    const url = "/api/results/model/" + encodeURIComponent(this.$root.dataset.model) + "/predict-file?wait=false&format=" + this.format;
    const { answer, cancel } = upload(url, form, (sent, total) => {
      this.share = sent < total ? sent / total : null;
      this.progress = sent < total ? "Sending: " + bytes(sent) + " of " + bytes(total) : "It has arrived";
    });
    this.stop = cancel;
    try {
      const { id } = await answer;
      this.stop = null;
      if (!this.busy) {
        await call("DELETE", "/api/results/scoring/" + id);
        return;
      }
      rememberHere(this.place, id);
      await this.watch(id);
    } catch (problem) {
      if (problem.name !== "AbortError") this.fail(problem);
    }
  },
  async watch(id) {
    this.id = id;
    this.stage = "busy";
    try {
      for (;;) {
        const scoring = await get("/api/results/scoring/" + id);
        if (this.id !== id || !this.busy) return;
        this.filename = scoring.filename;
        if (ended(scoring)) {
          await this.end(scoring);
          return;
        }
        const { text, share } = progressOf(scoring);
        this.progress = text;
        this.share = share;
        await new Promise((resolve) => setTimeout(resolve, EVERY));
      }
    } catch (problem) {
      this.fail(problem.status === 404 ? { detail: "The answers of that file are kept for an hour, and are gone.", hint: "Drop it again." } : problem);
    }
  },
  async cancel() {
    const { id, stop } = this;
    this.id = "";
    this.stage = "idle";
    rememberHere(this.place, null);
    if (stop) stop();
    else if (id) {
      try {
        await call("DELETE", "/api/results/scoring/" + id);
      } catch (problem) {
        this.problem = said(problem);
      }
    }
  },
  again() {
    rememberHere(this.place, null);
    this.id = "";
    this.file = null;
    this.stage = "idle";
    this.$nextTick(() => this.$root.querySelector("input[type=file]").focus());
  },
  async end(scoring) {
    if (scoring.status !== "finished") {
      this.fail(scoring.problem ?? { detail: "The work on this file was ended.", hint: "" });
      return;
    }
    const { summary } = scoring;
    const { shown, quiet } = columnsOf(summary);
    this.columns = shown.map((column) => ({ ...column, badge: BADGES[column.drift] ?? "" }));
    this.quiet = quietWords(shown.length, quiet, summary);
    this.notes = [...new Set(scoring.notes)];
    this.headline = doneWords(scoring);
    this.fit = fitWords(summary);
    this.truth = truthWords(summary, this.$root.dataset.target);
    this.downloadText = "Download as " + FORMATS[scoring.format];
    this.other = "";
    this.stage = "done";
    this.draw(summary);
    this.showRows(scoring.first);
  },
  // The same file once more.
  answerAs() {
    if (!this.other) return;
    this.format = this.other;
    this.send(this.file);
  },
  draw(summary) {
    const { kind, bars } = predictionsOf(summary);
    const slot = this.$root.querySelector(".scored-chart");
    const target = this.$root.dataset.target;
    if (kind === "none") {
      slot.replaceChildren(h("p", { class: "muted" }, "The file has no rows."));
      return;
    }
    const ofClasses = kind === "classes";
    const rows = ofClasses
      ? bars.map((bar) => [bar.label, number(bar.rows), percent(bar.share, 1), bar.training === null ? "–" : percent(bar.training, 1)])
      : bars.map((bar) => [number(bar.low) + " to " + number(bar.high), percent(bar.share, 1)]);
    const columns = ofClasses ? ["Class", "Rows", "Share", "In training"] : ["Predicted", "Share"];
    slot.replaceChildren(buildChart({ kind: "scored-" + kind, title: "What is predicted", caption: predictionWords(summary, target), spec: { bars, target }, columns, rows }, "h2"));
    this.$nextTick(() => mountCharts(slot));
  },
  showRows(first) {
    this.hasRows = first !== null && first.rows.length > 0;
    if (!this.hasRows) return;
    const { names, rows } = cellTexts(first);
    const table = this.$root.querySelector(".scored-table");
    const head = h("thead", {}, h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name))));
    table.replaceChildren(head, h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((value) => h("td", {}, value))))));
  },
}));
