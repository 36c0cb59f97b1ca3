import { expect, test } from "vitest";

import { bar, fit, free, type Memory } from "./memory";
import { engine, model } from "./samples";

const memory = (given: Partial<Memory> = {}): Memory => ({ total: 100, available: 60, limit: 0, reserve: 10, ...given });

test("what is free counts what engines have not touched yet, the reserve and the limit", () => {
  expect(free(memory(), [])).toBe(50);
  expect(free(memory(), [engine("a/x", { memory: 5, predicted: 20 })])).toBe(35);
  expect(free(memory({ limit: 30 }), [engine("a/x", { memory: 20, predicted: 20 })])).toBe(10);
  expect(free(memory(), [engine("a/x", { state: "failed", memory: 5, predicted: 20 })])).toBe(50);
});

test("the bar adds up to the machine, in order, with its marks", () => {
  const shown = bar(memory({ limit: 50 }), [engine("a/x", { memory: 15, predicted: 20 })], model("a/y", { needs: 10 }));
  expect(shown.segments.map((each) => [each.kind, each.bytes])).toEqual([
    ["other", 25],
    ["engine", 15],
    ["promised", 5],
    ["wanted", 10],
    ["free", 45],
  ]);
  expect(shown.segments.reduce((sum, each) => sum + each.width, 0)).toBeCloseTo(1);
  expect(shown.marks.map((mark) => [mark.kind, mark.at])).toEqual([
    ["reserve", 0.9],
    ["limit", 0.75],
  ]);
});

test("what is more than there is shows as such and stays inside the bar", () => {
  const shown = bar(memory(), [], model("a/y", { needs: 90 }));
  expect(shown.segments.find((each) => each.kind === "over")?.bytes).toBe(30);
  expect(Math.max(...shown.segments.map((each) => each.from + each.width))).toBeLessThanOrEqual(1);
});

test("a loaded model is not counted twice", () => {
  const shown = bar(memory(), [engine("a/y", { memory: 10, predicted: 10 })], model("a/y", { needs: 10 }));
  expect(shown.segments.some((each) => each.kind === "wanted")).toBe(false);
});

test("fits, fits after unloading, must wait, does not fit", () => {
  const wanted = model("a/new", { needs: 45 });
  const old = engine("a/old", { memory: 20, predicted: 20, last_used: 1 });
  const young = engine("a/young", { memory: 20, predicted: 20, last_used: 2 });
  expect(fit(wanted, memory(), []).kind).toBe("fits");
  expect(fit(wanted, memory({ available: 40 }), [young, old])).toMatchObject({ kind: "unload", unload: ["a/old"] });
  expect(fit(wanted, memory({ available: 40 }), [{ ...old, in_flight: 1 }]).kind).toBe("wait");
  expect(fit(wanted, memory({ available: 20 }), [old]).kind).toBe("refused");
  expect(fit(model("a/old", { needs: 1 }), memory(), [old]).kind).toBe("loaded");
});

test("one that need not go stays", () => {
  const small = engine("a/small", { memory: 5, predicted: 5, last_used: 1 });
  const large = engine("a/large", { memory: 30, predicted: 30, last_used: 2 });
  const decision = fit(model("a/new", { needs: 40 }), memory({ available: 30 }), [small, large]);
  expect(decision).toMatchObject({ kind: "unload", unload: ["a/large"] });
});

test("of machines elsewhere nothing is claimed", () => {
  expect(fit(model("desk/x"), memory(), [])).toMatchObject({ kind: "unknown" });
  expect(fit(model("vendor/x", { local: false }), memory(), [])).toMatchObject({ kind: "elsewhere" });
});

test("a model that another machine holds says so", () => {
  const resident = { model: "desk/a", state: "loaded" as const, memory: 3 * 1024 ** 3, accelerated: null, context: null, until: null, error: null };
  const memory = { total: 10, available: 5, limit: 0, reserve: 0 };
  expect(fit({ ...model("desk/a"), resident }, memory, []).words).toBe("It is loaded on its own machine, where it holds 3 GiB.");
});
