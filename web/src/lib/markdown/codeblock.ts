/**
 * Dresses code: a bar with the language and what can be done with it.
 *
 * Knows: the bar and its actions. Does not know: colours (`late.ts`), Markdown.
 */

import { copyText } from "../ui/clipboard";

const ENDINGS: Readonly<Record<string, string>> = {
  bash: "sh",
  c: "c",
  cpp: "cpp",
  csharp: "cs",
  css: "css",
  diff: "diff",
  go: "go",
  html: "html",
  java: "java",
  javascript: "js",
  js: "js",
  json: "json",
  kotlin: "kt",
  lua: "lua",
  markdown: "md",
  md: "md",
  mermaid: "mmd",
  php: "php",
  python: "py",
  py: "py",
  ruby: "rb",
  rust: "rs",
  rs: "rs",
  sh: "sh",
  shell: "sh",
  sql: "sql",
  svelte: "svelte",
  swift: "swift",
  toml: "toml",
  ts: "ts",
  typescript: "ts",
  xml: "xml",
  yaml: "yaml",
  yml: "yml",
};

/** Language name of a `pre`, "" if none was said. */
export function language(pre: Element): string {
  return /(?:^| )language-(\S+)/.exec(pre.className)?.[1] ?? "";
}

/** File name for code of a language. */
export function fileName(lang: string): string {
  return `code.${ENDINGS[lang.toLowerCase()] ?? "txt"}`;
}

function button(action: string, label: string): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = "button";
  element.className = "md-code-button";
  element.dataset.codeAction = action;
  element.textContent = label;
  return element;
}

/** Puts every bare `pre` under the root into a figure with its bar. */
export function dress(root: ParentNode): void {
  for (const pre of root.querySelectorAll("pre")) {
    if (pre.parentElement?.classList.contains("md-code")) continue;
    const lang = language(pre);
    const figure = document.createElement("figure");
    figure.className = "md-code";
    figure.dir = "ltr";
    const bar = document.createElement("figcaption");
    const name = document.createElement("span");
    name.className = "md-code-lang";
    name.textContent = lang || "text";
    const wrap = button("wrap", "Wrap");
    wrap.setAttribute("aria-pressed", "false");
    bar.append(name, button("copy", "Copy"), wrap, button("download", "Download"));
    pre.replaceWith(figure);
    pre.tabIndex = 0;
    pre.setAttribute("role", "region");
    pre.setAttribute("aria-label", `Code${lang ? `, ${lang}` : ""}`);
    figure.append(bar, pre);
  }
}

/** Hands a text to the browser as a file. */
export function saveText(text: string, name: string, type = "text/plain"): void {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(address);
  }, 10_000);
}

async function act(pressed: HTMLButtonElement, pre: HTMLPreElement): Promise<string> {
  const text = pre.textContent;
  switch (pressed.dataset.codeAction) {
    case "copy": {
      const done = await copyText(text);
      const label = done ? "Copied" : "Not allowed";
      pressed.textContent = label;
      setTimeout(() => {
        pressed.textContent = "Copy";
      }, 1_500);
      return done ? "Code copied" : "The browser does not allow copying here";
    }
    case "wrap": {
      const on = pressed.getAttribute("aria-pressed") !== "true";
      pressed.setAttribute("aria-pressed", String(on));
      pre.classList.toggle("md-wrap", on);
      return "";
    }
    default:
      saveText(text, fileName(language(pre)));
      return "";
  }
}

/** Serves the bars' buttons under an element; `say` gets what a screen reader is to be told. Returns how to stop. */
export function serveBars(root: HTMLElement, say: (text: string) => void): () => void {
  const listener = (event: Event): void => {
    const pressed =
      event.target instanceof Element ? event.target.closest<HTMLButtonElement>("button[data-code-action]") : null;
    const pre = pressed?.closest(".md-code")?.querySelector("pre");
    if (!pressed || !pre) return;
    void act(pressed, pre).then((note) => {
      if (note) say(note);
    });
  };
  root.addEventListener("click", listener);
  return () => {
    root.removeEventListener("click", listener);
  };
}
