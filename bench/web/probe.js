/*
 * What a page notes of itself while it is measured. Times are unix ms, so that they can be held against other programs'.
 * Knows: frames, long tasks, clicks, when something has been painted. Does not know: what is measured.
 */
(() => {
  const LIMIT_MS = 60_000;
  const unix = (time) => performance.timeOrigin + time;
  let stamps = [];
  let long = [];
  let noting = 0;
  let clicked = 0;

  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) long.push([unix(entry.startTime), entry.duration]);
  }).observe({ type: "longtask", buffered: false });
  addEventListener("click", (event) => (clicked = unix(event.timeStamp)), { capture: true });

  const note = (which) =>
    requestAnimationFrame((time) => {
      if (noting !== which) return;
      stamps.push(unix(time));
      note(which);
    });

  // A message posted in a frame's callback comes after that frame was laid out and painted.
  const painted = () =>
    new Promise((done) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => done(unix(performance.now()));
      requestAnimationFrame(() => channel.port2.postMessage(0));
    });

  const ends = (selector, count, word) => {
    const found = document.querySelectorAll(selector);
    if (found.length < count) return false;
    for (const each of found) if (!each.lastElementChild?.textContent.trimEnd().endsWith(word)) return false;
    return true;
  };

  window.bench = {
    ends,
    clicked: () => clicked,
    frames: () => {
      stamps = [];
      long = [];
      noting = performance.now();
      note(noting);
    },
    noted: () => {
      noting = 0;
      return { stamps, long };
    },
    /* When the frame was painted in which the check held, for `still` frames one after the other. */
    until: (check, still = 1) =>
      new Promise((done, failed) => {
        const end = performance.now() + LIMIT_MS;
        let held = 0;
        let first = null;
        const look = () => {
          if (check()) {
            first ??= painted();
            held += 1;
            if (held >= still) return void Promise.all([first, painted()]).then(([first, last]) => done({ first, last }));
          } else {
            held = 0;
            first = null;
          }
          if (performance.now() > end) failed(new Error("what was waited for did not come"));
          else requestAnimationFrame(look);
        };
        look();
      }),
  };
})();
