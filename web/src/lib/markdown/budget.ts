/**
 * Shares each frame's time among all that is being rendered: what no longer fits waits for the next frame, in turn, so
 * that many answers at once cannot make the page stutter.
 *
 * Pure but for the clock and the frames it is given.
 */

/** Time per frame for rendering (ms): half of one at 60 per second, the rest is the browser's. */
const BUDGET_MS = 7;

export class Budget {
  readonly #waiting = new Map<object, () => void>();
  readonly #now: () => number;
  readonly #frame: (run: () => void) => void;
  #spent = 0;
  #asked = false;

  constructor(now: () => number, frame: (run: () => void) => void) {
    this.#now = now;
    this.#frame = frame;
  }

  /** Runs now if the frame has time left, else when its turn comes. A later job of the same owner takes the place of an earlier one. */
  run(owner: object, job: () => void): void {
    if (this.#spent >= BUDGET_MS || this.#waiting.size > 0) this.#waiting.set(owner, job);
    else this.#do(job);
    this.#ask();
  }

  /** Runs now whatever it costs: the last job of its owner. */
  last(owner: object, job: () => void): void {
    this.#waiting.delete(owner);
    this.#do(job);
    this.#ask();
  }

  /** The owner is gone. */
  forget(owner: object): void {
    this.#waiting.delete(owner);
  }

  #do(job: () => void): void {
    const from = this.#now();
    job();
    this.#spent += this.#now() - from;
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    this.#frame(() => {
      this.#asked = false;
      this.#spent = 0;
      for (const [owner, job] of this.#waiting) {
        if (this.#spent >= BUDGET_MS) break;
        this.#waiting.delete(owner);
        this.#do(job);
      }
      if (this.#waiting.size > 0 || this.#spent > 0) this.#ask();
    });
  }
}
