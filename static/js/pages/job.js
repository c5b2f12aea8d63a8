// The live monitor of one run. The server has written its state; from there the live updates go on.
import Alpine from "../../vendor/alpine.js";
import { growChart, mountCharts, updateChart } from "../charts.js";
import "../charts/placement.js";
import "../charts/trials.js";
import "../delete.js";
import { dataOf, h, slide, throttle } from "../dom.js";
import { duration, number, plural, score, seconds } from "../format.js";
import { headline, titleOf } from "../headline.js";
import { fragment, post } from "../http.js";
import { subscribe, watchConnection } from "../live.js";
import { attemptOf, axisEnd, barsOf, keyOf, machinesOf, MOST_LANES, rowsOf, usage } from "../placement.js";
import { endOf, limitsOf, pointsOf, stepsOf } from "../progress.js";
import { hasEnded } from "../status.js";
import { swapper } from "../swap.js";
import { problemToast } from "../toasts.js";

// Trials in training that are listed; the chart has all of them.
const SHOWN_WORKING = 12;
// Milliseconds between two drawings of what runs.
const EVERY = 1000;

// Nothing in a chart is Alpine's, and looking through thousands of new marks would take it longer than drawing them.
function draw(figure, spec, rows) {
  Alpine.mutateDom(() => updateChart(figure, spec, rows));
}

function clock(time) {
  return new Date(seconds(time) * 1000).toLocaleTimeString([], { hour12: false });
}

