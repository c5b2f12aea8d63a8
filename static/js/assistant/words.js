// Which model answers, in words.

export const SETTINGS = "/settings#assistant";

// `status` is what /api/llm/status says, or null where it could not be asked.
export function statusWords(status) {
  if (status?.available) {
    const where = status.where ? " on " + status.where : "";
    const leaves = status.is_local === false ? " What it is told leaves this machine." : "";
    return { available: true, text: "Beside FlowML’s own findings: " + status.model + where + "." + leaves, link: SETTINGS, linkText: "Change" };
  }
  // Where one was set up and does not answer, why.
  const why = status?.url && status.reason ? status.reason + " " : "No language model: ";
  return { available: false, text: why + "FlowML’s own findings are shown.", link: SETTINGS, linkText: status?.url ? "Look" : "Set one up" };
}
