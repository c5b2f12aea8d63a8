// Which model answers, in words.

export const SETTINGS = "/settings#assistant";

// `status` is what /api/llm/status says, or null where it could not be asked.
export function statusWords(status) {
  if (status?.available) {
    const where = status.where ? " on " + status.where : "";
    return { available: true, text: "Beside FlowML’s own findings: " + status.model + where + ".", link: SETTINGS, linkText: "Change" };
  }
  return { available: false, text: "No language model: FlowML’s own findings are shown.", link: SETTINGS, linkText: "Set one up" };
}
