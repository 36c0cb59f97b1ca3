/** The licences of what is in the bundle, from the packages' own metadata, held to an allow list. */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

const ALLOWED = new Set(["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD", "CC0-1.0", "Unlicense", "BlueOak-1.0.0"]);
const FOLDER = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;

interface Metadata {
  name: string;
  version: string;
  license?: string;
}

/** Whether an SPDX expression lets us ship: `A OR B` needs one that is allowed, `A AND B` all. */
export function allowed(expression: string): boolean {
  const bare = expression.replace(/[()]/g, " ");
  return bare.split(/\sOR\s/).some((choice) => choice.split(/\sAND\s/).every((name) => ALLOWED.has(name.trim())));
}

/** What a licence file's own words say, for packages whose metadata forgot it. */
export function recognised(text: string): string {
  if (/^\s*(the )?mit license/i.test(text)) return "MIT";
  return /^\s*isc license/i.test(text) ? "ISC" : "";
}

async function licenceFile(folder: string): Promise<string> {
  const name = (await readdir(folder)).find((file) => /^(licen[cs]e|copying)(\.\w+)?$/i.test(file));
  return name === undefined ? "(no licence file in the package)" : (await readFile(join(folder, name), "utf8")).trim();
}

/** The text of licenses.txt for the modules of a bundle; throws when a package's licence is not on the list. */
export async function licenceText(modules: Iterable<string>): Promise<string> {
  const folders = new Set<string>();
  for (const id of modules) {
    const found = FOLDER.exec(id.replaceAll("\0", "").replaceAll("\\", "/"));
    if (found?.[1] !== undefined) folders.add(found[1]);
  }
  const entries: string[] = [];
  for (const folder of [...folders].sort()) {
    const data = JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as Metadata;
    const text = await licenceFile(folder);
    const licence = data.license ?? recognised(text);
    if (!allowed(licence)) throw new Error(`${data.name} has the licence "${licence}", which is not on the list in web/scripts/licences.ts`);
    entries.push(`${data.name} ${data.version} (${licence})\n\n${text}`);
  }
  const rule = `\n\n${"-".repeat(78)}\n\n`;
  return `The workbench contains these packages.${rule}${entries.join(rule)}\n`;
}
