import { expect, it } from "vitest";

import { readFileSync } from "node:fs";

import { BACKGROUNDS, CODE, TEXTS } from "./tokens";

const sheet = readFileSync(new URL("../../app.css", import.meta.url), "utf8");

it("swaps every token inside an earlier session, code included", () => {
  for (const name of [...BACKGROUNDS, ...TEXTS, ...CODE, "border", "line-strong"]) {
    expect(sheet, name).toContain(`--${name}: var(--old-${name});`);
  }
});
