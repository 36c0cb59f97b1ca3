import { expect, test } from "vitest";

import { all, badges, provenance } from "./facts";
import { engine, model, provider } from "./samples";
import { action, isOurs, ofModel, ofProvider } from "./state";

const known = {
  vision: { value: true, source: "built-in", as_of: "2026-11-20" },
  audio: { value: false, source: "built-in", as_of: "2026-11-20" },
  context_window: { value: 131072, source: "recipe", as_of: "", uncertain: true },
  input_price: { value: 0.25, source: "user", as_of: "" },
};

test("only what is certain to be there is a badge", () => {
  expect(badges(known).map((each) => each.label)).toEqual(["vision"]);
});

test("a fact says its value, its source and its date", () => {
  const told = all(known).map(provenance);
  expect(told[0]).toBe("Sees images: yes. Source: built into hostler, as of 2026-11-20.");
  expect(told[2]).toContain("131,072 tokens (128k)");
  expect(told[2]).toContain("another source says something else");
  expect(told[3]).toContain("$0.25 per million tokens");
});

test("where a model stands", () => {
  const here = provider("here", { kind: "engine" });
  expect(ofModel(model("here/a"), here).words).toBe("not loaded");
  expect(ofModel(model("here/a", { engine: engine("here/a", { in_flight: 2 }) }), here).words).toBe("loaded, 2 calls running");
  expect(ofModel(model("desk/a", { state: "down" }), provider("desk")).words).toBe("away");
  expect(ofProvider(provider("x", { ready: false })).words).toBe("not ready");
  expect(isOurs(model("desk/a"), provider("desk"))).toBe(false);
});

test("what can be done with an engine", () => {
  const of = (state: Parameters<typeof engine>[1]) => action(model("here/a", { engine: engine("here/a", state) }));
  expect(of({ state: "ready" })).toBe("unload");
  expect(of({ state: "starting" })).toBe("cancel");
  expect(of({ state: "failed" })).toBe("load");
  expect(action(model("here/a"))).toBe("load");
});
