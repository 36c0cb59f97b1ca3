import { expect, it } from "vitest";

import { find, score } from "./find";

it("wants every word and likes beginnings", () => {
  expect(score("New chat", "chat new")).toBeGreaterThan(0);
  expect(score("New chat", "chat old")).toBe(0);
  expect(find(["archat", "my chat", "chat"], "chat", String)).toEqual(["chat", "my chat", "archat"]);
  expect(find(["b", "a"], " ", String)).toEqual(["b", "a"]);
});
