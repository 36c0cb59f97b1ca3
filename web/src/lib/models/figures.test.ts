import { expect, test } from "vitest";

import { ago, ahead, bytes, counted, dollars, percent, span, tokens } from "./figures";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [150 * 1024 * 1024, "150 MiB"],
  [5.25 * 1024 ** 3, "5.3 GiB"],
  [-5, "0 B"],
])("%d bytes are %s", (count, words) => expect(bytes(count)).toBe(words));

test.each([
  [512, "512"],
  [1024, "1k"],
  [131072, "128k"],
  [128000, "128k"],
  [1_000_000, "1M"],
  [1_048_576, "1M"],
  [200_000, "200k"],
  [1500, "1.5k"],
])("%d tokens are %s", (count, words) => expect(tokens(count)).toBe(words));

test.each([
  [3, "3 s"],
  [59.4, "59 s"],
  [60, "1 min"],
  [7300, "2 h"],
  [200_000, "2 d"],
])("%d seconds are %s", (seconds, words) => expect(span(seconds)).toBe(words));

test("how long ago", () => {
  expect(ago(1000, 2000)).toBe("just now");
  expect(ago(0, 90_000)).toBe("1 min ago");
});

test("nothing is whole before it is", () => {
  expect(percent(0.999)).toBe("99 %");
  expect(percent(1)).toBe("100 %");
  expect(percent(7)).toBe("100 %");
});

test("prices and counts", () => {
  expect([dollars(0), dollars(3), dollars(0.0025)]).toEqual(["$0", "$3.00", "$0.0025"]);
  expect([counted(1, "model"), counted(2, "model")]).toEqual(["1 model", "2 models"]);
});

test("how far ahead something is", () => {
  expect([ahead(240_000, 0), ahead(1000, 0), ahead(1e14, 0)]).toEqual(["in 4 min", "now", "never"]);
});
