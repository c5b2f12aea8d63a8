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

function kept() {
  const found = recall(KEY, {});
  return found !== null && typeof found === "object" && !Array.isArray(found) ? found : {};
}

function stepsOf(found) {
  return Array.isArray(found) ? found.filter((step) => typeof step?.op === "string") : [];
}

function show(changed) {
  steps = changed;
  dispatchEvent(new Event("draft"));
}

function set(changed) {
  const others = Object.entries(kept()).filter(([id]) => id !== dataset);
  remember(KEY, Object.fromEntries([...(changed.length ? [[dataset, changed]] : []), ...others].slice(0, MOST)));
  show(changed);
}

// Go on with what was put together for this data set, and follow other tabs.
export function openDraft(id) {
  dataset = id;
  addEventListener("storage", (event) => event.key === KEY && show(stepsOf(kept()[dataset])));
  show(stepsOf(kept()[dataset]));
}

export function draft() {
  return steps;
}

export function addSteps(operations) {
  set([...steps, ...operations]);
}

// Where a step stands that stood at `at` when it was read; -1 where another tab has changed it or taken it out. Of
// equal ones it is the nearest.
export function placeOf(step, at) {
  const same = JSON.stringify(step);
  const places = [...steps.keys()].filter((place) => JSON.stringify(steps[place]) === same);
  return places.sort((a, b) => Math.abs(a - at) - Math.abs(b - at))[0] ?? -1;
}

// Put `operation` in the place of a step that stood at `at`. Where that step is gone, `operation` is added behind the
// others, and false is returned.
export function replaceStep(step, at, operation) {
  const place = placeOf(step, at);
  if (place < 0) addSteps([operation]);
  else set(steps.map((other, index) => (index === place ? operation : other)));
  return place >= 0;
}

export function removeStep(at) {
  set(steps.filter((_, index) => index !== at));
}

export function moveStep(at, to) {
  const changed = [...steps];
  changed.splice(to, 0, ...changed.splice(at, 1));
  set(changed);
}

// They have become a version. What another tab has added meanwhile stays.
export function clearDraft(applied) {
  const gone = applied.map((step) => JSON.stringify(step));
  const stays = (step) => {
    const at = gone.indexOf(JSON.stringify(step));
    if (at >= 0) gone.splice(at, 1);
    return at < 0;
  };
  set(stepsOf(kept()[dataset]).filter(stays));
}
