/** Things that arrive at any time, handed on once per animation frame. */

export type Schedule = (run: () => void) => void;

/** A frame of the browser; a hidden tab draws none, and then a timer stands in so that nothing piles up. */
export const nextFrame: Schedule = (run) => {
  if (document.visibilityState === "hidden") setTimeout(run, 250);
  else requestAnimationFrame(run);
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
