/** What happens to dist after Vite: licences, compressed copies, size check. A plugin, since Node 20 runs no TypeScript. */
import { readFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

import type { Plugin } from "vite";

import { checkSize, type Manifest } from "./check-size.ts";
import { licenceText } from "./licences.ts";

const brotli = promisify(brotliCompress);
const zip = promisify(gzip);
/** Vite writes it here when it is told to. */
export const MANIFEST = "manifest.json";
/** No part of a first load: the frame that comes with the first diagram. */
const LATE_PAGE = "diagram.html";
const COMPRESSED = /\.(html|js|css|svg|txt|json|wasm)$/;

/** Every file below `root`, relative, with forward slashes. */
export async function filesBelow(root: string, folder = ""): Promise<string[]> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const found = await Promise.all(
    entries.map((entry) => {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(root, path) : [path];
    }),
  );
  return found.flat().sort();
}

async function compress(path: string): Promise<void> {
  const data = await readFile(path);
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length } };
  await writeFile(`${path}.br`, await brotli(data, quality));
  await writeFile(`${path}.gz`, await zip(data, { level: 9 }));
}

/** The Vite plugin: `dist` is the folder that the build writes. */
export function finish(dist: string): Plugin {
  const modules = new Set<string>();
  return {
    name: "hostler-finish",
    apply: "build",
    buildStart() {
      modules.clear();
    },
    moduleParsed(info) {
      modules.add(info.id);
    },
    closeBundle: {
      order: "post",
      sequential: true,
      async handler() {
        const { [LATE_PAGE]: _, ...manifest } = JSON.parse(await readFile(join(dist, MANIFEST), "utf8")) as Manifest;
        await rm(join(dist, MANIFEST)); // of use here only
        await writeFile(join(dist, "licenses.txt"), await licenceText(modules));
        const files = (await filesBelow(dist)).filter((path) => COMPRESSED.test(path));
        await Promise.all(files.map((path) => compress(join(dist, path))));
        console.log(await checkSize(dist, manifest));
      },
    },
  };
}
