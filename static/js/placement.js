// Which machine worked on which trial, and when: bars in lanes, by machine. Everything is in seconds of the run, as they
// were stored; only what runs now grows.
import { duration, plural, score } from "./format.js";
import { hasEnded } from "./status.js";

// Bars that would be narrower are drawn together, until they are that wide.
const THINNEST = 3;
const TOGETHER = 8;
// More lanes than these are no picture; the table has them all.
export const MOST_LANES = 300;

// One that was taken away from its machine, or whose report was not used; the trial goes on elsewhere.
export function attemptOf(trial) {
  const { id, attempt, worker_id, worker_name, started_seconds, elapsed_seconds, error } = trial;
  return { trial_id: id, attempt, worker_id, worker_name, started_seconds, ended_seconds: elapsed_seconds, error };
}

export function keyOf(attempt) {
  return attempt.trial_id + " " + attempt.attempt;
}

function bar(trial, work, state, families, titles) {
  return {
    key: keyOf(work),
    number: trial.number,
    title: titles[trial.algorithm] || trial.algorithm,
    family: families[trial.algorithm] || trial.algorithm,
    worker: work.worker_id || work.worker_name || "",
    name: work.worker_name || "this server",
    attempt: work.attempt,
    start: Math.max(0, work.started_seconds),
    end: Math.max(work.started_seconds, work.ended_seconds, 0),
    state,
    score: state === "finished" ? trial.score : null,
    error: work.error,
  };
}

// One bar an attempt, in the order in which they began. `trials` and `attempts` (earlier ones) are as they were stored,
// `elapsed` how many seconds the run has now.
export function barsOf(trials, attempts, families, titles, elapsed) {
  const bars = [];
  for (const attempt of attempts) {
    const trial = trials.get(attempt.trial_id);
    // One that was found to be the last when its machine did not come back is the trial's own.
    const isLast = trial && trial.status !== "queued" && trial.attempt === attempt.attempt;
    if (trial && !isLast && attempt.started_seconds !== null) bars.push(bar(trial, attempt, "lost", families, titles));
  }
  for (const trial of trials.values()) {
    if (typeof trial.started_seconds !== "number" || trial.status === "queued") continue;
    const running = trial.status === "leased";
    const work = { ...attemptOf(trial), ended_seconds: running ? elapsed : (trial.elapsed_seconds ?? trial.started_seconds) };
    bars.push(bar(trial, work, running ? "running" : trial.status, families, titles));
  }
  return bars.sort((a, b) => a.start - b.start || a.number - b.number || a.attempt - b.attempt);
}

// Where the axis of time ends while a run goes on: rarely moved, so that what has been drawn stays as it is, and never
// far ahead, so that the first trials of a long run are seen.
export function axisEnd(elapsed, budget) {
  let end = 10;
  while (end < elapsed) end *= 1.25;
  return Math.max(Math.min(end, budget), elapsed, 1);
}

// By machine, in the order in which they came: each has as many lanes as it had trials at once. A bar goes to the lane
// that has been free for longest, so that lanes are about what the machine's places are.
export function machinesOf(bars) {
  const machines = new Map();
  for (const one of bars) {
    const machine = machines.get(one.worker) ?? { worker: one.worker, name: one.name, lanes: [] };
    machines.set(one.worker, machine);
    machine.name = one.name;
    const free = machine.lanes.filter((lane) => lane[lane.length - 1].end <= one.start + 1e-6);
    const lane = free.sort((a, b) => a[a.length - 1].end - b[b.length - 1].end)[0];
    if (lane) lane.push(one);
    else machine.lanes.push([one]);
  }
  return [...machines.values()];
}

const WRONG = new Set(["lost", "failed"]);

