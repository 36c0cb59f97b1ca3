import { describe, expect, it } from "vitest";

import { EMPTY, applyDelta, fold, foldAll, foldMessages, fromSnapshot, mended, type LiveState } from "./fold";
import type { DeltaData, Event, Message, SessionSummary } from "./records";

/** Numbers that look random and are the same in every run. */
function dice(seed: number): () => number {
  let x = seed;
  return () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x / 2 ** 32;
  };
}

const message = (id = "m_1", more: Partial<Message> = {}): Message => ({
  id,
  session: "s_1",
  parent: null,
  role: "assistant",
  state: "streaming",
  parts: [],
  model: "a/b",
  created: 1,
  order: 0,
  usage: null,
  cost: null,
  cost_state: "unknown",
  ttft_ms: null,
  duration_ms: null,
  finish: "",
  error: null,
  edited: false,
  params: {},
  ...more,
});

const summary = (id: string): SessionSummary => ({
  id,
  title: "",
  created: 1,
  updated: 1,
  pinned: false,
  folder: "",
  model: "",
  leaf: null,
  messages: 0,
  running: false,
  prior: false,
});

let seq = 0;
const event = <K extends Event["kind"]>(kind: K, data: Extract<Event, { kind: K }>["data"]): Event => {
  seq += 1;
  return { seq, at: seq * 10, kind, data } as Event;
};
const delta = (part: number, at: number, text: string, type: DeltaData["type"] = "text"): DeltaData => ({ session: "s_1", message: "m_1", part, type, at, text });
const textOf = (m: Message | undefined): string => m?.parts.map((part) => ("text" in part ? part.text : "")).join("|") ?? "";
const began = (): LiveState => fold({ ...EMPTY, seq }, event("message.created", { session: "s_1", message: message() }));

describe("applyDelta", () => {
  it("begins parts in order and adds to them", () => {
    const one = applyDelta(message(), delta(0, 0, "hm", "reasoning"));
    const two = one && applyDelta(one, delta(1, 0, "yes"));
    expect(two?.parts).toEqual([
      { type: "reasoning", text: "hm", duration_ms: null, redacted: false },
      { type: "text", text: "yes" },
    ]);
  });

  it("skips what is known, also by half, and leaves the message identical then", () => {
    const has = message("m_1", { parts: [{ type: "text", text: "abcd" }] });
    expect(applyDelta(has, delta(0, 1, "bc"))).toBe(has);
    expect(textOf(applyDelta(has, delta(0, 2, "cdef")) ?? undefined)).toBe("abcdef");
  });

  it("sees a hole: in a part, before a part, of another kind", () => {
    const has = message("m_1", { parts: [{ type: "text", text: "ab" }] });
    expect(applyDelta(has, delta(0, 3, "x"))).toBeNull();
    expect(applyDelta(has, delta(2, 0, "x"))).toBeNull();
    expect(applyDelta(has, delta(1, 1, "x"))).toBeNull();
    expect(applyDelta(has, delta(0, 2, "x", "reasoning"))).toBeNull();
  });

  it("counts as JavaScript does, so that pairs and joined signs come out whole", () => {
    const text = "a😀e\u0301👩‍👩‍👧ب";
    for (let cut = 0; cut <= text.length; cut += 1) {
      const first = applyDelta(message(), delta(0, 0, text.slice(0, cut)));
      const both = first && applyDelta(first, delta(0, cut, text.slice(cut)));
      expect(textOf(both ?? undefined)).toBe(text);
    }
  });
});

describe("any cutting of a text into deltas", () => {
  it("gives the text, also with pieces twice, overlapping, and from before a snapshot", () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = dice(seed);
      const text = Array.from({ length: 40 }, () => "aé😀\n`".charAt(Math.floor(random() * 6))).join("");
      let state = began();
      let at = 0;
      while (at < text.length) {
        const back = Math.floor(random() * Math.min(at, 5));
        const size = 1 + Math.floor(random() * 7);
        const piece = text.slice(at - back, at + size);
        state = fold(state, event("message.delta", delta(0, at - back, piece)));
        if (random() < 0.3) state = fold(state, event("message.delta", delta(0, at - back, piece)));
        at = Math.min(text.length, at + size);
      }
      expect(textOf(state.turns.get("m_1")?.message)).toBe(text);
      expect(state.holes.size).toBe(0);
    }
  });

  it("notices any piece that is lost, once, and is mended by the session", () => {
    for (let lost = 0; lost < 4; lost += 1) {
      let state = began();
      ["aa", "bb", "cc", "dd", "ee"].forEach((piece, index) => {
        const next = event("message.delta", delta(0, index * 2, piece));
        if (index !== lost) state = fold(state, next);
      });
      expect([...state.holes]).toEqual(["s_1"]);
      const whole = message("m_1", { parts: [{ type: "text", text: "aabbccddee" }] });
      state = mended(state, "s_1", [whole]);
      expect(state.holes.size).toBe(0);
      state = fold(state, event("message.delta", delta(0, 10, "ff")));
      expect(textOf(state.turns.get("m_1")?.message)).toBe("aabbccddeeff");
    }
  });
});

