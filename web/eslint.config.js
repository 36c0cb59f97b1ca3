import svelte from "eslint-plugin-svelte";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["src/lib/api/types.ts"] },
  ...ts.configs.recommended,
  ...svelte.configs["flat/recommended"],
  { files: ["**/*.svelte", "**/*.svelte.ts"], languageOptions: { parserOptions: { parser: ts.parser } } },
  {
    rules: {
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      eqeqeq: ["error", "always", { null: "ignore" }],
      "max-lines": ["error", 600],
      // Svelte's own: href is a plain path here, there is no SvelteKit to resolve it.
      "svelte/no-navigation-without-resolve": "off",
      // Maps and sets are replaced whole, never mutated in place.
      "svelte/prefer-svelte-reactivity": "off",
    },
  },
);
