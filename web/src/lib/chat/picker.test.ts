import { describe, expect, it } from "vitest";
import { blind, firstChoice, groups } from "./picker";
import { model } from "./samples";

const MODELS = [
  model({ id: "local/demo" }),
  model({ id: "box/llama", state: "down" }),
  model({ id: "box/qwen" }),
  model({ id: 'odd/a/b "quoted"', capabilities: { vision: { value: true, source: "server", as_of: "" } } }),
];

describe("the picker", () => {
  it("groups by provider, favorites first", () => {
    const found = groups(MODELS, ["box/qwen"], "");
    expect(found.map(({ provider, models }) => [provider, models.map(({ id }) => id)])).toEqual([
      ["", ["box/qwen"]],
      ["local", ["local/demo"]],
      ["box", ["box/llama", "box/qwen"]],
      ["odd", ['odd/a/b "quoted"']],
    ]);
  });

  it("hides a favorite whose machine is away and shows it when it is back", () => {
    expect(groups(MODELS, ["box/llama"], "")[0]?.provider).toBe("local");
    const back = MODELS.map((one) => ({ ...one, state: "ready" as const }));
    expect(groups(back, ["box/llama"], "")[0]?.models[0]?.id).toBe("box/llama");
  });

  it("finds by words", () => {
    expect(groups(MODELS, [], "box qw").flatMap(({ models }) => models.map(({ id }) => id))).toEqual(["box/qwen"]);
    expect(groups(MODELS, [], "nothing")).toEqual([]);
  });

  it("says why a model sees nothing", () => {
    expect(blind(MODELS[3])).toBe("");
    expect(blind(MODELS[0])).toContain("Nobody has said");
    expect(blind(undefined)).not.toBe("");
  });

  it("chooses what is there", () => {
    expect(firstChoice(MODELS, [null, "gone/x", "box/qwen"])).toBe("box/qwen");
    expect(firstChoice(MODELS, [])).toBe("local/demo");
    expect(firstChoice([], [])).toBe("");
  });
});
