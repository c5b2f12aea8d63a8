// The steps that somebody is putting together on this page; who shows them listens for "draft".

let steps = [];

function set(changed) {
  steps = changed;
  dispatchEvent(new Event("draft"));
}

export function draft() {
  return steps;
}

export function addSteps(operations) {
  set([...steps, ...operations]);
}

export function replaceStep(at, operation) {
  set(steps.map((step, index) => (index === at ? operation : step)));
}

export function removeStep(at) {
  set(steps.filter((_, index) => index !== at));
}

export function moveStep(at, to) {
  const changed = [...steps];
  changed.splice(to, 0, ...changed.splice(at, 1));
  set(changed);
}
