/** A search hit's text with what matched told apart. Pure. */

export interface Piece {
  readonly text: string;
  readonly hit: boolean;
}

/** Pieces of a text that has \u0002 and \u0003 around what matched. */
export function marked(snippet: string): Piece[] {
  const pieces: Piece[] = [];
  let hit = false;
  for (const text of snippet.split(/([\u0002\u0003])/)) {
    if (text === "\u0002") hit = true;
    else if (text === "\u0003") hit = false;
    else if (text !== "") pieces.push({ text, hit });
  }
  return pieces;
}
