// Making a part of the page what the server has written anew, without replacing what is still the same: so what is
// focused stays focused, what is scrolled stays where it is, and what is open stays open.

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.id : "";
}

// Whether a details is open is up to who reads it.
function isOwn(element, name) {
  return name === "open" && element.nodeName === "DETAILS";
}

function patchAttributes(old, next) {
  for (const name of old.getAttributeNames()) if (!next.hasAttribute(name) && !isOwn(old, name)) old.removeAttribute(name);
  for (const name of next.getAttributeNames()) {
    if (old.getAttribute(name) !== next.getAttribute(name) && !isOwn(old, name)) old.setAttribute(name, next.getAttribute(name));
  }
}

function patchChildren(old, next) {
  const known = new Map();
  for (const child of old.childNodes) if (keyOf(child)) known.set(keyOf(child), child);
  let at = old.firstChild;
  for (const child of [...next.childNodes]) {
    const key = keyOf(child);
    const match = key ? known.get(key) : at && !keyOf(at) && at;
    if (match && match.nodeName === child.nodeName) {
      known.delete(key);
      if (match === at) at = at.nextSibling;
      else old.insertBefore(match, at);
      patchNode(match, child);
    } else {
      old.insertBefore(child, at);
    }
  }
  while (at) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function patchNode(old, next) {
  if (old.isEqualNode(next)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.nodeValue = next.nodeValue;
    return;
  }
  patchAttributes(old, next);
  patchChildren(old, next);
}

// `old` becomes like `next`. Children with a `data-key` or an id are the same wherever they stand, others by their place.
// Where what was focused is gone, the part that it was in is focused, and else `old`.
export function patch(old, next) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  const around = [];
  for (let one = focused; one && one !== old; one = one.parentElement) around.push(one);
  patchNode(old, next);
  if (!focused || document.activeElement === focused) return;
  for (const one of around) {
    if (!one.isConnected) continue;
    one.focus({ preventScroll: true });
    if (document.activeElement === one) return;
  }
}
