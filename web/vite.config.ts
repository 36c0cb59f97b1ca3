import { fileURLToPath } from "node:url";

import { svelte } from "@sveltejs/vite-plugin-svelte";
import tailwindcss from "@tailwindcss/vite";
import { defineConfig } from "vitest/config";

import { stub } from "./dev/stub.ts";
import { fewerDiagrams } from "./scripts/fewer-diagrams.ts";
import { MANIFEST, finish } from "./scripts/finish.ts";

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const server = process.env["HOSTLER_URL"];
// Elsewhere first, where a server may be serving the one that is there (tools/web.py swaps them).
const dist = process.env["HOSTLER_DIST"] ?? here("../src/hostler/workbench/dist");

export default defineConfig({
  // With HOSTLER_URL the dev server speaks to a running hostler; without it a stub answers.
  plugins: [tailwindcss(), svelte(), fewerDiagrams(), finish(dist), ...(server ? [] : [stub()])],
  resolve: { alias: { $lib: here("src/lib") } },
  build: {
    outDir: dist,
    emptyOutDir: true,
    target: "es2023",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    manifest: MANIFEST,
    rolldownOptions: { input: [here("index.html"), here("diagram.html")] },
    reportCompressedSize: false,
  },
  server: { host: "127.0.0.1", ...(server ? { proxy: { "/hostler": { target: server, changeOrigin: true } } } : {}) },
  preview: { host: "127.0.0.1" },
  // A test that hangs is found; one that waits for a busy machine is not called broken.
  test: { include: ["src/**/*.test.ts", "scripts/**/*.test.ts"], environment: "node", testTimeout: 60_000 },
});
