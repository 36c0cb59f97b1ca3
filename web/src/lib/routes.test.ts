import { expect, it } from "vitest";

import { chatPath, routeOf } from "./routes";

it("knows the pages, with and without a slash at the end", () => {
  expect(routeOf("/").page).toBe("chat");
  expect(routeOf("/models/").page).toBe("models");
  expect(routeOf("/chat/s_1")).toEqual({ page: "chat", id: "s_1", path: "/chat/s_1" });
  expect(routeOf("/compare/s_1").page).toBe("compare");
});

it("calls everything else missing", () => {
  for (const path of ["/nope", "/chat/a/b", "/chat/%E0%A4%A"]) expect(routeOf(path).page).toBe("missing");
});

it("finds a strange id again", () => {
  expect(routeOf(chatPath("a/b ü'\"")).id).toBe("a/b ü'\"");
});