describe("fold", () => {
  it("takes each event once, in whatever frames they come", () => {
    const events = [event("message.created", { session: "s_1", message: message() }), event("message.delta", delta(0, 0, "one")), event("message.delta", delta(0, 3, " two"))];
    const once = foldAll({ ...EMPTY, seq: 0 }, events);
    expect(foldAll(once, events)).toBe(once);
    expect(events.reduce((state, one) => foldAll(state, [one]), { ...EMPTY, seq: 0 } as LiveState)).toEqual(once);
  });

  it("leaves what an event does not touch identical", () => {
    const state = began();
    const next = fold(state, event("pull.progress", { pull: { id: "p_1", spec: "x", state: "running", done: 1, total: null, model: "", error: null } }));
    expect(next.turns).toBe(state.turns);
    expect(next.engines).toBe(state.engines);
    expect(next.pulls.size).toBe(1);
    const later = fold(next, event("engine.log", { model: "a/b", lines: ["x"] }));
    expect({ ...later, seq: 0 }).toEqual({ ...next, seq: 0 });
  });

  it("forgets a reply that ended, was deleted, or never was", () => {
    expect(fold(began(), event("message.changed", { session: "s_1", message: message("m_1", { state: "complete" }) })).turns.size).toBe(0);
    expect(fold(began(), event("message.deleted", { session: "s_1", ids: ["m_1"] })).turns.size).toBe(0);
    expect([...fold({ ...EMPTY, seq }, event("message.delta", delta(0, 0, "x"))).holes]).toEqual(["s_1"]);
  });

  it("follows sessions", () => {
    const made = fold({ ...EMPTY, seq }, event("session.created", { session: summary("s_1") }));
    expect(made.sessions.get("s_1")?.id).toBe("s_1");
    expect(fold(made, event("session.deleted", { id: "s_1" })).sessions.get("s_1")).toBeNull();
  });

  it("follows an engine through its life", () => {
    const steps: [Event["kind"], object, object][] = [
      ["engine.starting", { predicted_bytes: 5 }, { state: "starting", predicted: 5, fraction: null }],
      ["engine.waiting", {}, { state: "waiting" }],
      ["engine.progress", { fraction: 0.5 }, { state: "starting", fraction: 0.5 }],
      ["engine.ready", { pid: 7, port: 8 }, { state: "ready", pid: 7, port: 8, fraction: null, predicted: 5 }],
      ["engine.stopping", { reason: "idle" }, { state: "stopping", pid: 7 }],
      ["engine.stopped", {}, { state: "stopped", pid: null, port: null }],
      ["engine.crashed", { code: "engine_exited", message: "gone" }, { state: "failed", error: { code: "engine_exited", message: "gone", hint: "" } }],
    ];
    let state: LiveState = { ...EMPTY, seq };
    for (const [kind, data, wanted] of steps) {
      state = fold(state, event(kind, { model: "a/b", ...data } as never));
      expect(state.engines.get("a/b"), kind).toMatchObject(wanted);
    }
  });

  it("follows machines", () => {
    const down = fold({ ...EMPTY, seq }, event("machine.down", { provider: "desk", reason: "no answer" }));
    expect(down.machines.get("desk")).toMatchObject({ state: "down", reason: "no answer" });
    expect(fold(down, event("machine.up", { provider: "desk", models: ["a", "b"] })).machines.get("desk")).toMatchObject({ state: "up", reason: "", models: 2 });
  });
});

describe("fromSnapshot", () => {
  it("replaces what runs, heals holes, and keeps what only events told of sessions", () => {
    const before = fold(fold(began(), event("session.created", { session: summary("s_9") })), event("message.delta", delta(0, 9, "x")));
    expect(before.holes.size).toBe(1);
    const after = fromSnapshot({ version: "1", turns: [], engines: [], machines: [], pulls: [], memory: { total: 2, available: 1 } }, 500, before);
    expect(after).toMatchObject({ seq: 500, version: "1", memory: { total: 2, available: 1 } });
    expect([after.turns.size, after.holes.size, after.sessions.has("s_9")]).toEqual([0, 0, true]);
  });
});

describe("foldMessages", () => {
  it("keeps an open session's messages, and the identical map for another's events", () => {
    let messages: ReadonlyMap<string, Message> = new Map();
    messages = foldMessages(messages, "s_1", event("message.created", { session: "s_1", message: message() }));
    messages = foldMessages(messages, "s_1", event("message.delta", delta(0, 0, "hey")));
    expect(textOf(messages.get("m_1"))).toBe("hey");
    expect(foldMessages(messages, "s_1", event("message.created", { session: "s_2", message: message("m_2") }))).toBe(messages);
    expect(foldMessages(messages, "s_1", event("message.delta", delta(0, 1, "e")))).toBe(messages);
    const gone = foldMessages(messages, "s_1", event("message.deleted", { session: "s_1", ids: ["m_1"] }));
    expect(gone.size).toBe(0);
    expect(foldMessages(gone, "s_1", event("message.restored", { session: "s_1", messages: [message()] })).size).toBe(1);
  });
});
