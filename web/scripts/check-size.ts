/** Size budget: what index.html loads before anybody has touched the page, and the whole of dist. */
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const FIRST_LOAD = 150 * 1024;
const WHOLE = 5 * 1024 * 1024;
const STATIC_IMPORT = /(?:import|from)\s*["']\.\/([^"']+\.js)["']/g;

/** The files that the page loads at once: those index.html names, and what these import statically. */
export async function firstLoad(dist: string): Promise<string[]> {
  const html = await readFile(join(dist, "index.html"), "utf8");
  const waiting = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1] ?? "");
  const found = new Set<string>(["index.html"]);
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    if (!path.endsWith(".js")) continue;
    const code = await readFile(join(dist, path), "utf8");
    const folder = path.slice(0, path.lastIndexOf("/") + 1);
    for (const match of code.matchAll(STATIC_IMPORT)) waiting.push(folder + (match[1] ?? ""));
  }
  return [...found].sort();
}

async function bytesBelow(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    sum += entry.isDirectory() ? await bytesBelow(path) : (await stat(path)).size;
  }
  return sum;
}

/** One line that says how large it is; throws when it is too large, naming the largest files. */
export async function checkSize(dist: string): Promise<string> {
  const parts: [string, number][] = [];
  for (const path of await firstLoad(dist)) parts.push([path, gzipSync(await readFile(join(dist, path))).length]);
  const first = parts.reduce((sum, [, size]) => sum + size, 0);
  const whole = await bytesBelow(dist);
  const line = `first load ${(first / 1024).toFixed(1)} KB gzip of ${FIRST_LOAD / 1024}, dist ${(whole / 1048576).toFixed(2)} MB of ${WHOLE / 1048576}`;
  if (first <= FIRST_LOAD && whole <= WHOLE) return line;
  const largest = parts.sort((a, b) => b[1] - a[1]).slice(0, 8);
  throw new Error(`${line}: too large\n${largest.map(([path, size]) => `  ${path} ${size}`).join("\n")}`);
}
