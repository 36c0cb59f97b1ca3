import { expect, it } from "vitest";

import { composing, keyNames, pressed, worksWhileTyping } from "./keys";

const press = (key: string, held = ""): string =>
  pressed({ key, ctrlKey: held.includes("c"), metaKey: held.includes("m"), altKey: held.includes("a"), shiftKey: held.includes("s") });

it("names presses", () => {
  expect(press("k", "c")).toBe("mod+k");
  expect(press("K", "ms")).toBe("mod+shift+k");
  expect(press("?", "s")).toBe("?");
  expect(press("Escape")).toBe("escape");
  expect(press("ArrowUp", "a")).toBe("alt+arrowup");
  expect(press(" ")).toBe("space");
});

it("keeps letters away from people who type", () => {
  expect(["mod+k", "escape", "alt+n"].every(worksWhileTyping)).toBe(true);
  expect(["j", "?", "g m", "shift+g"].some(worksWhileTyping)).toBe(false);
});

it("shows keys as they are printed", () => {
  expect(keyNames("mod+k", false)).toEqual([["Ctrl", "K"]]);
  expect(keyNames("g m", true)).toEqual([["G"], ["M"]]);
  expect(keyNames("mod++", true)).toEqual([["⌘", "+"]]);
});

it("leaves an input method its keys", () => {
  expect(composing({ isComposing: true, keyCode: 13 })).toBe(true);
  expect(composing({ isComposing: false, keyCode: 229 })).toBe(true);
  expect(composing({ isComposing: false, keyCode: 13 })).toBe(false);
});
