import { expect, it } from "vitest";
import { marked } from "./snippet";

it("tells what matched apart", () => {
  expect(marked("a \u0002b\u0003 c \u0002d\u0003")).toEqual([
    { text: "a ", hit: false },
    { text: "b", hit: true },
    { text: " c ", hit: false },
    { text: "d", hit: true },
  ]);
  expect(marked("<b>")).toEqual([{ text: "<b>", hit: false }]);
  expect(marked("")).toEqual([]);
});