Alpine.data("monitor", () => ({
  job: {},
  metric: {},
  bestName: "",
  elapsed: 0,
  now: 0,
  lost: false,
  working: 0,
  failed: 0,
  init() {
    const setup = dataOf(this.$root, "monitor");
    const trials = new Map(setup.trials.map((trial) => [trial.id, trial]));
    const figure = this.$root.querySelector("#progress-chart");
    const { families, titles, champions, metrics, log } = setup;
    const attempts = new Map(setup.attempts.map((attempt) => [keyOf(attempt), attempt]));
    const placement = this.$root.querySelector("#placement-chart");
    const state = { trials, attempts, families, titles, figure, placement, champions, metrics, logged: log };
    this.state = () => state;
    this.job = setup.job;
    this.metric = setup.metric;
    this.bestName = setup.best_name;
    this.heard = performance.now();
    this.drawSoon = throttle(400, () => this.drawChart());
    this.placeSoon = throttle(EVERY, () => this.drawPlacement());
    // A name that is being typed in the head would be saved half done.
    const isNamed = () => document.querySelector("#job-head .rename-form:not([hidden])") !== null;
    const head = swapper(isNamed, () => fragment(location.pathname, "job-head"), (next) => this.showHead(next));
    this.head = () => head;
    this.$root.addEventListener("rename-closed", () => this.keepTrying(head.resume));
    this.boardSoon = throttle(700, () => this.refreshBoard());
    mountCharts();
    this.drawChart();
    this.drawPlacement();
    this.showWorking();
    this.scrollLog();
    subscribe("job:" + this.job.id, (message) => this.receive(message));
    watchConnection((connection) => (this.lost = connection === "lost"));
    setInterval(() => this.tick(), 250);
    // What runs grows. Nobody sees it grow in a page that is not shown.
    setInterval(() => this.working && !document.hidden && this.growPlacement(), EVERY);
  },

  // What is read
  get running() {
    return !hasEnded(this.job.status);
  },
  get liveClass() {
    return this.job.status === "running" ? "live-running" : "";
  },
  get metricTitle() {
    return titleOf(this.job, this.metric);
  },
  get bestText() {
    return headline(this.job, this.metric).value;
  },
  get rangeText() {
    return headline(this.job, this.metric).range;
  },
  get constantText() {
    return headline(this.job, this.metric).constant;
  },
  get finishedText() {
    return number(this.job.trials_finished);
  },
  get elapsedText() {
    return duration(this.running ? Math.floor(this.elapsed) : this.job.elapsed_seconds);
  },
  get budgetText() {
    return duration(this.job.time_budget_seconds);
  },
  get progress() {
    if (this.job.status !== "running") return this.job.progress;
    return Math.min(99.5, (100 * this.elapsed) / this.job.time_budget_seconds);
  },
  get message() {
    return this.job.message;
  },
  get hasBest() {
    return Boolean(this.job.best_model_id);
  },
  get nobodyWorks() {
    return this.working === 0;
  },
  get idleText() {
    return hasEnded(this.job.status) ? "Nothing: the run has ended." : "Waiting for the next trial.";
  },
  get failedText() {
    return this.failed ? plural(this.failed, "failed trial") : "";
  },

  // Between two updates the clock goes on by itself.
  tick() {
    const since = this.job.status === "running" ? (performance.now() - this.heard) / 1000 : 0;
    this.elapsed = Math.min(this.job.elapsed_seconds + since, Math.max(this.job.time_budget_seconds, this.job.elapsed_seconds));
  },
  receive(message) {
    if (message.type === "job_update") this.updateJob(message.data.job);
    else if (message.type === "trial_update") this.updateTrial(message.data.trial, message.at);
    else if (message.type === "champion") this.champion(message.data, message.at);
    else if (message.type === "log") this.log(message.data.level, message.data.message, message.at);
  },
  updateJob(job) {
    const before = this.job;
    this.job = { ...before, ...job };
    this.heard = performance.now();
    this.tick();
    if (job.metric && job.metric !== before.metric) {
      this.metric = this.state().metrics[job.metric] || this.metric;
      this.drawSoon();
    }
    const changed = job.status !== before.status || job.metric !== before.metric;
    if (changed || Boolean(job.best_model_id) !== Boolean(before.best_model_id)) this.refreshHead();
    if (hasEnded(job.status)) {
      this.placeSoon();
      this.boardSoon();
      this.drawSoon();
    }
  },
  updateTrial(trial, at) {
    const state = this.state();
    const known = state.trials.get(trial.id);
    // Live updates carry no number: trials arrive in the order in which they were asked for.
    state.trials.set(trial.id, { number: state.trials.size + 1, ...known, ...trial });
    const title = state.titles[trial.algorithm] || trial.algorithm;
    if (trial.status === "queued" && trial.attempt > 0) {
      const attempt = attemptOf(trial);
      state.attempts.set(keyOf(attempt), attempt);
    }
    if (trial.status !== known?.status) {
      this.placeSoon();
      if (trial.status === "finished") this.log("good", title + " finished: " + score(trial.score, this.metric.format) + " in " + duration(trial.fit_seconds), at);
      else if (trial.status === "failed") this.log("bad", title + " failed: " + trial.error, at);
      else if (trial.status === "cancelled" && trial.error) this.log("quiet", title + ": " + trial.error[0].toLowerCase() + trial.error.slice(1), at);
      this.boardSoon();
      this.drawSoon();
    }
    this.showWorking();
  },
  champion(data, at) {
    const title = this.state().titles[data.algorithm] || data.algorithm;
    this.bestName = title;
    const first = !this.job.best_model_id;
    // What to expect of it comes with the update of the run: this score is the one in testing.
    this.job = { ...this.job, best_model_id: data.model_id };
    if (first) this.refreshHead();
    this.state().champions.push(data);
    this.drawSoon();
    this.log("best", "New best: " + title + ", " + score(data.score, this.metric.format) + " in testing", at);
    this.boardSoon();
  },

  drawChart() {
    const { trials, families, titles, figure, champions } = this.state();
    const all = [...trials.values()];
    const points = pointsOf(all, families, titles);
    const steps = stepsOf(points, champions, titles, trials);
    const end = endOf(this.job, points, steps);
    const limits = limitsOf(points, steps, this.metric.greater);
    const names = [...new Set(Object.values(families))].filter((name) => name !== "ensemble");
    const empty = this.running ? "The first trial is on its way." : "No trial was finished.";
    const rows = () => points.map((point) => [point.number, point.title, score(point.score, this.metric.format), duration(point.seconds), duration(point.x)]);
    const until = this.running ? Math.max(0, ...points.map((point) => point.x), ...steps.map((step) => step.x)) : end;
    draw(figure, { points, steps, until, limits, families: names, metric: this.metric, end, empty }, rows);
    this.failed = all.filter((trial) => trial.status === "failed").length;
  },

  drawPlacement() {
    const { trials, attempts, families, titles, placement } = this.state();
    const elapsed = this.running ? this.elapsed : this.job.elapsed_seconds;
    const bars = barsOf(trials, [...attempts.values()], families, titles, elapsed);
    const machines = machinesOf(bars);
    const caption = placement.querySelector(".chart-caption");
    caption.dataset.written ??= caption.textContent;
    caption.textContent = [usage(machines, { status: this.job.status, elapsed }), caption.dataset.written].filter(Boolean).join(". ");
    const names = [...new Set(Object.values(families))].filter((name) => name !== "ensemble");
    const last = bars.reduce((most, one) => Math.max(most, one.end), elapsed);
    const end = this.running ? axisEnd(last, this.job.time_budget_seconds) : Math.max(1, last);
    this.state().placementEnd = end;
    const empty = this.running ? "The first trial is on its way." : "No trial was begun.";
    draw(placement, { machines, end, families: names, format: this.metric.format, most: MOST_LANES, empty }, () => rowsOf(bars, this.metric.format));
  },

  growPlacement() {
    const { placement, placementEnd } = this.state();
    if (this.elapsed > placementEnd) this.placeSoon();
    else growChart(placement, this.elapsed);
  },

  showWorking() {
    const { trials, titles } = this.state();
    const list = this.$root.querySelector(".working");
    const busy = hasEnded(this.job.status) ? [] : [...trials.values()].filter((trial) => trial.status === "leased");
    this.working = busy.length;
    const more = busy.length > SHOWN_WORKING ? [h("li", { class: "muted small" }, "and " + plural(busy.length - SHOWN_WORKING, "other trial"))] : [];
    list.replaceChildren(
      ...busy.slice(0, SHOWN_WORKING).map((trial) =>
        h(
          "li",
          {},
          h("span", { class: "pulse" }),
          h(
            "div",
            {},
            h("strong", {}, titles[trial.algorithm] || trial.algorithm),
            h("p", { class: "muted small" }, "trial " + trial.number + " on " + (trial.worker_name || "this server")),
          ),
          h("span", { class: "number small muted" }, trial.fold_scores.length ? plural(trial.fold_scores.length, "fold") + " done" : "starting"),
        ),
      ),
      ...more,
    );
  },

  log(level, text, at) {
    const list = this.$root.querySelector(".log");
    const box = list.parentNode;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    list.append(h("li", { class: "log-" + level }, h("time", {}, clock(at)), h("span", {}, text)));
    this.shortenLog(list);
    if (atEnd) this.scrollLog();
  },
  // Of very many lines the first and the last stay, with one that stands for the others.
  shortenLog(list) {
    const { most, first } = this.state().logged;
    while (list.children.length > most + 1) {
      let gap = list.querySelector("[data-left-out]");
      if (!gap) {
        gap = h("li", { class: "log-quiet", "data-left-out": "0" }, list.children[first].querySelector("time").cloneNode(true), h("span"));
        list.children[first].before(gap);
      }
      gap.nextElementSibling.remove();
      gap.dataset.leftOut = String(Number(gap.dataset.leftOut) + 1);
      gap.querySelector("span").textContent = "… " + plural(Number(gap.dataset.leftOut), "line") + " left out";
    }
  },
  scrollLog() {
    const list = this.$root.querySelector(".log");
    for (const time of list.querySelectorAll("time[datetime]")) time.textContent = clock(time.dateTime);
    list.parentNode.scrollTop = list.parentNode.scrollHeight;
  },

  // Parts of the page that the server writes: fetched again, and swapped in without losing the keyboard's place.
  async refreshBoard() {
    try {
      const next = await fragment(location.pathname + "?part=leaderboard", "leaderboard");
      const old = document.getElementById("leaderboard");
      const oldList = old.querySelector("ol");
      const nextList = next.querySelector("ol");
      if (!oldList || !nextList) {
        old.replaceWith(next);
        return;
      }
      const focused = document.activeElement.closest?.("[data-model]")?.dataset.model;
      slide(() => oldList, "model", () => oldList.replaceChildren(...nextList.children));
      if (focused) oldList.querySelector("[data-model='" + CSS.escape(focused) + "'] a")?.focus({ preventScroll: true });
      old.querySelector(".board-more")?.remove();
      const more = next.querySelector(".board-more");
      if (more) old.append(more);
    } catch {
      // The next update tries again.
    }
  },
  refreshHead() {
    this.keepTrying(this.head().refresh);
  },
  showHead(next) {
    const head = document.getElementById("job-head");
    const focused = head.contains(document.activeElement) ? document.activeElement.id : null;
    head.replaceWith(next);
    if (focused === null) return;
    // A button shows as soon as Alpine has seen it.
    this.$nextTick(() => (document.getElementById(focused) ?? document.getElementById("main")).focus({ preventScroll: true }));
  },
  async keepTrying(work) {
    try {
      await work();
    } catch {
      // The next update tries again.
    }
  },

  async stop() {
    try {
      this.updateJob(await post("/api/training/" + this.job.id + "/cancel"));
      this.refreshHead();
    } catch (problem) {
      problemToast("The run could not be stopped", problem);
    }
  },
  askExtend() {
    this.$root.querySelector("#extend-dialog").showModal();
  },
  closeExtend() {
    this.$root.querySelector("#extend-dialog").close();
  },
  async extend(event) {
    const budget = Number(event.currentTarget.dataset.seconds);
    this.closeExtend();
    try {
      this.updateJob(await post("/api/training/" + this.job.id + "/extend", { time_budget_seconds: budget }));
    } catch (problem) {
      problemToast("The run could not go on", problem);
    }
  },
}));
