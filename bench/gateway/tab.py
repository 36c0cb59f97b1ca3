"""A tab of the workbench without a browser: asks what a page asks, then reads the stream of events until it is ended.

    python tab.py PORT TOKEN_FILE       prints a line once the stream is open

Knows: a page's first requests. Does not know: what is in the answers.
"""

import http.client
import sys
from pathlib import Path

ASKED = ("/", "/hostler/api/preferences", "/hostler/api/sessions", "/hostler/api/models")


def main(port: int, token: str) -> int:
    """Hold it open; the exit status is 1 when something is refused."""
    headers = {"Authorization": f"Bearer {token}"}
    page = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for path in ASKED:
        page.request("GET", path, headers=headers)
        answer = page.getresponse()
        answer.read()
        if answer.status != 200:
            print(f"{path}: {answer.status}", file=sys.stderr)
            return 1
    events = http.client.HTTPConnection("127.0.0.1", port)
    events.request("GET", "/hostler/api/events", headers=headers)
    answer = events.getresponse()
    if answer.status != 200:
        print(f"events: {answer.status}", file=sys.stderr)
        return 1
    print("open", flush=True)
    while answer.read1(65536):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2]).read_text().strip()))
