/** What a screen reader is told: one polite line and one assertive one, for the whole page. */

class Regions {
  polite = $state("");
  assertive = $state("");
}

/** Drawn by LiveRegions.svelte alone. */
export const regions = new Regions();

// The same words twice are read twice only when the region was empty in between.
function say(region: "polite" | "assertive", text: string): void {
  regions[region] = "";
  setTimeout(() => (regions[region] = text), 60);
}

/** Say it when there is a pause: something began, goes on, is done. */
export const announce = (text: string): void => say("polite", text);

/** Say it at once: something failed. */
export const alarm = (text: string): void => say("assertive", text);
