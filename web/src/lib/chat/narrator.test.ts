import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Narrator, begun } from "./narrator";
import { message } from "./samples";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("the narrator", () => {
  it("says that an answer began, goes on, and how long it became", () => {
    const said: string[] = [];
    const narrator = new Narrator({ say: (text) => said.push(text), cry: (text) => said.push(`! ${text}`) });
    const running = message({ id: "a", state: "streaming" });
    narrator.see(running);
    narrator.see(running);
    vi.advanceTimersByTime(15_000);
    narrator.see({ ...running, state: "complete", parts: [{ type: "text", text: "one two three" }] });
    vi.advanceTimersByTime(15_000);
    expect(said).toEqual(["Answering", "Still answering", "Still answering", "Answer finished, 3 words"]);
  });

  it("cries when it failed, and says nothing of what was finished before", () => {
    const said: string[] = [];
    const narrator = new Narrator({ say: (text) => said.push(text), cry: (text) => said.push(`! ${text}`) });
    narrator.see(message({ id: "old" }));
    narrator.see(message({ id: "a", state: "streaming" }));
    narrator.see(message({ id: "b", state: "streaming" }));
    narrator.see(message({ id: "a", state: "failed", error: { code: "x", message: "No such model.", hint: "" } }));
    narrator.end();
    expect(said).toEqual(["Answering", "2 models are answering", "! The answer failed. No such model."]);
  });

  it("tells of an answer that had ended before it was first seen, once", () => {
    const said: string[] = [];
    const narrator = new Narrator({ say: (text) => said.push(text), cry: (text) => said.push(`! ${text}`) });
    begun.add("quick");
    const quick = message({ id: "quick", parts: [{ type: "text", text: "Yes." }] });
    narrator.see(quick);
    narrator.see(quick);
    expect(said).toEqual(["Answer finished, 1 word"]);
  });
});
