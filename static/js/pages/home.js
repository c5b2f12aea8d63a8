// Home: uploads, the runs in progress, the machine's load.
import Alpine from "../../vendor/alpine.js";
import { dataOf } from "../dom.js";
import { bytes, duration, milliseconds, number } from "../format.js";
import { headline, titleOf } from "../headline.js";
import { get } from "../http.js";
import { subscribe } from "../live.js";
import { hasEnded, statusWord } from "../status.js";
import "../upload.js";

Alpine.data("runCard", () => ({
  progress: 0,
  message: "",
  scoreText: "",
  endedText: "",
  init() {
    this.metrics = dataOf(this.$root.closest("[data-metrics]"), "metrics");
    this.progress = this.$root.querySelector("progress").value;
    this.message = this.$root.querySelector("[x-text=message]").textContent;
    this.scoreText = this.$root.querySelector("[x-text=scoreText]").textContent;
    subscribe("job:" + this.$root.dataset.job, (message) => {
      if (message.type === "job_update") this.show(message.data.job);
    });
  },
  get running() {
    return this.endedText === "";
  },
  get ended() {
    return this.endedText !== "";
  },
  show(job) {
    this.progress = job.progress;
    this.message = job.message;
    const metric = this.metrics[job.metric];
    if (metric) this.scoreText = titleOf(job, metric) + " " + headline(job, metric).value;
    this.endedText = hasEnded(job.status) ? statusWord(job.status) : "";
  },
}));

Alpine.data("machine", () => ({
  stats: {},
  init() {
    this.stats = dataOf(this.$root, "stats");
    setInterval(() => this.refresh(), 3000);
  },
  async refresh() {
    if (document.hidden) return;
    try {
      this.stats = await get("/api/stats");
    } catch {
      // The last figures stay until the server answers again.
    }
  },
  get cpu() {
    return this.stats.cpu_percent;
  },
  get cpuText() {
    return Math.round(this.stats.cpu_percent) + " %";
  },
  get memory() {
    return this.stats.memory.used_bytes;
  },
  get memoryText() {
    return bytes(this.stats.memory.used_bytes) + " of " + bytes(this.stats.memory.total_bytes);
  },
  get uptime() {
    return duration(this.stats.uptime_seconds) + " up";
  },
  get models() {
    return number(this.stats.models);
  },
  get predictions() {
    return number(this.stats.predictions.total);
  },
  get latency() {
    return milliseconds(this.stats.predictions.p50_ms);
  },
}));
