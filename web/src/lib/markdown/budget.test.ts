import { describe, expect, it } from "vitest";
import { Budget } from "./budget";

function stage(): { budget: Budget; frame: () => void; job: (name: string, ms: number) => () => void; done: string[] } {
  let now = 0;
  const frames: (() => void)[] = [];
  const done: string[] = [];
  const budget = new Budget(
    () => now,
    (run) => void frames.push(run),
  );
  const job = (name: string, ms: number) => (): void => {
    now += ms;
    done.push(name);
  };
  return { budget, done, job, frame: () => frames.splice(0).forEach((run) => run()) };
}

describe("the budget", () => {
  it("runs at once while there is time, and the rest in turn", () => {
    const { budget, done, frame, job } = stage();
    const owners = [{}, {}, {}, {}];
    owners.forEach((owner, n) => budget.run(owner, job(`a${n}`, 4)));
    expect(done).toEqual(["a0", "a1"]);
    budget.run(owners[2] ?? {}, job("b2", 4));
    frame();
    expect(done).toEqual(["a0", "a1", "b2", "a3"]);
    frame();
    budget.run({}, job("c", 1));
    expect(done.at(-1)).toBe("c");
  });

  it("does the last job whatever it costs, and none for who is gone", () => {
    const { budget, done, frame, job } = stage();
    const [one, other] = [{}, {}];
    budget.run({}, job("long", 50));
    budget.run(one, job("no", 1));
    budget.run(other, job("gone", 1));
    budget.last(one, job("end", 1));
    budget.forget(other);
    frame();
    expect(done).toEqual(["long", "end"]);
  });
});
