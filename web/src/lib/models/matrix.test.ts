import { expect, test } from "vitest";

import { cell, COLUMNS, rows, type Wanted } from "./matrix";
import { model, provider } from "./samples";

const said = (value: boolean | number | string, uncertain = false) => ({ value, source: "table 1", as_of: "2026-11-20", uncertain });
const column = (name: string) => COLUMNS.find((each) => each.name === name)!;
const ALL: Wanted = { query: "", abilities: new Set(), favorites: [], by: null, descending: false };

const CHEAP = model("a/cheap", { local: false, capabilities: { input_price: said(0.1), vision: said(false), context_window: said(8000) } });
const DEAR = model("a/dear", { local: false, capabilities: { input_price: said(5), vision: said(true), tool_calling: said(true) } });
const HERE = model("here/m", { local: true, capabilities: { vision: said(true, true), context_window: said(131072) } });
const MODELS = [CHEAP, DEAR, HERE];
const MACHINES = new Map([["a", provider("a", { label: "Desk" })]]);
const ids = (wanted: Partial<Wanted>) => rows(MODELS, MACHINES, { ...ALL, ...wanted }).map((each) => each.id);

test("a cell says its value, and its source where one points at it", () => {
  expect(cell(DEAR, column("vision"))).toEqual({
    text: "yes",
    title: "Sees images: yes. Source: table 1, as of 2026-11-20.",
    tone: "yes",
  });
  expect(cell(CHEAP, column("vision")).text).toBe("no");
  expect(cell(HERE, column("vision")).text).toBe("yes ?");
  expect(cell(HERE, column("context_window")).text).toBe("128k");
  expect(cell(DEAR, column("input_price")).text).toBe("$5.00");
});

test("what nobody says is unknown, never yes, and a local model is free", () => {
  expect(cell(CHEAP, column("tool_calling"))).toEqual({
    text: "?",
    title: "Calls tools: unknown, for nobody says.",
    tone: "unknown",
  });
  expect(cell(CHEAP, column("output_price")).text).toBe("-");
  expect(cell(HERE, column("output_price")).text).toBe("Free (local)");
  expect(ids({ abilities: new Set(["tool_calling"]) })).toEqual(["a/dear"]);
});

test("rows are found by name and machine, and by all that they must be able to do", () => {
  expect(ids({ query: "desk" })).toEqual(["a/cheap", "a/dear"]);
  expect(ids({ abilities: new Set(["vision"]) })).toEqual(["a/dear", "here/m"]);
  expect(ids({ abilities: new Set(["vision"]), query: "here" })).toEqual(["here/m"]);
});

test("favorites come first, and an order puts what is unknown last", () => {
  expect(ids({ favorites: ["here/m"] })).toEqual(["here/m", "a/cheap", "a/dear"]);
  expect(ids({ by: "input_price" })).toEqual(["here/m", "a/cheap", "a/dear"]);
  expect(ids({ by: "input_price", descending: true })).toEqual(["a/dear", "a/cheap", "here/m"]);
  expect(ids({ by: "context_window" })).toEqual(["a/cheap", "here/m", "a/dear"]);
  expect(ids({ by: "context_window", descending: true })).toEqual(["here/m", "a/cheap", "a/dear"]);
  expect(ids({ by: "id", descending: true })).toEqual(["here/m", "a/dear", "a/cheap"]);
});

test("every capability is a column once", () => {
  expect(new Set(COLUMNS.map((each) => each.name)).size).toBe(COLUMNS.length);
});
