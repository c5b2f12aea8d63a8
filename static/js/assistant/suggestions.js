// What suggestions are in words, whoever makes them.
import { ago, number, plural } from "../format.js";

const COLUMNS = new Set(["drop", "keep"]);
const ROWS = new Set(["drop_missing", "drop_duplicates", "filter", "sample"]);

// What steps take out of the table, or "" where they only change it.
export function takesOut(operations) {
  const parts = [];
  if (operations.some((step) => COLUMNS.has(step.op))) parts.push("columns");
  if (operations.some((step) => ROWS.has(step.op))) parts.push("rows");
  return parts.length ? "Takes out " + parts.join(" and ") : "";
}

// FlowML's findings as suggestions: those that some steps would mend.
export function ownSuggestions(issues) {
  return issues
    .filter((issue) => issue.operations.length)
    .map((issue) => ({ title: issue.fix, reason: issue.message + " " + issue.suggestion, operations: issue.operations, takes: takesOut(issue.operations), effects: [], facts: [], marks: [], elsewhere: [] }));
}

function names(list) {
  return list.slice(0, 3).join(", ") + (list.length > 3 ? " and " + (list.length - 3) + " more" : "");
}

// What a tried suggestion changed, a line for each kind of change.
export function effects(effect) {
  const said = [];
  if (effect.cells_changed) said.push(plural(effect.cells_changed, "cell") + " changed");
  if (effect.changes_target) said.push("changes what is to be predicted");
  if (effect.columns_added.length) said.push("new: " + names(effect.columns_added));
  return said;
}

// What it takes out, with figures.
export function losses(effect) {
  const said = [];
  if (effect.rows_removed) said.push(plural(effect.rows_removed, "row"));
  if (effect.columns_removed.length) said.push((effect.columns_removed.length === 1 ? "the column " : number(effect.columns_removed.length) + " columns: ") + names(effect.columns_removed));
  return said.length ? "Takes out " + said.join(" and ") : "";
}

export function modelSuggestions(found) {
  return found.map((one) => ({ title: one.title, reason: one.reason, operations: one.operations, takes: one.effect ? losses(one.effect) : "", effects: one.effect ? effects(one.effect) : [], facts: one.facts, marks: one.marks, code: one.code, elsewhere: one.elsewhere ?? [] }));
}

// What a model has answered, in words: `found` as the server has it, `last` where it was kept; `nothing`: what it says
// by having none.
export function answeredWords(found, noun, nothing, last = null) {
  const by = found.model + " on " + found.where;
  const when = last ? ", " + ago(last.made_at) : "";
  const stale = last?.stale ? " " + last.stale : "";
  const count = found.suggestions.length;
  if (count) return plural(count, noun) + " of " + by + when + ". The reasons are its own words." + stale;
  const left = found.dropped.length;
  if (left) return by + " has " + plural(left, noun) + when + ": " + (left === 1 ? "it cannot be used." : "none of them can be used.") + stale;
  return by + " " + nothing + when + "." + stale;
}

// Facts that a reason rests on, of other columns than the steps are.
export function elsewhereWords(suggestion) {
  const facts = suggestion.facts.filter((fact) => suggestion.elsewhere.includes(fact.id));
  if (!facts.length) return "";
  const columns = [...new Set(facts.map((fact) => "“" + fact.column + "”"))];
  return (facts.length === 1 ? "A fact that it names is" : "Facts that it names are") + " about " + names(columns) + ", which this does not touch: the reason may be one for something else.";
}

// A text in pieces, [{text} | {text, note}]: `marks` are places in characters, of which some take two units of a script's
// string.
export function piecesOf(text, marks) {
  const characters = [...text];
  const pieces = [];
  let at = 0;
  for (const mark of marks) {
    if (mark.start < at) continue;
    if (mark.start > at) pieces.push({ text: characters.slice(at, mark.start).join("") });
    pieces.push({ text: characters.slice(mark.start, mark.end).join(""), note: mark.note });
    at = mark.end;
  }
  if (at < characters.length) pieces.push({ text: characters.slice(at).join("") });
  return pieces;
}

// Where the messages would go.
export function sentWords(sent) {
  const size = number(sent.characters) + " characters, about " + number(Math.ceil(sent.characters / 350) * 100) + " tokens";
  if (!sent.model) return "Nothing is sent now: there is no model. This is word for word what one would be told (" + size + ").";
  return "Word for word what " + sent.model + (sent.where ? " on " + sent.where : "") + " would be told (" + size + "). Nothing is sent by looking; the dots stand for a mark that is another one each time.";
}

export function leavesWords(sent) {
  return sent.is_local || !sent.url ? "" : "This leaves the machine that FlowML runs on: it is sent to " + new URL(sent.url).host + ".";
}
