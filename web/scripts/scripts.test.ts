import { expect, it } from "vitest";

import { loadedBy } from "./check-size.ts";
import { allowed, recognised } from "./licences.ts";

it("knows which licences may be shipped", () => {
  for (const good of ["MIT", "(MPL-2.0 OR Apache-2.0)", "MIT AND ISC"]) expect(allowed(good), good).toBe(true);
  for (const bad of ["", "GPL-3.0-only", "MIT AND GPL-3.0-only", "UNLICENSED"]) expect(allowed(bad), bad).toBe(false);
  expect([recognised("MIT License\n\nCopyright"), recognised("All rights reserved")]).toEqual(["MIT", ""]);
});

it("counts what a page loads, its rooms as well, once, and not what it loads later", () => {
  const manifest = {
    "index.html": { file: "a/index.js", isEntry: true, imports: ["_svelte.js"], css: ["a/index.css"] },
    "_svelte.js": { file: "a/svelte.js" },
    "src/pages/Chat.svelte": { file: "a/Chat.js", imports: ["_svelte.js", "index.html"], css: ["a/Chat.css"], dynamicImports: ["src/Room.svelte"] },
    "src/Room.svelte": { file: "a/Room.js", imports: ["_svelte.js"], dynamicImports: ["src/late.ts"] },
    "src/late.ts": { file: "a/late.js", imports: ["_svelte.js"] },
  };
  expect([...loadedBy(manifest, "src/pages/Chat.svelte")].sort()).toEqual(["a/Chat.css", "a/Chat.js", "a/Room.js", "a/index.css", "a/index.js", "a/svelte.js", "index.html"]);
});
