import { expect, test } from "vitest";

import { all, badges, hover, provenance, say } from "./facts";
import { engine, model, provider } from "./samples";
import { action, isLoadable, isLoaded, isLoading, isOurs, ofModel, ofProvider, trouble } from "./state";

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

test("prices of long prompts are words", () => {
  expect(say("price_tiers", "200000: 6/22.5/0.6/-; 1000000: 12/-/-/-")).toBe(
    "above 200k tokens $6.00 in, $22.50 out; above 1M tokens $12.00 in, - out",
  );
  expect(say("cache_read_price", 0.3)).toContain("per million tokens");
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

test("what can be done with a model of a machine that has calls for it", () => {
  const on = (state: "loading" | "loaded" | "unloading" | "failed") => ({
    ...model("desk/a"),
    loads: true,
    resident: { model: "desk/a", state, memory: null, accelerated: null, context: null, until: null, error: null },
  });
  expect([action(on("loaded")), action(on("loading")), action(on("failed"))]).toEqual(["unload", "cancel", "load"]);
  expect(ofModel({ ...model("desk/a"), loads: true }, provider("desk")).words).toBe("not loaded");
  expect(ofModel(on("loading"), provider("desk"))).toEqual({ tone: "busy", words: "loading" });
  expect(ofModel({ ...on("loaded"), state: "down" }, provider("desk")).words).toBe("away");
  expect([isLoaded(on("loaded")), isLoading(on("loading")), isLoadable(on("loaded"), provider("desk"))]).toEqual([true, true, true]);
  expect([isLoadable(model("desk/a"), provider("desk")), isLoadable({ ...on("loaded"), state: "down" }, null)]).toEqual([false, false]);
});

test("a file that cannot be loaded says so before anybody tries", () => {
  const here = provider("here", { kind: "engine" });
  const problem = { code: "model_file_error", message: "It is cut short.", hint: "Pull it again." };
  const broken = model("here/a", { problem });
  expect(ofModel(broken, here)).toEqual({ tone: "bad", words: "broken" });
  expect(trouble(broken, undefined)).toBe(problem);
  expect(trouble(broken, { ...problem, message: "newer" })?.message).toBe("newer");
});

test("a single fact says where it comes from", () => {
  expect(hover(known, "context_window")).toContain("Source: the recipe in the providers file");
  expect(hover({}, "context_window")).toBe("");
});
