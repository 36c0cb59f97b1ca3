"""The script that the fake vendor follows when none is given, as a person would write it. Knows no code."""

from typing import Final

DEFAULT: Final = """
models:
  - id: echo                    # says what you said
    replies:
      - {when: {tool_result: true}, text: "The tool said: ", echo: true}
      - {echo: true}
  - id: tools                   # calls your first tool, then reports its result
    replies:
      - {when: {tool_result: true}, text: "The tool said: ", echo: true}
      - {call_first_tool: true, text: "I have no tool for this."}
  - id: think                   # reasons, then answers
    replies:
      - {reasoning: "Let me see. The question is short, so the answer may be, too.", text: "You said: ", echo: true}
  - id: redacted                # reasons in the open and behind a curtain
    replies:
      - {reasoning: "Some of this I may show.", redacted: "RmFrZS1yZWRhY3RlZC1kYXRh", text: "Here is the answer."}
  - id: slow                    # ten words a second, after a second of silence
    replies:
      - {pace: {first_s: 1.0, per_second: 10}, text: "Slowly, word by word: ", echo: true}
  - id: long                    # a thousand words
    replies:
      - {text: "LONG"}
  - id: unicode                 # characters of two to four bytes, each cut in two on the line
    replies:
      - {text: "Grüße, 世界, 🐴, e\u0301 and back.", framing: {cut_characters: true}}
  - id: usage                   # every count is used
    replies:
      - {text: "Counted.", usage: {input: 11, cache_read: 7, cache_write: 5, output: 3, reasoning: 2}}
  - id: refuse                  # will not answer
    replies:
      - {refusal: "I cannot help with this."}
  - id: fail-400
    replies: [{failure: {status: 400}}]
  - id: fail-401
    replies: [{failure: {status: 401}}]
  - id: fail-402
    replies: [{failure: {status: 402}}]
  - id: fail-403
    replies: [{failure: {status: 403}}]
  - id: fail-404
    replies: [{failure: {status: 404}}]
  - id: fail-413
    replies: [{failure: {status: 413}}]
  - id: fail-429
    replies: [{failure: {status: 429, retry: {after_s: 1, limits: true}}}]
  - id: fail-429-once           # refuses the first request, serves the next
    replies: [{failure: {status: 429, retry: {after_s: 0}}}, {echo: true}]
    after: cycle
  - id: fail-500
    replies: [{failure: {status: 500}}]
  - id: fail-503
    replies: [{failure: {status: 503}}]
  - id: fail-529
    replies: [{failure: {status: 529}}]
  - id: fail-page               # an HTML page, as from a proxy
    replies: [{failure: {status: 502, page: true}}]
  - id: drop                    # resets the connection in the middle
    replies: [{text: "This sentence will never reach its end.", broken: {how: reset, after_chunks: 3}}]
  - id: cut                     # closes it in good order, in the middle
    replies: [{text: "This sentence will never reach its end.", broken: {how: close, after_chunks: 3}}]
  - id: error                   # an error inside a good stream
    replies: [{text: "This sentence will never reach its end.", broken: {how: error, after_chunks: 3}}]
  - id: stall                   # falls silent for ever
    replies: [{text: "This sentence will never reach its end.", broken: {how: silence, after_chunks: 3}}]
  - id: silent                  # never says anything
    replies: [{broken: {how: silence, before_head: true}}]
  - id: odd                     # follows the rules of the stream to the letter, and nobody's habits
    replies:
      - text: "Odd, but right: "
        echo: true
        framing: {line_end: crlf, comments: true, multiline: true, fields: true, write_size: 7}
""".replace("LONG", " ".join(f"word{number}" for number in range(1, 1001)))