// A lane as it is drawn where a second is `scale` points wide: bars, and blocks of bars that are too thin to be seen.
// What runs, and what went wrong, is never hidden among the others.
export function drawnOf(lane, scale) {
  const drawn = [];
  let block = null;
  for (const one of lane) {
    const wrong = WRONG.has(one.state);
    const thin = one.state !== "running" && (one.end - one.start) * scale < THINNEST;
    const joins = thin && block && block.wrong === wrong && (one.start - block.end) * scale < THINNEST && (one.end - block.start) * scale < TOGETHER;
    if (joins) {
      block.bars.push(one);
      block.end = one.end;
    } else {
      const next = { start: one.start, end: one.end, wrong, bars: [one] };
      drawn.push(next);
      block = thin ? next : null;
    }
  }
  return drawn;
}

const ENDS = { running: "running", finished: "finished", pruned: "given up early", cancelled: "stopped", failed: "failed", lost: "taken back, and tried again" };

export function endOf(one) {
  return ENDS[one.state] + (one.error && one.state !== "finished" ? ": " + one.error : "");
}

// What a drawn bar or block says of itself; its first line is what it is.
export function labelOf({ start, end, bars }, format) {
  if (bars.length > 1) {
    const wrong = bars.filter((one) => WRONG.has(one.state)).length;
    const titles = [...new Set(bars.map((one) => one.title))];
    const named = titles.slice(0, 3).join(", ") + (titles.length > 3 ? " and others" : "");
    return [plural(bars.length, "short trial") + " on " + bars[0].name, named, "from " + duration(start) + " to " + duration(end), wrong ? wrong + " failed or taken back" : ""].filter(Boolean).join("\n");
  }
  const [one] = bars;
  return [
    one.title + (one.score === null ? "" : " " + score(one.score, format)),
    "trial " + one.number + " on " + one.name + (one.attempt > 1 || one.state === "lost" ? ", attempt " + one.attempt : ""),
    one.state === "running" ? "since " + duration(start) : "from " + duration(start) + " to " + duration(end),
    endOf(one),
  ].join("\n");
}

// How well the machines were used, in a sentence. A place counts from its machine's first trial on, and of a machine
// whose last trial was taken back until then.
export function usage(machines, job) {
  if (!machines.length) return "";
  const until = job.elapsed;
  let busy = 0;
  let there = 0;
  for (const { lanes } of machines) {
    const all = lanes.flat();
    const first = Math.min(...all.map((one) => one.start));
    const last = all.reduce((a, b) => (b.end >= a.end ? b : a));
    const gone = last.state === "lost" ? last.end : Math.max(until, last.end);
    busy += all.reduce((sum, one) => sum + one.end - one.start, 0);
    there += (gone - first) * lanes.length;
  }
  const places = machines.reduce((sum, machine) => sum + machine.lanes.length, 0);
  const who = plural(machines.length, "machine") + (places > machines.length ? " with " + plural(places, "place") : "");
  if (there <= 0) return who;
  return who + ", busy " + Math.min(100, Math.round((100 * busy) / there)) + " % of the time" + (hasEnded(job.status) ? "" : " so far");
}

export function rowsOf(bars, format) {
  return bars.map((one) => [one.number, one.title, one.name, one.attempt, duration(one.start), one.state === "running" ? "" : duration(one.end), endOf(one), one.score === null ? "" : score(one.score, format)]);
}

// As much of a machine's name as has room: a machine is known by its own name, the domain behind it is in the label of
// its bars. `widthOf` measures a text.
export function fitted(name, room, widthOf) {
  if (widthOf(name) <= room) return name;
  const own = name.split(".")[0] || name;
  if (widthOf(own) <= room) return own;
  // Never in the middle of what is read as one sign.
  const signs = [...new Intl.Segmenter().segment(own)].map((one) => one.segment);
  let fits = 0;
  let tooMany = signs.length;
  while (tooMany - fits > 1) {
    const half = Math.floor((fits + tooMany) / 2);
    if (widthOf(signs.slice(0, half).join("") + "…") <= room) fits = half;
    else tooMany = half;
  }
  return signs.slice(0, fits).join("") + "…";
}
