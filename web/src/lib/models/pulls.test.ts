import { expect, test } from "vitest";

import type { PullState } from "$lib/api/records";

import { complaint, progress, sampled, speed, type Sample } from "./pulls";

const MIB = 1024 * 1024;
const pull: PullState = { id: "p_1", spec: "o/n", state: "running", done: 25 * MIB, total: 100 * MIB, model: "", error: null };

test.each(["", "org/name", "org/name:Q4_K_M", "org/name:a-b.gguf", "https://hub.example/org/name", " org/name "])(
  "%j may be asked for",
  (spec) => expect(complaint(spec)).toBe(""),
);

test.each(["name", "org/name:", "a b/c", "/x"])("%j may not", (spec) => expect(complaint(spec)).toContain("ORG/NAME"));

test("how fast it comes, and how long still", () => {
  const samples: Sample[] = [
    { at: 0, done: 5 * MIB },
    { at: 2000, done: 25 * MIB },
  ];
  expect(speed(samples)).toBe(10 * MIB);
  expect(progress(pull, samples)).toBe("25 MiB of 100 MiB, 25 %, 10 MiB/s, 8 s left");
  expect(progress({ ...pull, total: null })).toBe("25 MiB");
});

test("a part that is fetched anew does not make speed negative", () => {
  expect(sampled([{ at: 0, done: 50 }], { at: 10, done: 5 })).toEqual([{ at: 10, done: 5 }]);
  expect(sampled([{ at: 0, done: 1 }], { at: 20_000, done: 5 })).toEqual([{ at: 20_000, done: 5 }]);
});
