import { expect, it } from "vitest";

import { FrameQueue } from "./frames";

it("hands everything on in order, once per frame", () => {
  const frames: (() => void)[] = [];
  const got: number[][] = [];
  const queue = new FrameQueue<number>((items) => got.push(items), (run) => frames.push(run));
  queue.push(1);
  queue.push(2, 3);
  expect([frames.length, got.length]).toEqual([1, 0]);
  frames.shift()?.();
  queue.push(4);
  frames.shift()?.();
  expect(got).toEqual([[1, 2, 3], [4]]);
});

it("flushes at once when asked, and the frame that was due finds nothing", () => {
  const frames: (() => void)[] = [];
  const got: number[][] = [];
  const queue = new FrameQueue<number>((items) => got.push(items), (run) => frames.push(run));
  queue.push(1);
  queue.flush();
  frames.shift()?.();
  expect(got).toEqual([[1]]);
});
