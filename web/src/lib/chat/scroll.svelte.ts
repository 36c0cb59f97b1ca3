/**
 * Keeps a scroller at its bottom while the person is there, and lets go the moment they scroll up.
 *
 * Knows: one scroller and its content. Does not know: what is in it.
 */
import { untrack } from "svelte";

/** This close to the bottom counts as there (px). */
const NEAR = 32;

export class Pin {
  pinned = $state(true);
  #scroller: HTMLElement | null = null;
  #last = 0;
  #height = 0;

  /**
   * Follows a scroller whose content is `content`; returns how to end. Untracked: an effect that follows must not begin
   * anew because the person scrolls.
   */
  follow(scroller: HTMLElement, content: HTMLElement): () => void {
    return untrack(() => this.#follow(scroller, content));
  }

  #follow(scroller: HTMLElement, content: HTMLElement): () => void {
    this.#scroller = scroller;
    this.#last = scroller.scrollTop;
    const onScroll = (): void => {
      const top = scroller.scrollTop;
      if (scroller.scrollHeight - top - scroller.clientHeight <= NEAR) this.pinned = true;
      // A content that became shorter takes the place along; only a person goes up in one that did not.
      else if (top < this.#last - 1 && scroller.scrollHeight >= this.#height) this.pinned = false;
      this.#last = top;
      this.#height = scroller.scrollHeight;
    };
    const sizes = new ResizeObserver(() => {
      if (this.pinned) this.#down();
    });
    scroller.addEventListener("scroll", onScroll, { passive: true });
    sizes.observe(content);
    sizes.observe(scroller);
    if (scroller.scrollHeight - scroller.clientHeight <= NEAR) this.pinned = true;
    if (this.pinned) this.#down();
    return () => {
      scroller.removeEventListener("scroll", onScroll);
      sizes.disconnect();
      this.#scroller = null;
    };
  }

  /** Goes to the bottom and stays there. */
  toLatest(): void {
    this.pinned = true;
    this.#down();
  }

  /** Something else than the bottom is to be seen. */
  letGo(): void {
    this.pinned = false;
  }

  #down(): void {
    const scroller = this.#scroller;
    if (!scroller) return;
    scroller.scrollTop = scroller.scrollHeight;
    this.#last = scroller.scrollTop;
    this.#height = scroller.scrollHeight;
  }
}
