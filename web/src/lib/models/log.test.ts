import { expect, test } from "vitest";

import { plain } from "./ansi";
import { begin, EMPTY, goOn, more, MOST_LINES, pause } from "./log";

test.each([
  ["\u001b[1;31mred\u001b[0m", "red"],
  ["10 %\r50 %\r100 %\n", "100 %"],
  ["\u001b]0;title\u0007text", "text"],
  ["\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\", "link"],
  ["a\u0000b\u0008c\td", "abc\td"],
  ["\u001b[?25lhidden cursor", "hidden cursor"],
])("%j reads as %j", (line, words) => expect(plain(line)).toBe(words));

test("what is already shown is not shown twice when the past arrives", () => {
  const log = begin(more(EMPTY, ["c", "d"]), ["a", "b", "c"]);
  expect(log.lines).toEqual(["a", "b", "c", "d"]);
});

test("while it is paused nothing moves, and nothing is lost", () => {
  const held = more(pause(more(EMPTY, ["a"])), ["b", "c"]);
  expect(held.lines).toEqual(["a"]);
  expect(held.held).toEqual(["b", "c"]);
  expect(goOn(held).lines).toEqual(["a", "b", "c"]);
});

test("it does not grow without end", () => {
  const lines = Array.from({ length: MOST_LINES + 5 }, (_, at) => `${at}`);
  const log = more(EMPTY, lines);
  expect(log.lines).toHaveLength(MOST_LINES);
  expect(log.dropped).toBe(5);
  const held = more(pause(EMPTY), lines);
  expect(held.held).toHaveLength(MOST_LINES);
});
