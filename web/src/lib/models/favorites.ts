/** The favorites, in the order in which they were chosen; the chat's picker shares them. */

export function toggled(favorites: readonly string[], id: string): string[] {
  return favorites.includes(id) ? favorites.filter((each) => each !== id) : [...favorites, id];
}
