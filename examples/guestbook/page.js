// What every part of the page uses.

const STATUS_MS = 8000;

export const byId = (id) => document.getElementById(id);
export const fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);

let silence;
export function say(words) {
  byId("status").textContent = words;
  clearTimeout(silence);
  silence = setTimeout(() => (byId("status").textContent = ""), STATUS_MS);
}

/** Runs `work` unless the last run is still under way; what goes wrong is told in `fault`. */
export async function once(button, fault, work) {
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  fault.textContent = "";
  try {
    await work();
  } catch (problem) {
    fault.textContent = problem.message;
  } finally {
    button.removeAttribute("aria-disabled");
  }
}
