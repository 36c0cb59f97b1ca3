/** Documents for the tests: what models write, and what nobody should. */

export const ANSWER = `# Heading

A paragraph with **bold**, *emphasis*, \`code\` and a [link](https://example.org).
It goes on here
and here.

Title
-----

- one
- two
  with more

  and a second paragraph

  \`\`\`js
  const inside = 1;

  const more = 2;
  \`\`\`
- three
    1. nested
    2. again

1. first

2. second

> quoted
> text
lazy line

| a | b |
|---|--:|
| 1 | 2 |
| x<br>y | **z** |

\`\`\`python
def f(x):

    return x  # \`\`\` not the end
\`\`\`
~~~
tilde

\`\`\`
inside
~~~
    indented code

    more of it

Formula $a^2 + b^2$ and costs $5 to $10.

$$
\\int_0^1 x
- 1
= 2
$$

\\[ x = 1 \\]

* * *
Last [see][ref] one.

[ref]: https://example.org/ref "Title"

- [ ] open
- [x] done

مرحبا بالعالم

Ending without newline`;

export const SNIPPETS: readonly string[] = [
  "a\n",
  "b c d\n",
  "\n",
  "\n\n",
  "- x\n",
  "  y\n",
  "    z\n",
  "1. q\n",
  "2) r\n",
  "```\n",
  "```js\n",
  "~~~\n",
  "````\n",
  "# h\n",
  "## ",
  "---\n",
  "===\n",
  "***\n",
  "> q\n",
  ">\n",
  "| a | b |\n",
  "|---|---|\n",
  "| 1 |\n",
  "<div>\n",
  "</div>\n",
  "<!-- c\n",
  "-->\n",
  "<script>\n",
  "[r]: http://x\n",
  "[r]\n",
  "**b",
  "**",
  "`",
  "$$\n",
  "\\[\n",
  "\\]\n",
  "\r\n",
  "\r",
  "\t",
  " ",
  "-",
  "- [ ] t\n",
  "é𝄞\n",
  "* * *\n",
  "+",
  "1.",
  "#",
  "\\\n",
  "&amp;\n",
  "&lt;script&gt;\n",
];

/** Numbers in [0, 1) that are the same each time (a linear congruence is enough to choose test cases). */
export function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}
