import { describe, expect, it } from "vitest";
import { cost, figures, seconds, speed } from "./figures";
import { message } from "./samples";

const USAGE = { input: 1_000, cache_read: 24, cache_write: null, output: 101, reasoning: null };

describe("figures", () => {
  it("say durations", () => {
    expect([0, 840, 1_260, 61_000].map(seconds)).toEqual(["0 ms", "840 ms", "1.3 s", "1 min 1 s"]);
  });

  it("count speed after the first token, and not where it is unknown", () => {
    expect(speed(message({ id: "m", usage: USAGE, ttft_ms: 500, duration_ms: 2_500 }))).toBe(50);
    expect(speed(message({ id: "m", usage: null, ttft_ms: 500, duration_ms: 2_500 }))).toBeNull();
    expect(speed(message({ id: "m", usage: USAGE, ttft_ms: 500, duration_ms: 500 }))).toBeNull();
    expect(speed(message({ id: "m", usage: USAGE, ttft_ms: 500, duration_ms: 501 }))).toBeNull();
  });

  it("never say 0 for a price that nobody knows", () => {
    expect(cost(message({ id: "m", cost: null, cost_state: "unknown" })).text).toBe("-");
    expect(cost(message({ id: "m", cost: null, cost_state: "local" })).text).toBe("Free (local)");
    expect(cost(message({ id: "m", cost: 0.00001, cost_state: "known" })).text).toBe("< $0.0001");
    expect(cost(message({ id: "m", cost: 0.1234, cost_state: "known" })).text).toBe("$0.123");
    expect(cost(message({ id: "m", cost: 0.0123, cost_state: "estimate" })).text).toBe("~$0.012");
  });

  it("stand in their order", () => {
    const done = message({ id: "m", usage: USAGE, ttft_ms: 500, duration_ms: 2_500, cost_state: "local" });
    expect(figures(done).map(({ text }) => text)).toEqual([
      "50 tokens/s",
      "first 500 ms",
      "2.5 s",
      "1k in, 101 out",
      "Free (local)",
    ]);
  });
});
