/** Key combinations as text: "mod+k", "shift+?", "g m" (one after the other). Pure. */

export interface Press {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
}

/** One press as text: "mod+k", "escape", "?", "alt+arrowup". Shift is named only with keys that it does not change. */
export function pressed(event: Press): string {
  const key = event.key === " " ? "space" : event.key.toLowerCase();
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("mod");
  if (event.altKey) parts.push("alt");
  if (event.shiftKey && (key.length > 1 || /[a-z]/.test(key))) parts.push("shift");
  return [...parts, key].join("+");
}

/** Whether a key press belongs to an input method; keyCode 229 is how Safari says so of the one that ends it. */
export function composing(event: { isComposing: boolean; keyCode: number }): boolean {
  return event.isComposing || event.keyCode === 229;
}

/** Whether a combination may act while somebody types: it must hold mod or alt, or be a key that types nothing. */
export function worksWhileTyping(combination: string): boolean {
  return /(^|\+)(mod|alt)\+/.test(combination) || combination === "escape" || /^f\d+$/.test(combination);
}

const NAMES: Record<string, string> = { arrowup: "↑", arrowdown: "↓", arrowleft: "←", arrowright: "→", escape: "Esc", enter: "Enter", space: "Space", shift: "Shift", alt: "Alt" };

/** The keys of a combination for people: [["Ctrl", "K"]], one list per press. */
export function keyNames(combination: string, mac: boolean): string[][] {
  return combination.split(" ").map((press) =>
    press.split(/\+(?=.)/).map((key) => {
      if (key === "mod") return mac ? "⌘" : "Ctrl";
      return NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
    }),
  );
}
