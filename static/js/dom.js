// Building and moving elements without ever writing markup from data.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function icon(name) {
  const stroke = { fill: "none", stroke: "currentColor", "stroke-width": "1.75", "stroke-linecap": "round", "stroke-linejoin": "round" };
  return s("svg", { ...stroke, "aria-hidden": "true" }, s("use", { href: "#i-" + name }));
}

// What the server put beside an element for its script: `data-NAME` as JSON.
export function dataOf(element, name) {
  return JSON.parse(element.dataset[name]);
}

// Change something, and let the children that moved slide to their new place (first, last, invert, play).
export function slide(container, key, change) {
  const before = new Map();
  for (const child of container().children) before.set(child.dataset[key], child.getBoundingClientRect().top);
  change();
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const child of container().children) {
    const old = before.get(child.dataset[key]);
    const timing = { duration: 420, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" };
    if (old === undefined) {
      if (before.size) child.animate([{ opacity: 0 }, { opacity: 1 }], timing);
      continue;
    }
    const moved = old - child.getBoundingClientRect().top;
    if (Math.abs(moved) > 1) child.animate([{ transform: "translateY(" + moved + "px)" }, { transform: "none" }], timing);
  }
}

export function debounce(wait, work) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...args), wait);
  };
}

// At most one run per `wait` milliseconds, and always one after the last call. Work that takes long comes more seldom: it
// has a small share of the time, and the page stays quick under people's hands.
const LONGEST_SHARE = 1 / 12;

export function throttle(wait, work) {
  let timer = 0;
  let last = 0;
  let took = 0;
  return () => {
    if (timer) return;
    const pause = Math.max(0, last + Math.max(wait, took / LONGEST_SHARE) - performance.now());
    timer = setTimeout(() => {
      timer = 0;
      last = performance.now();
      work();
      took = performance.now() - last;
    }, pause);
  };
}

export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = h("textarea", { readonly: true, class: "sr-only" });
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}
