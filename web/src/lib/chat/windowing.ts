/**
 * Which rows of a long list are in the page.
 *
 * Pure. Rows have measured heights where they were seen and an estimate elsewhere; sums are kept in a Fenwick tree, so
 * that a place is found and a height changed in logarithmic time.
 */

export interface Range {
  /** First row that is in the page. */
  readonly from: number;
  /** First row after them. */
  readonly to: number;
  /** Height of what is left out before, px. */
  readonly before: number;
  /** Height of what is left out after, px. */
  readonly after: number;
}

export class Heights {
  #keys: readonly string[] = [];
  #sums: Float64Array = new Float64Array(1);
  readonly #known = new Map<string, number>();
  readonly #estimate: number;
  #places = new Map<string, number>();

  /** `estimate`: height of a row nobody has seen, px. */
  constructor(estimate: number) {
    this.#estimate = estimate;
  }

  get total(): number {
    return this.offset(this.#keys.length);
  }

  /** The rows in their order. Heights that were measured stay known. */
  rows(keys: readonly string[]): void {
    this.#keys = keys;
    this.#places = new Map(keys.map((key, at) => [key, at]));
    const size = keys.length;
    const sums = new Float64Array(size + 1);
    for (let at = 1; at <= size; at += 1) {
      sums[at] = (sums[at] ?? 0) + this.#height(keys[at - 1] ?? "");
      const up = at + (at & -at);
      if (up <= size) sums[up] = (sums[up] ?? 0) + (sums[at] ?? 0);
    }
    this.#sums = sums;
  }

  /** Takes in a measured height; gives by how much the row grew, px. */
  measure(key: string, height: number): number {
    const change = height - this.#height(key);
    this.#known.set(key, height);
    const place = this.#places.get(key);
    if (place === undefined || change === 0) return 0;
    for (let at = place + 1; at <= this.#keys.length; at += at & -at) this.#sums[at] = (this.#sums[at] ?? 0) + change;
    return change;
  }

  /** Distance from the list's beginning to a row, px. */
  offset(row: number): number {
    let sum = 0;
    for (let at = Math.min(row, this.#keys.length); at > 0; at -= at & -at) sum += this.#sums[at] ?? 0;
    return sum;
  }

  /** The row at a distance from the beginning. */
  at(distance: number): number {
    let row = 0;
    let left = distance;
    let step = 1;
    while (step * 2 <= this.#keys.length) step *= 2;
    for (; step > 0; step = Math.floor(step / 2)) {
      const sum = this.#sums[row + step] ?? Infinity;
      if (row + step <= this.#keys.length && sum <= left) {
        row += step;
        left -= sum;
      }
    }
    return Math.min(row, Math.max(0, this.#keys.length - 1));
  }

  place(key: string): number {
    return this.#places.get(key) ?? -1;
  }

  /** The rows to have in the page for a view of `height` px at `top`, with `spare` px more on both sides. */
  range(top: number, height: number, spare: number): Range {
    if (this.#keys.length === 0) return { from: 0, to: 0, before: 0, after: 0 };
    const from = this.at(Math.max(0, top - spare));
    const to = Math.min(this.#keys.length, this.at(top + height + spare) + 1);
    return { from, to, before: this.offset(from), after: Math.max(0, this.total - this.offset(to)) };
  }

  #height(key: string): number {
    return this.#known.get(key) ?? this.#estimate;
  }
}
