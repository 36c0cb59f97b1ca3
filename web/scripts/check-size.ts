/** Size budget: what a page loads before anybody has touched it, for the heaviest page, and the whole of dist. */
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const FIRST_LOAD = 150 * 1024;
const WHOLE = 5 * 1024 * 1024;
const PAGE = /^src\/pages\/.*\.svelte$/;

interface Chunk {
  file: string;
  isEntry?: boolean;
  imports?: string[];
  dynamicImports?: string[];
  css?: string[];
  assets?: string[];
}
/** Vite's list of what was made from what. */
export type Manifest = Record<string, Chunk>;

/**
 * The files that opening a page loads: the entry's, the page's, what the page itself fetches (a session's room), and all
 * that these import statically.
 */
export function loadedBy(manifest: Manifest, page: string): Set<string> {
  const entries = Object.keys(manifest).filter((key) => manifest[key]?.isEntry);
  const waiting = [page, ...(manifest[page]?.dynamicImports ?? []), ...entries];
  const seen = new Set<string>();
  const files = new Set<string>(["index.html"]);
  for (let key = waiting.pop(); key !== undefined; key = waiting.pop()) {
    const chunk = manifest[key];
    if (chunk === undefined || seen.has(key)) continue;
    seen.add(key);
    for (const file of [chunk.file, ...(chunk.css ?? [])]) files.add(file);
    waiting.push(...(chunk.imports ?? []));
  }
  return files;
}

async function bytesBelow(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    sum += entry.isDirectory() ? await bytesBelow(path) : (await stat(path)).size;
  }
  return sum;
}

const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(1);

/** One line that says how large it is; throws when it is too large, naming the largest files. */
export async function checkSize(dist: string, manifest: Manifest): Promise<string> {
  const sizes = new Map<string, number>();
  const sizeOf = async (file: string): Promise<number> => {
    const size = sizes.get(file) ?? gzipSync(await readFile(join(dist, file))).length;
    sizes.set(file, size);
    return size;
  };
  let worst = { page: "", size: 0, files: new Set<string>() };
  for (const page of Object.keys(manifest).filter((key) => PAGE.test(key))) {
    const files = loadedBy(manifest, page);
    let size = 0;
    for (const file of files) size += await sizeOf(file);
    if (size > worst.size) worst = { page: page.replace(/^.*\/|\.svelte$/g, ""), size, files };
  }
  const whole = await bytesBelow(dist);
  const line = `first load ${kilobytes(worst.size)} KB gzip of ${FIRST_LOAD / 1024} (${worst.page}), dist ${(whole / 1048576).toFixed(2)} MB of ${WHOLE / 1048576}`;
  if (worst.size <= FIRST_LOAD && whole <= WHOLE) return line;
  const largest = [...worst.files].sort((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0)).slice(0, 8);
  throw new Error(`${line}: too large\n${largest.map((file) => `  ${kilobytes(sizes.get(file) ?? 0)} KB ${file}`).join("\n")}`);
}
