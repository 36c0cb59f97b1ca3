import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, it } from "vitest";

import { checkSize } from "./check-size.ts";
import { licenceText } from "./licences.ts";

const MANIFEST = {
  "index.html": { file: "a/index.js", isEntry: true },
  "src/pages/Chat.svelte": { file: "a/Chat.js" },
};
let place = "";

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), "limits-"));
  await mkdir(join(place, "a"));
  for (const name of ["index.html", "a/index.js", "a/Chat.js"]) await writeFile(join(place, name), "small");
});
afterEach(() => rm(place, { recursive: true }));

it("lets a small build pass, and says how large it is", async () => {
  expect(await checkSize(place, MANIFEST)).toMatch(/^first load 0\.\d KB gzip of 150 \(Chat\), dist 0\.00 MB of 5$/);
});

it("fails a build whose first load is too large, and names the file", async () => {
  await writeFile(join(place, "a/Chat.js"), randomBytes(151 * 1024));
  await expect(checkSize(place, MANIFEST)).rejects.toThrow(/too large\n {2}151\.\d KB a\/Chat\.js/);
});

it("counts first loads as they are sent: what compresses well may be larger", async () => {
  await writeFile(join(place, "a/Chat.js"), "x".repeat(1024 * 1024));
  await expect(checkSize(place, MANIFEST)).resolves.toContain("(Chat)");
});

it("fails a build that is too large as a whole, though nobody loads it first", async () => {
  await writeFile(join(place, "a/late.js"), "x".repeat(5 * 1024 * 1024));
  await expect(checkSize(place, MANIFEST)).rejects.toThrow("dist 5.00 MB of 5: too large");
});

async function installed(name: string, metadata: object, licence?: string): Promise<string> {
  const folder = join(place, "node_modules", name);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "package.json"), JSON.stringify({ name, version: "1.0.0", ...metadata }));
  if (licence !== undefined) await writeFile(join(folder, "LICENSE"), licence);
  return join(folder, "index.js");
}

it("lists each package of the bundle once, with its licence's own words", async () => {
  const module = await installed("@good/kit", { license: "MIT" }, "Permission is hereby granted");
  const text = await licenceText([module, `${module}?url`, `\0${module}`, join(place, "src/main.ts")]);
  expect(text.match(/@good\/kit 1\.0\.0 \(MIT\)/g)).toHaveLength(1);
  expect(text).toContain("Permission is hereby granted");
  expect(text).not.toContain("main.ts");
});

it("fails a build with a licence that is not on the list, or with none", async () => {
  const theirs = await installed("theirs", { license: "AGPL-3.0-only" });
  await expect(licenceText([theirs])).rejects.toThrow('theirs has the licence "AGPL-3.0-only"');
  await expect(licenceText([await installed("nobodys", {})])).rejects.toThrow("nobodys has the licence");
});
