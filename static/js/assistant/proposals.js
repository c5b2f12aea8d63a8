// What an answer proposes: steps that are previewed or put into the recipe, a drawing of the table's own values, code for
// the box on the tab. Nothing of it happens before somebody clicks.
import { mountCharts } from "../charts.js";
import { h, icon } from "../dom.js";
import { said } from "../http.js";
import { takesOut } from "./suggestions.js";

const onDataset = () => document.getElementById("tab-recipe") !== null;

async function preview(proposal) {
  const { previewChange } = await import("../dataset/change.js");
  previewChange(proposal.titles.length === 1 ? proposal.titles[0] : "What would change", proposal.operations, "quality");
}

async function addToRecipe(proposal, dataset) {
  const steps = await import("../dataset/draft.js");
  if (onDataset()) {
    steps.addSteps(proposal.operations);
    const { toast } = await import("../toasts.js");
    toast({ kind: "good", title: "Added to the recipe", text: "Nothing is done before you apply it.", url: "#recipe", stay: 5000 });
    document.getElementById("tab-recipe").click();
    return;
  }
  steps.openDraft(dataset);
  steps.addSteps(proposal.operations);
  location.assign("/datasets/" + dataset + "#recipe");
}

function steps(proposal, subject) {
  const dataset = subject.dataset;
  return [
    h("p", { class: "chat-proposal-title" }, icon("wand"), proposal.operations.length === 1 ? "A step that could be done" : "Steps that could be done"),
    h("ol", { class: "chat-steps" }, ...proposal.titles.map((title) => h("li", {}, title))),
    proposal.destroys ? h("p", { class: "badge badge-warn" }, icon("warn"), takesOut(proposal.operations) || "Takes out rows or columns") : null,
    h(
      "div",
      { class: "actions" },
      onDataset() ? h("button", { class: "button button-small", type: "button", "aria-haspopup": "dialog", onclick: () => preview(proposal) }, icon("search"), "Preview") : null,
      dataset ? h("button", { class: "button button-small", type: "button", onclick: () => addToRecipe(proposal, dataset) }, icon("plus"), "Add to the recipe") : null,
    ),
  ];
}

async function figure(chart, subject) {
  if (chart.by !== null) {
    const { pairFigure } = await import("../dataset/pair.js");
    return pairFigure(chart.column, chart.by);
  }
  const [{ buildChart }, { spreadChart }, { distribution }] = await Promise.all([import("../charts.js"), import("../dataset/spread.js"), import("../spark.js")]);
  return buildChart({ ...spreadChart(chart.column, await distribution(subject.dataset, chart.column)), title: chart.column });
}

function drawing(chart, subject, draws) {
  const place = h("div", { class: "chat-chart" });
  const words = chart.by === null ? "Draw “" + chart.column + "”" : "Draw “" + chart.column + "” and “" + chart.by + "”";
  const draw = async () => {
    button.hidden = true;
    place.replaceChildren(h("span", { class: "skeleton skeleton-chart", "aria-hidden": "true" }), h("p", { class: "sr-only", role: "status" }, "Drawing…"));
    try {
      place.replaceChildren(await figure(chart, subject));
      mountCharts(place);
    } catch (problem) {
      place.replaceChildren(h("p", { class: "field-problem", role: "alert" }, said(problem)));
      button.hidden = false;
    }
  };
  const button = h("button", { class: "button button-small", type: "button", onclick: draw }, icon("chart"), words);
  // It has to be on the page first, to be as wide as it will be.
  if (draws) requestAnimationFrame(draw);
  return [button, place];
}

function code(text) {
  const open = () => {
    document.getElementById("tab-assistant")?.click();
    dispatchEvent(new CustomEvent("propose-code", { detail: text }));
  };
  return [
    h("p", { class: "chat-proposal-title" }, icon("list"), "Code that could be run"),
    h("div", { class: "code" }, h("pre", {}, text)),
    document.getElementById("tab-assistant") ? h("div", { class: "actions" }, h("button", { class: "button button-small", type: "button", onclick: open }, icon("arrow"), "Put it into the code box")) : null,
  ];
}

// `draws`: its drawing is made at once, because somebody has just asked for it.
export function proposalOf(proposal, subject, { draws }) {
  const parts = [
    ...(proposal.operations.length ? steps(proposal, subject) : []),
    ...(proposal.chart && subject.dataset ? drawing(proposal.chart, subject, draws && !proposal.operations.length) : []),
    ...(proposal.code ? code(proposal.code) : []),
  ].filter(Boolean);
  return parts.length ? h("div", { class: "chat-proposal" }, ...parts) : null;
}
