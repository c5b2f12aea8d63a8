// A part of the tests: what the assistant's cards need of a page and of the server, as far as that. `served` answers.
export class Element {
  constructor(tag, attributes = {}) {
    Object.assign(this, { tag, attributes, children: [], parentNode: null, disabled: false, dataset: {} });
  }
  append(...added) {
    for (const one of added) {
      one.remove?.();
      if (one instanceof Element) one.parentNode = this;
      this.children.push(one);
    }
  }
  replaceChildren(...added) {
    for (const one of this.children) if (one instanceof Element) one.parentNode = null;
    this.children = [];
    this.append(...added);
  }
  remove() {
    if (this.parentNode) this.parentNode.children = this.parentNode.children.filter((one) => one !== this);
    this.parentNode = null;
  }
  get childElementCount() {
    return this.children.length;
  }
  get textContent() {
    return this.children.map((one) => (one instanceof Element ? one.textContent : one)).join(" ");
  }
  set textContent(text) {
    this.children = [text];
  }
  // Those below it with this name of a tag, or with this role.
  all(name) {
    const below = this.children.filter((one) => one instanceof Element);
    return below.flatMap((one) => [...(one.tag === name || one.attributes.role === name ? [one] : []), ...one.all(name)]);
  }
  querySelector(name) {
    return this.all(name.replace(/^\[role=(\w+)\]$/, "$1"))[0] ?? null;
  }
  contains() {
    return false;
  }
}

export function h(tag, attributes = {}, ...children) {
  const element = new Element(tag, attributes);
  element.append(...children.filter((one) => one !== null && one !== undefined));
  return element;
}

const components = {};
export default { data: (name, make) => (components[name] = make) };

// One part of the page as Alpine would have it, with lists by their names.
export function part(name, lists) {
  const found = Object.defineProperties({}, Object.getOwnPropertyDescriptors(components[name]()));
  const places = Object.fromEntries(lists.map((list) => [list, h("ul")]));
  const cards = new Map();
  const $root = { querySelector: (selector) => places[selector.replace(/^\[data-(.+)\]$|^\.(.+)$/, "$1$2")] };
  Object.assign(found, { $root, $store: { assistant: { available: true, model: "m" } }, $nextTick: () => {}, cards: () => cards });
  return { found, lists: places };
}

export const served = { target: "a", get: async () => ({}), post: async () => ({}) };
export const target = () => served.target;
export const info = { id: "d1" };
export const api = (path) => "/api/datasets/d1" + path;
export const get = (url, signal) => served.get(url, signal);
export const post = (url, body, signal) => served.post(url, body, signal);
export const call = async () => null;
export const said = (problem) => problem.message;
export const icon = () => h("svg");
export const buildChart = () => null;
export const mountCharts = () => undefined;
export const whenOpened = () => undefined;
export const previewChange = () => undefined;
export const addSteps = () => undefined;
export const toast = () => undefined;
export const assistantStatus = () => undefined;
