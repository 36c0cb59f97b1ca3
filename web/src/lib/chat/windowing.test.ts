import { describe, expect, it } from "vitest";
import { chance } from "../markdown/samples";
import { Heights } from "./windowing";

function keys(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `m${n}`);
}

describe("heights", () => {
  it("find rows by distance like a plain sum does", () => {
    for (const count of [1, 2, 3, 7, 8, 100, 333]) {
      const random = chance(count);
      const heights = new Heights(100);
      heights.rows(keys(count));
      const plain = keys(count).map(() => 100);
      for (let n = 0; n < count; n += 1) {
        const row = Math.floor(random() * count);
        plain[row] = 1 + Math.floor(random() * 300);
        heights.measure(`m${row}`, plain[row]);
      }
      const total = plain.reduce((sum, height) => sum + height, 0);
      expect(heights.total).toBe(total);
      for (let n = 0; n < 50; n += 1) {
        const distance = Math.floor(random() * total);
        let row = 0;
        let sum = plain[0] ?? 0;
        while (sum <= distance) sum += plain[(row += 1)] ?? 0;
        expect(heights.at(distance)).toBe(row);
        expect(heights.offset(row)).toBe(sum - (plain[row] ?? 0));
      }
    }
  });

  it("keep few rows in the page and add up to the whole", () => {
    const heights = new Heights(200);
    heights.rows(keys(2_000));
    const { from, to, before, after } = heights.range(100_000, 800, 1_000);
    expect(to - from).toBeLessThan(20);
    expect(before + after + (to - from) * 200).toBe(2_000 * 200);
    expect(heights.range(0, 800, 0).from).toBe(0);
    expect(heights.range(400_000, 800, 0).to).toBe(2_000);
  });

  it("remember what was measured when rows come and go", () => {
    const heights = new Heights(10);
    heights.rows(["a", "b"]);
    expect(heights.measure("a", 50)).toBe(40);
    heights.rows(["x", "a"]);
    expect(heights.offset(2)).toBe(60);
    expect(heights.place("a")).toBe(1);
    expect(heights.measure("gone", 5)).toBe(0);
  });

  it("stand having no rows", () => {
    const heights = new Heights(10);
    expect(heights.range(0, 100, 0)).toEqual({ from: 0, to: 0, before: 0, after: 0 });
    expect(heights.total).toBe(0);
  });
});
