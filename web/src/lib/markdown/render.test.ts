// @vitest-environment jsdom
import { describe, expect, it } from "vitest";
import { splitWhole } from "./blocks";
import { fenced, render, toHtml } from "./render";
import { safeLink, safePicture } from "./safe";
import { ANSWER } from "./samples";

function html(source: string): string {
  const box = document.createElement("div");
  for (const { source: block, kind } of splitWhole(source).frozen) box.append(render(block, kind));
  return box.innerHTML;
}

const HOSTILE = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<svg/onload=alert(1)>",
  "[x](javascript:alert(1))",
  "[x](JaVaScRiPt&#58;alert(1))",
  "[x](java\u0000script:alert(1))",
  "[x](\u0001javascript:alert(1))",
  "[x](data:text/html;base64,PHNjcmlwdD4=)",
  "[x](vbscript:x)",
  "![x](javascript:alert(1))",
  "![x](data:image/svg+xml;base64,AAAA)",
  '![" onerror="alert(1)](https://example.org/a.png)',
  '[x](https://example.org/"onmouseover="alert(1))',
  '[x](https://example.org "t" onclick="alert(1)")',
  '<a href="javascript:alert(1)">x</a>',
  '<iframe src="https://example.org"></iframe>',
  "<style>@import url(https://example.org)</style>",
  "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
  '```html"><img src=x onerror=alert(1)>\n<script>alert(1)</script>\n```',
  "| <img src=x onerror=alert(1)> |\n|---|\n| <script>x</script> |\n",
  "<javascript:alert(1)>",
  "$\\href{javascript:alert(1)}{x}$",
  "&lt;img src=x onerror=alert(1)&gt;",
  "[r]\n\n[r]: javascript:alert(1)\n",
  '<form action="https://example.org"><input name=a></form>',
  '<base href="https://example.org">',
];

describe("hostile Markdown", () => {
  it.each(HOSTILE)("%s", (source) => {
    const box = document.createElement("div");
    box.innerHTML = html(source);
    expect(box.querySelectorAll("script,style,iframe,svg,math,form,input,base,object,embed,link,meta")).toHaveLength(0);
    for (const element of box.querySelectorAll("*")) {
      for (const { name, value } of element.attributes) {
        expect(name).not.toMatch(/^on|^style$|^srcset$/);
        if (name === "href") expect(value).toMatch(/^(https?:\/\/|mailto:)/);
        if (name === "src") expect(value).toMatch(/^data:image\/(png|jpeg|gif|webp|avif)/);
      }
    }
  });

  it("shows HTML as text", () => {
    const box = document.createElement("div");
    box.innerHTML = html("<b>bold</b> and <!-- hidden -->");
    expect(box.textContent).toBe("<b>bold</b> and <!-- hidden -->");
  });

  it.each([
    ["quotes", ">".repeat(20_000) + " x"],
    ["lists", Array.from({ length: 2_000 }, (_, n) => `${" ".repeat(n * 2)}- x`).join("\n")],
    ["brackets", "[".repeat(15_000)],
    ["stars", "*a ".repeat(5_000)],
    ["links", "[a](".repeat(4_000)],
    ["backticks", "`a".repeat(7_000)],
    ["backslashes", "\\".repeat(16_000)],
    ["underscores", "_a_".repeat(5_000)],
    ["angles", "<".repeat(16_000)],
    ["dollars", "$a".repeat(8_000)],
    ["pipes", `${"|a".repeat(1_000)}\n${"|-".repeat(1_000)}\n`],
    ["a megabyte in a line", "x".repeat(1_000_000)],
    ["addresses", "http://a.b/(".repeat(1_200)],
    ["exclamations", "![a".repeat(1_900)],
  ])("is done quickly: %s", (_name, source) => {
    const started = performance.now();
    html(source);
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});

describe("rendering", () => {
  it("gives block by block what the whole gives", () => {
    const { frozen } = splitWhole(ANSWER.replaceAll("[see][ref]", "see").replace(/\[ref\].*\n/, ""));
    const parts = frozen.map(({ source }) => toHtml(source)).join("");
    const whole = toHtml(ANSWER.replaceAll("[see][ref]", "see").replace(/\[ref\].*\n/, ""));
    expect(parts.replace(/\s+/g, " ")).toBe(whole.replace(/\s+/g, " "));
  });

  it("opens links elsewhere, and names pictures elsewhere instead of loading them", () => {
    const shown = html("[a](https://example.org) ![pic](https://example.org/p.png)");
    expect(shown).not.toContain("<img");
    expect(shown.match(/rel="noopener noreferrer"/g)).toHaveLength(2);
    expect(shown.match(/target="_blank"/g)).toHaveLength(2);
  });

  it("shows a picture that is in the text", () => {
    expect(html("![dot](data:image/png;base64,iVBORw0KGgo=)")).toContain(
      '<img src="data:image/png;base64,iVBORw0KGgo="',
    );
  });

  it("takes prices for prices and formulas for formulas", () => {
    expect(html("from $5 to $10 or so")).not.toContain("md-math");
    expect(html("so $x+1$ is \\(y\\)").match(/md-math/g)).toHaveLength(2);
    expect(html("$$\nx\n- 1\n$$\n")).toContain("md-math-display");
  });

  it("keeps what assistive technology needs", () => {
    const shown = html("| a |\n|:-:|\n| 1 |\n\n3. x\n");
    for (const said of ['role="region"', 'tabindex="0"', 'scope="col"', 'align="center"', 'start="3"', 'dir="auto"'])
      expect(shown).toContain(said);
  });

  it("draws task lists without form fields", () => {
    const shown = html("- [x] done\n- [ ] open\n");
    expect(shown).toContain('aria-label="done"');
    expect(shown).toContain('aria-label="not done"');
  });

  it("breaks a line in a table cell", () => {
    expect(html("|a|\n|-|\n|x<br>y|\n")).toContain("x<br>y");
  });

  it("uses references that are given", () => {
    const references = new Map([["r", { href: "https://example.org", title: "" }]]);
    const box = document.createElement("div");
    box.append(render("[text][R]", "text", { references }));
    expect(box.querySelector("a")?.getAttribute("href")).toBe("https://example.org");
  });
});

describe("fences", () => {
  it.each([
    ["```py\na\n```\n", "py", "a"],
    ["```py\na\n``", "py", "a"],
    ["```py\na\n\n", "py", "a\n\n"],
    ["```py\n```", "py", ""],
    ["```", "", ""],
    ["  ~~~\n  a\n    b\n  ~~~\n", "", "a\n  b"],
    ["````\n```\nx\n```\n````\n", "", "```\nx\n```"],
  ])("%j", (source, lang, text) => {
    expect(fenced(source)).toEqual({ lang, text });
  });
});

describe("addresses", () => {
  it("lets three kinds through", () => {
    expect(safeLink("https://a")).toBe("https://a");
    expect(safeLink("mailto:a@b")).toBe("mailto:a@b");
    expect(safeLink("file:///etc/passwd")).toBe("");
    expect(safeLink("/hostler/api/sessions")).toBe("");
    expect(safePicture("data:image/svg+xml;base64,AA")).toBe("");
  });
});
