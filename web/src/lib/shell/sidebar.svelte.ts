/** Whether the sidebar is there: beside the page when it is wide, over it as a drawer when it is narrow. */

const WIDE = "(min-width: 700px)";
const STORED = "hostler.sidebar";

class Sidebar {
  wide = $state(matchMedia(WIDE).matches);
  #beside = $state(remembered());
  #drawer = $state(false);
  open = $derived(this.wide ? this.#beside : this.#drawer);

  constructor() {
    matchMedia(WIDE).addEventListener("change", (event) => {
      this.wide = event.matches;
      this.#drawer = false;
    });
  }

  toggle(): void {
    if (!this.wide) {
      this.#drawer = !this.#drawer;
      return;
    }
    this.#beside = !this.#beside;
    try {
      localStorage.setItem(STORED, this.#beside ? "open" : "closed");
    } catch {
      // It is then open again after a reload.
    }
  }

  /** Put the drawer away; beside a wide page the sidebar stays. */
  closeDrawer(): void {
    this.#drawer = false;
  }
}

function remembered(): boolean {
  try {
    return localStorage.getItem(STORED) !== "closed";
  } catch {
    // Forbidden by the browser: open, as for somebody new.
    return true;
  }
}

export const sidebar = new Sidebar();
