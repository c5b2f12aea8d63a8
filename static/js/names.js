// Names of data sets, runs and workers: where one is called, and every place on the page that shows it.

const ADDRESSES = { dataset: "/api/datasets/", job: "/api/training/", worker: "/api/workers/" };

export function addressOf(kind, id) {
  return ADDRESSES[kind] + id;
}

// What somebody typed as another name; null where nothing is to change.
export function otherName(before, typed) {
  const name = typed.trim();
  return name === "" || name === before ? null : name;
}

function places(root, kind, id) {
  return root.querySelectorAll('[data-name-of="' + kind + ":" + id + '"]');
}

export function nameOf(root, kind, id) {
  return places(root, kind, id)[0].textContent.trim();
}

export function showName(root, kind, id, name) {
  for (const place of places(root, kind, id)) {
    place.textContent = name;
    if (place.tagName === "H1") root.title = name + " · FlowML";
  }
}
