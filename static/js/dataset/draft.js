// The steps that somebody is putting together; who shows them listens for "draft".
//
// They are kept in the browser, by data set: a reload, a restart of the server or a closed tab loses nothing, and two
// tabs of one table show the same ones. On the server they would be something that nobody has asked it to keep, and
// that everybody who opens the table would find half done.
import { recall, remember } from "../storage.js";

const KEY = "drafts";
// Of so many data sets; the ones that were worked on last.
const MOST = 30;

let dataset = "";
let steps = [];
let isKept = true;

function kept() {
  const found = recall(KEY, {});
  return found !== null && typeof found === "object" && !Array.isArray(found) ? found : {};
}

// What is kept counts, not what was shown last: another tab may have changed it while this one slept.
function current() {
  const found = kept()[dataset];
  return isKept && recall(KEY, null) !== null ? (Array.isArray(found) ? found.filter((step) => typeof step?.op === "string") : []) : steps;
}

function show(changed) {
  steps = changed;
  dispatchEvent(new Event("draft"));
}

function set(changed) {
  const others = Object.entries(kept()).filter(([id]) => id !== dataset);
  isKept = remember(KEY, Object.fromEntries([...(changed.length ? [[dataset, changed]] : []), ...others].slice(0, MOST)));
  show(changed);
}

// Go on with what was put together for this data set, and follow other tabs.
export function openDraft(id) {
  dataset = id;
  steps = [];
  isKept = true;
  addEventListener("storage", (event) => event.key === KEY && show(current()));
  show(current());
}

export function draft() {
  return steps;
}

export function addSteps(operations) {
  set([...current(), ...operations]);
}

function nearest(found, step, at) {
  const same = JSON.stringify(step);
  const places = [...found.keys()].filter((place) => JSON.stringify(found[place]) === same);
  return places.sort((a, b) => Math.abs(a - at) - Math.abs(b - at))[0] ?? -1;
}

// Where a step stands that stood at `at` when it was read; -1 where another tab has changed it or taken it out. Of
// equal ones it is the nearest.
export function placeOf(step, at) {
  return nearest(steps, step, at);
}

// Put `operation` in the place of a step that stood at `at`. Where that step is gone, `operation` is added behind the
// others, and false is returned.
export function replaceStep(step, at, operation) {
  const found = current();
  const place = nearest(found, step, at);
  set(place < 0 ? [...found, operation] : found.map((other, index) => (index === place ? operation : other)));
  return place >= 0;
}

// Change the step that is shown at `at`, if it is there still.
function change(at, work) {
  const changed = [...current()];
  const place = nearest(changed, steps[at], at);
  if (place < 0) return show(changed);
  const [step] = changed.splice(place, 1);
  set(work(changed, step));
}

export function removeStep(at) {
  change(at, (others) => others);
}

export function moveStep(at, to) {
  change(at, (others, step) => [...others.slice(0, to), step, ...others.slice(to)]);
}

// They have become a version. What another tab has added meanwhile stays.
export function clearDraft(applied) {
  const gone = applied.map((step) => JSON.stringify(step));
  const stays = (step) => {
    const at = gone.indexOf(JSON.stringify(step));
    if (at >= 0) gone.splice(at, 1);
    return at < 0;
  };
  set(current().filter(stays));
}
