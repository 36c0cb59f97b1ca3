/** Where the page is. Plain links work: clicks on them within the page are taken over here. */
import { routeOf, type Route } from "./routes";

class Router {
  route = $state.raw<Route>(routeOf(location.pathname));
  /** The part after ? as it stands. */
  search = $state(location.search);
  hash = $state(location.hash);

  /** Go to a path (with ?query and #hash if any). */
  go(path: string, { replace = false }: { replace?: boolean } = {}): void {
    if (replace) history.replaceState(null, "", path);
    else if (path !== location.pathname + location.search + location.hash) history.pushState(null, "", path);
    this.#read();
  }

  /** Take over links, back and forward; App does it once. Returns how to stop. */
  start(): () => void {
    const back = (): void => this.#read();
    addEventListener("popstate", back);
    document.addEventListener("click", this.#click);
    return () => {
      removeEventListener("popstate", back);
      document.removeEventListener("click", this.#click);
    };
  }

  #read(): void {
    if (location.pathname !== this.route.path) this.route = routeOf(location.pathname);
    this.search = location.search;
    this.hash = location.hash;
  }

  #click = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target !== "" || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname.startsWith("/hostler/") || link.pathname.startsWith("/v1/") || link.pathname.startsWith("/assets/") || link.pathname.includes(".")) return;
    if (link.hash !== "" && link.pathname === location.pathname && link.search === location.search) return;
    event.preventDefault();
    this.go(link.pathname + link.search + link.hash);
  };
}

export const router = new Router();
