import { expect, it } from "vitest";

import { Kept, sizeOf } from "./kept";

it("counts what is kept", () => {
  expect(sizeOf([])).toBe(0);
  expect(
    sizeOf([
      { type: "document", name: "a.txt", text: "12345" },
      { type: "image", name: "b.png", media_type: "image/png", data: "123" },
    ]),
  ).toBe(8);
});

it("says so where the browser keeps nothing", async () => {
  const kept = new Kept();
  expect(await kept.read("s")).toEqual([]);
  expect(await kept.write("s", [{ type: "document", name: "a.txt", text: "x" }])).toMatch(/lost on a reload/);
  expect(await kept.write("s", [])).toBe("");
});
