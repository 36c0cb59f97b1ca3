import { expect, test } from "vitest";

import { toggled } from "./favorites";
import { answered, groups, matches, order, step, withEngines, withMemory, notSetUp, type View } from "./grouping";
import { engine, model, provider } from "./samples";

const ALL: View = { query: "", filter: "all", favorites: [] };
const here = provider("here", { kind: "engine", label: "This machine" });
const desk = provider("desk", { tags: ["gpu"], state: "down", models: 0 });
const vendor = provider("vendor", { local: false, ready: false, state: "unknown", models: 0 });

test("groups follow the providers; favorites and what is loaded come first in each", () => {
  const models = [model("here/c"), model("here/b", { engine: engine("here/b") }), model("here/a"), model("here/z")];
  const shown = groups(models, [here], { ...ALL, favorites: ["here/z"] });
  expect(order(shown)).toEqual(["here/z", "here/b", "here/a", "here/c"]);
});

test("a machine that is down keeps its place, a vendor without a key does not take one", () => {
  expect(groups([], [here, desk, vendor], ALL).map((group) => group.id)).toEqual(["here", "desk"]);
  expect(notSetUp([here, desk, vendor])).toEqual([vendor]);
  expect(groups([], [here, desk, vendor], { ...ALL, query: "x" })).toEqual([]);
});

test("models of a provider that is gone are still shown", () => {
  expect(groups([model("old/x")], [here], { ...ALL, query: "x" }).map((group) => group.id)).toEqual(["old"]);
});

test("every word must be found, wherever it stands", () => {
  const seeing = model("desk/qwen/3'x\"", { capabilities: { vision: { value: true, source: "user", as_of: "" } } });
  expect(matches(seeing, desk, "GPU vision")).toBe(true);
  expect(matches(seeing, desk, "3'x\"")).toBe(true);
  expect(matches(seeing, desk, "gpu audio")).toBe(false);
  expect(matches(seeing, undefined, " ")).toBe(true);
});

test("filters", () => {
  const models = [
    model("here/a", { engine: engine("here/a") }),
    model("here/b", { engine: engine("here/b", { state: "starting" }), state: "ready" }),
    model("desk/c", { state: "down", local: false }),
  ];
  const shown = (filter: View["filter"]) => order(groups(models, [here, desk], { ...ALL, filter, favorites: ["desk/c"] }));
  expect(shown("loaded")).toEqual(["here/a"]);
  expect(shown("ready")).toEqual(["here/a", "here/b"]);
  expect(shown("local")).toEqual(["here/a", "here/b"]);
  expect(shown("favorites")).toEqual(["desk/c"]);
});

test("j and k stop at the ends", () => {
  expect(step(["a", "b"], null, 1)).toBe("a");
  expect(step(["a", "b"], null, -1)).toBe("b");
  expect(step(["a", "b"], "b", 1)).toBe("b");
  expect(step(["a", "b"], "b", -1)).toBe("a");
  expect(step(["a", "b"], "gone", 1)).toBe("a");
  expect(step([], null, 1)).toBeNull();
});

test("the stream's engines replace the list's", () => {
  const [changed] = withEngines([model("here/a")], [engine("here/a", { state: "starting" })]);
  expect(changed?.engine?.state).toBe("starting");
});

test("a favorite comes and goes", () => {
  expect(toggled(["a"], "b")).toEqual(["a", "b"]);
  expect(toggled(["a", "b"], "a")).toEqual(["b"]);
});

test("what other machines hold in memory goes with their models", () => {
  const resident = { model: "desk/a", state: "loaded" as const, memory: 5, accelerated: null, context: null, until: null, error: null };
  const memory = new Map([
    ["desk", { provider: "desk", loads: true, renews: true, models: [resident], problem: "" }],
    ["fixed", { provider: "fixed", loads: false, renews: false, models: [], problem: "" }],
  ]);
  const [loaded, idle, fixed] = withMemory([model("desk/a"), model("desk/b"), model("fixed/a")], memory);
  expect([loaded?.resident?.memory, loaded?.renews]).toEqual([5, true]);
  expect([idle?.loads, idle?.resident]).toEqual([true, null]);
  expect(fixed?.loads).toBeUndefined();
  const shown = groups([idle, loaded].filter((each) => each !== undefined), [desk], { ...ALL, filter: "loaded" });
  expect(order(shown)).toEqual(["desk/a"]);
});

test("names that end in numbers stand in the order of the numbers", () => {
  const models = [model("here/m10"), model("here/m9"), model("here/m1")];
  expect(order(groups(models, [here], ALL))).toEqual(["here/m1", "here/m9", "here/m10"]);
});

test("an answer about a machine's memory does not undo what the stream has told since it was asked for", () => {
  const say = (provider: string, problem: string) => ({ provider, loads: true, renews: true, models: [], problem });
  const before = new Map([["desk", say("desk", "old")], ["mini", say("mini", "old")]]);
  const now = new Map(before).set("desk", say("desk", "told since"));
  const after = answered([say("desk", "answered"), say("mini", "answered"), say("new", "answered")], before, now);
  expect([...after.values()].map((machine) => machine.problem)).toEqual(["told since", "answered", "answered"]);
});
