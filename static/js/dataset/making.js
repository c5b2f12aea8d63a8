// A version in the making outlives the page that asked for it, and the connection: what was asked for is remembered until
// the answer is there. Who asks for the same again finds the version, instead of making another one like it.
import { get, post } from "../http.js";
import { recall, remember } from "../storage.js";

const KEY = "making";
// Of so many data sets; the ones that were worked on last.
const MOST = 30;

function kept() {
  return Object.entries(recall(KEY, {}) ?? {});
}

function keep(dataset, asked) {
  const others = kept().filter(([id]) => id !== dataset);
  remember(KEY, Object.fromEntries([...(asked ? [[dataset, asked]] : []), ...others].slice(0, MOST)));
}

// The version that was asked for when nobody was there any more for the answer, as `dataset`, with the `steps` that it
// was asked for with; null where there is none. With `operations`, only if these were meant.
export async function madeMeanwhile(dataset, operations = null, signal = undefined) {
  const asked = new Map(kept()).get(dataset);
  const wanted = JSON.stringify(asked?.operations);
  if (!wanted || (operations && JSON.stringify(operations) !== wanted)) return null;
  const { children } = await get("/api/datasets/" + dataset + "/lineage", signal);
  const found = [...children].reverse().find((child) => JSON.stringify(child.steps.map((step) => step.operation)) === wanted);
  if (!found) return null;
  keep(dataset, null);
  return { dataset: found.dataset, steps: asked.steps };
}

// Make a new version by these steps, which its preview calls `operations`.
export async function makeVersion(dataset, steps, operations, signal = undefined) {
  const found = await madeMeanwhile(dataset, operations, signal);
  if (found) return found.dataset;
  keep(dataset, { steps, operations });
  try {
    const made = await post("/api/datasets/" + dataset + "/transform", { operations: steps, preview: false }, signal);
    keep(dataset, null);
    return made;
  } catch (problem) {
    // Whoever was refused knows that there is none.
    if (problem.status >= 400 && problem.status < 500) keep(dataset, null);
    throw problem;
  }
}
