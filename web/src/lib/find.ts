/** Finding by a few typed letters: every word must be there, better places first. Pure. */

/** How well `text` answers `typed`: 0 not at all, higher is better. */
export function score(text: string, typed: string): number {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const hay = text.toLowerCase();
  let sum = 1;
  for (const word of words) {
    const at = hay.indexOf(word);
    if (at < 0) return 0;
    sum += at === 0 ? 4 : /[\s/:._-]/.test(hay[at - 1] ?? "") ? 3 : 1;
  }
  return sum;
}

/** The items that answer, best first; all of them, as they stand, when nothing was typed. */
export function find<T>(items: readonly T[], typed: string, text: (item: T) => string): T[] {
  if (typed.trim() === "") return items.slice();
  return items
    .map((item) => ({ item, points: score(text(item), typed) }))
    .filter(({ points }) => points > 0)
    .sort((a, b) => b.points - a.points)
    .map(({ item }) => item);
}
