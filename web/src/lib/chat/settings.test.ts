import { describe, expect, it } from "vitest";
import { count, fromTexts, toTexts } from "./settings";

describe("parameters", () => {
  it("go to texts and back", () => {
    const params = { temperature: 0.7, max_tokens: 100, stop: ["a", "b"], effort: "low", seed: 0 };
    expect(fromTexts(toTexts(params))).toEqual({ params, wrong: {} });
    expect(count(params)).toBe(5);
  });

  it("leave out what is empty and name what is wrong", () => {
    expect(fromTexts({ temperature: "", top_k: "1.5", top_p: "7", min_p: "x", seed: " 3 " })).toEqual({
      params: { seed: 3 },
      wrong: { top_k: "A whole number.", top_p: "A number from 0 to 1.", min_p: "A number from 0 to 1." },
    });
  });

  it("read a decimal comma", () => {
    expect(fromTexts({ temperature: "0,5" }).params).toEqual({ temperature: 0.5 });
  });
});
