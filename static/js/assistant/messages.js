// Messages of a conversation as elements: texts with the facts that they cite, what is proposed, how an answer has ended.
import { copyText, h, icon } from "../dom.js";
import { ago, plural } from "../format.js";
import { toast } from "../toasts.js";
import { proposalOf } from "./proposals.js";
import { blocksOf, citationsOf, copied, marked } from "./text.js";
import { listsQuestions } from "./words.js";

const ENDS = { stopped: "Stopped.", cut_off: "Cut off.", lost: "Cut off.", failed: "Not answered." };

let nextFact = 0;

// A small button that shows a fact below the block in which it is cited.
function cite(fact, number, go) {
  nextFact += 1;
  const id = "chat-fact-" + nextFact;
  const toggle = (event) => {
    const button = event.currentTarget;
    const old = document.getElementById(id);
    button.setAttribute("aria-expanded", String(!old));
    if (old) return old.remove();
    const place = fact.link ? h("a", { href: fact.link, onclick: (click) => go(click, fact) }, "Show it") : null;
    button.closest("p, ul, ol").after(h("div", { class: "chat-fact", id }, h("span", {}, fact.sentence), place));
  };
  return h("button", { class: "chat-cite", type: "button", "aria-expanded": "false", "aria-controls": id, "aria-label": "Fact " + number + ": " + fact.sentence, title: fact.sentence, onclick: toggle }, String(number));
}

function words(text, invented) {
  return marked(text, invented).map((piece) => (piece.invented ? h("mark", { class: "chat-invented", title: "In nothing that FlowML has found" }, piece.text) : piece.text));
}

function pieces(line, { numbers, facts, invented }, go) {
  return line.flatMap((piece) => {
    if (piece.code !== undefined) return h("code", {}, piece.code);
    if (piece.strong !== undefined) return h("strong", {}, ...words(piece.strong, invented));
    // What the server does not know is no fact.
    if (piece.cite !== undefined) return numbers.has(piece.cite) ? cite(facts.get(piece.cite), numbers.get(piece.cite), go) : null;
    return words(piece.text, invented);
  }).filter((one) => one !== null);
}

export function textOf(text, cited, go, { grows = false, invented = [] } = {}) {
  const known = { ...citationsOf(text, cited), invented };
  return blocksOf(text, grows).map((block) => {
    if (block.kind === "pre") return h("pre", {}, block.lines.join("\n"));
    if (block.kind === "p") return h("p", {}, ...block.lines.flatMap((line, at) => (at ? [" ", ...pieces(line, known, go)] : pieces(line, known, go))));
    return h(block.kind, { start: block.start }, ...block.lines.map((line) => h("li", {}, ...pieces(line, known, go))));
  });
}

export function byWords(said) {
  const own = said.model === null || said.model === undefined;
  // Nobody has begun yet.
  if (own && said.state === "running") return "";
  return own ? "FlowML itself" : said.model + (said.where ? " on " + said.where : "");
}

function endOf(said) {
  const words = [ENDS[said.state], said.reason, said.hint].filter(Boolean).join(" ");
  if (!words) return null;
  return h("p", { class: "chat-end small" }, icon(said.state === "failed" ? "bad" : said.state === "complete" ? "info" : "stop"), h("span", {}, words));
}

function unfounded(said) {
  if (!said.unfounded.length) return null;
  const words = (said.unfounded.length === 1 ? "A number in this text is" : plural(said.unfounded.length, "number") + " in this text are") + " in nothing that FlowML has found: " + said.unfounded.join(", ") + ".";
  return h("p", { class: "callout callout-warn small chat-unfounded" }, icon("warn"), h("span", {}, words));
}

function tools(said, acts) {
  const copy = async () => {
    await copyText(copied(said.text, said.cited));
    toast({ kind: "good", title: "The answer copied", stay: 3000 });
  };
  const again = said.state !== "complete";
  return h(
    "div",
    { class: "chat-tools" },
    said.text ? h("button", { class: "button button-quiet button-small", type: "button", onclick: copy }, icon("copy"), "Copy") : null,
    again ? h("button", { class: "button button-quiet button-small", type: "button", onclick: () => acts.again(said) }, icon("undo"), "Ask again") : null,
    said.model ? h("button", { class: "button button-quiet button-small", type: "button", onclick: () => acts.again(said, true) }, icon("spark"), "Ask FlowML itself") : null,
  );
}

// Where its text ends with them, for as long as it is there.
function questionsOf(said, acts) {
  if (!listsQuestions(said)) return null;
  return h("ul", { class: "chat-choices", "aria-label": "Questions that can be asked" }, ...said.questions.map((text) => h("li", {}, h("button", { class: "chat-ask", type: "button", onclick: () => acts.ask(text) }, text))));
}

// Where it is about a run, on the page of the data set.
function aboutRun(said, subject) {
  if (!said.job_id || subject.kind === "job") return null;
  return h("a", { class: "chat-about small", href: "/jobs/" + said.job_id + "/results" }, "about results of a run");
}

// `acts` are what can be done: `go(event, fact)`, `again(said, own)`, `ask(text)`, `draws(said)`: whether its drawing is
// made at once.
export function messageOf(said, subject, acts) {
  const isUser = said.speaker === "user";
  const item = h("li", { class: "chat-message chat-" + said.speaker, "data-message": said.id, "data-state": said.state });
  if (isUser) {
    item.append(h("p", { class: "sr-only" }, "You asked:"), ...[aboutRun(said, subject)].filter(Boolean), h("p", { class: "chat-question" }, said.text));
    return item;
  }
  item.append(h("p", { class: "chat-by muted" }, h("span", { class: "chat-by-name" }, byWords(said)), " ", h("time", { datetime: said.created_at }, said.state === "running" ? "" : "· " + ago(said.created_at))));
  const body = h("div", { class: "chat-text" }, ...textOf(said.text, said.cited, acts.go, { grows: said.state === "running", invented: said.unfounded }));
  item.append(body);
  if (said.state === "running") {
    item.append(h("p", { class: "chat-wait muted small", role: "status" }, h("span", { class: "pulse" }), h("span", { class: "chat-wait-words" }, said.text ? "Writing…" : "Thinking…")));
    return item;
  }
  const proposal = said.proposal ? proposalOf(said.proposal, subject, { draws: acts.draws(said) }) : null;
  item.append(...[questionsOf(said, acts), unfounded(said), endOf(said), proposal, tools(said, acts)].filter(Boolean));
  return item;
}
