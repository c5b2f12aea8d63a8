// Which machine worked on which trial, and when.
import assert from "node:assert/strict";
import { test } from "node:test";
import { attemptOf, axisEnd, barsOf, drawnOf, fitted, keyOf, labelOf, machinesOf, rowsOf, usage } from "../../static/js/placement.js";

const FAMILIES = { ridge: "linear", lightgbm: "gradient boosting" };
const TITLES = { ridge: "Ridge", lightgbm: "LightGBM" };

function trial(number, worker, started, ended, values = {}) {
  return {
    id: "t" + number,
    number,
    algorithm: "ridge",
    status: "finished",
    score: 0.5,
    attempt: 1,
    worker_id: worker,
    worker_name: "box " + worker,
    started_seconds: started,
    elapsed_seconds: ended,
    error: null,
    ...values,
  };
}

function bars(trials, attempts = [], elapsed = 100) {
  return barsOf(new Map(trials.map((one) => [one.id, one])), attempts, FAMILIES, TITLES, elapsed);
}

test("both attempts of a trial are there, on the machines that made them", () => {
  const lost = attemptOf(trial(1, "a", 2, 8, { status: "queued" }));
  assert.equal(keyOf(lost), "t1 1");
  const found = bars([trial(1, "b", 10, 14, { attempt: 2 }), trial(2, "b", 0, 3, { algorithm: "lightgbm" })], [lost]);
  assert.deepEqual(found.map((one) => [one.number, one.attempt, one.name, one.start, one.end, one.state]), [
    [2, 1, "box b", 0, 3, "finished"],
    [1, 1, "box a", 2, 8, "lost"],
    [1, 2, "box b", 10, 14, "finished"],
  ]);
  assert.equal(labelOf(drawnOf([found[1]], 10)[0], "share"), "Ridge\ntrial 1 on box a, attempt 1\nfrom 2 s to 8 s\ntaken back, and tried again");
  assert.equal(labelOf(drawnOf([found[2]], 10)[0], "share"), "Ridge 0.5000\ntrial 1 on box b, attempt 2\nfrom 10 s to 14 s\nfinished");
  assert.deepEqual(rowsOf(found, "share")[1], [1, "Ridge", "box a", 1, "2 s", "8 s", "taken back, and tried again", ""]);
});

test("an attempt that was the last after all is there once", () => {
  const lost = attemptOf(trial(1, "a", 2, 8, { status: "queued" }));
  const found = bars([trial(1, "a", 2, 8, { status: "failed", error: "It took the machine down." })], [lost]);
  assert.deepEqual(found.map((one) => [one.state, one.error]), [["failed", "It took the machine down."]]);
});

test("what runs has the time of the run until now, and what waits or never began has no bar", () => {
  const running = trial(1, "a", 4, null, { status: "leased", score: null });
  const waiting = trial(2, "a", 1, 3, { status: "queued" });
  const never = trial(3, null, null, null, { status: "cancelled" });
  const old = trial(4, "a", undefined, 9);
  const found = bars([running, waiting, never, old], [], 9.5);
  assert.deepEqual(found.map((one) => [one.number, one.start, one.end, one.state]), [[1, 4, 9.5, "running"]]);
  assert.match(labelOf(drawnOf(found, 10)[0], "share"), /since 4 s\nrunning$/);
});

test("a machine has as many lanes as it had trials at once, and bars in one never overlap", () => {
  const machines = machinesOf(bars([trial(1, "a", 0, 5), trial(2, "a", 1, 3), trial(3, "b", 2, 9), trial(4, "a", 3, 4), trial(5, "a", 5, 6)]));
  assert.deepEqual(machines.map((one) => [one.name, one.lanes.map((lane) => lane.map((bar) => bar.number))]), [
    ["box a", [[1], [2, 4, 5]]],
    ["box b", [[3]]],
  ]);
});

test("bars too thin to be seen are drawn together, but never what runs or went wrong", () => {
  const trials = Array.from({ length: 100 }, (_, at) => trial(at + 1, "a", at, at + 0.9));
  trials[50].status = "failed";
  trials[50].error = "No memory";
  trials.push(trial(101, "a", 100, null, { status: "leased" }));
  const [machine] = machinesOf(bars(trials, [], 100.5));
  const drawn = drawnOf(machine.lanes[0], 1);
  assert.ok(drawn.length < 25, String(drawn.length));
  assert.equal(drawn.reduce((sum, one) => sum + one.bars.length, 0), 101);
  assert.deepEqual(drawn.filter((one) => one.wrong).map((one) => one.bars.map((bar) => bar.number)), [[51]]);
  assert.deepEqual(drawn.at(-1).bars.map((bar) => bar.number), [101]);
  assert.match(labelOf(drawn[0], "share"), /^8 short trials on box a\nRidge\nfrom 0 s to /);
  assert.match(labelOf(drawn.find((one) => one.wrong), "share"), /failed: No memory$/);
  // With room for them, each is its own.
  assert.equal(drawnOf(machine.lanes[0], 10).length, 101);
});

test("how busy the machines were leaves out the time before they came and after they were lost", () => {
  const lost = attemptOf(trial(1, "a", 0, 10, { status: "queued" }));
  const machines = machinesOf(bars([trial(1, "b", 10, 20, { attempt: 2 })], [lost]));
  assert.equal(usage(machines, { status: "completed", elapsed: 20 }), "2 machines, busy 100 % of the time");
  assert.equal(usage(machines, { status: "running", elapsed: 30 }), "2 machines, busy 67 % of the time so far");
  assert.equal(usage(machinesOf(bars([trial(1, "a", 0, 4), trial(2, "a", 0, 2)])), { status: "completed", elapsed: 4 }), "1 machine with 2 places, busy 75 % of the time");
  assert.equal(usage([], { status: "running", elapsed: 3 }), "");
});

test("the axis of a run that goes on is moved rarely, and not far ahead", () => {
  const ends = Array.from({ length: 300 }, (_, second) => axisEnd(second, 300));
  assert.ok(new Set(ends).size < 20);
  ends.forEach((end, second) => assert.ok(end >= second && end <= Math.max(10, 1.25 * second), String(second)));
  assert.equal(axisEnd(3, 5), 5);
  assert.equal(axisEnd(301, 300), 301);
});

test("a name is cut where it has no more room, and not by its letters", () => {
  const widthOf = (text) => [...text].reduce((sum, sign) => sum + (sign > "\u2fff" ? 2 : 1), 0);
  assert.equal(fitted("node-1.cluster.example", 22, widthOf), "node-1.cluster.example");
  assert.equal(fitted("node-1.cluster.example", 10, widthOf), "node-1");
  assert.equal(fitted("漢".repeat(18), 20, widthOf), "漢".repeat(9) + "…");
  assert.equal(fitted("x".repeat(18), 10, widthOf), "x".repeat(9) + "…");
  assert.equal(fitted("👩‍👩‍👧‍👦".repeat(9), 30, widthOf).replaceAll("👩‍👩‍👧‍👦", ""), "…");
});
