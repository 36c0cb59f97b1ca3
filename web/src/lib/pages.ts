/** The pages' code, each fetched when it is first opened. */
import type { Component } from "svelte";

import type { PageName } from "./routes";

/** What every page is given; one that does not care for it may leave it out. */
export interface PageProps {
  /** The session id of the path, "" without one. */
  id: string;
}

const PAGES: Record<PageName, () => Promise<{ default: Component<never> }>> = {
  chat: () => import("../pages/Chat.svelte"),
  models: () => import("../pages/Models.svelte"),
  compare: () => import("../pages/Compare.svelte"),
  settings: () => import("../pages/Settings.svelte"),
  missing: () => import("../pages/Missing.svelte"),
};

/** A page's component; rejects when its file cannot be had. */
export async function loadPage(name: PageName): Promise<Component<PageProps>> {
  const { default: page } = await PAGES[name]();
  return page as unknown as Component<PageProps>;
}
