// Which model answers, in words.

export const SETTINGS = "/settings#assistant";

// `status` is what /api/llm/status says, or null where it could not be asked.
export function statusWords(status) {
  if (status?.available) {
    const where = status.where ? " on " + status.where : "";
    const leaves = status.is_local === false ? " What it is told leaves this machine." : "";
    return { available: true, model: status.model, away: "", text: status.model + where + " answers, beside FlowML’s own findings." + leaves, link: SETTINGS, linkText: "Change" };
  }
  // Where one was set up and does not answer, why.
  const isSetUp = Boolean(status?.url || status?.choice);
  const away = isSetUp ? status.reason || "The language model does not answer." : "";
  const why = away ? away + " " : "No language model: ";
  return { available: false, model: "", away, text: why + "FlowML’s own findings are shown.", link: SETTINGS, linkText: isSetUp ? "Look" : "Set one up" };
}

// What is waited for, and for how long already.
export function waitingWords(text, milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  return seconds >= 2 ? text + " " + seconds + " s" : text;
}

// How long an answer took, in seconds.
export function answeredIn(seconds) {
  return seconds < 1 ? "in less than a second" : "within " + seconds + " s";
}

// Whether an answer ends with the questions that can be asked instead.
export function listsQuestions(said) {
  return said.state === "complete" && said.questions?.length > 0 && said.text.trimEnd().endsWith(":");
}
