/** Things that arrive at any time, handed on once per animation frame. */

export type Schedule = (run: () => void) => void;

const HIDDEN_MS = 250;

/** A frame of the browser. A hidden tab draws none, also when it was hidden just now: a timer sees that nothing piles up. */
export const nextFrame: Schedule = (run) => {
  const once = (): void => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    run();
  };
  const frame = requestAnimationFrame(once);
  const timer = setTimeout(once, HIDDEN_MS);
};

/** Collects items and gives them to `apply` in order, in one call per frame. */
export class FrameQueue<T> {
  #waiting: T[] = [];
  #scheduled = false;

  constructor(
    private readonly apply: (items: T[]) => void,
    private readonly schedule: Schedule = nextFrame,
  ) {}

  push(...items: T[]): void {
    for (const item of items) this.#waiting.push(item);
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    this.schedule(() => this.flush());
  }

  /** Apply what waits, now. */
  flush(): void {
    this.#scheduled = false;
    const items = this.#waiting;
    if (items.length === 0) return;
    this.#waiting = [];
    this.apply(items);
  }
}
