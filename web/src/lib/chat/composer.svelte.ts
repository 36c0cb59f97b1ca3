/** What is being written: text, attachments, settings that go with the next message. Kept over a reload but for attachments. */
import type { Params } from "../api/records";
import { LONG_PASTE, isPicture, parts, pasted, read, type Attachment } from "./attachments";
import { Drafts, NEW } from "./drafts";
import type { Part } from "../api/records";

const KEEP_MS = 250;

function storage(): Storage | null {
  try {
    return localStorage;
  } catch {
    // Forbidden by the browser: drafts then live as long as the page.
    return null;
  }
}

const drafts = new Drafts(storage());

export class Composer {
  readonly key: string;
  text = $state("");
  attachments = $state.raw<readonly Attachment[]>([]);
  /** What could not be taken, in words. */
  refused = $state("");
  model = $state("");
  params = $state.raw<Params>({});
  system = $state("");
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `session`: whose draft it is; "" before there is one. */
  constructor(session: string) {
    this.key = session || NEW;
    this.text = drafts.read(this.key);
  }

  readonly empty = $derived(this.text.trim() === "" && this.attachments.length === 0);

  write(text: string): void {
    this.text = text;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.keep();
    }, KEEP_MS);
  }

  /** Stores the draft now: the page goes away. */
  keep(): void {
    clearTimeout(this.#timer);
    drafts.write(this.key, this.text);
  }

  clear(): void {
    this.text = "";
    this.attachments = [];
    this.refused = "";
    this.keep();
  }

  parts(): Part[] {
    return parts(this.text, this.attachments);
  }

  remove(key: number): void {
    this.attachments = this.attachments.filter((one) => one.key !== key);
  }

  /**
   * Takes what was pasted or dropped; true if it became an attachment, so that it is not typed as well. `blind`: why
   * the model cannot see pictures, "" if it can.
   */
  take(data: DataTransfer, blind: string): boolean {
    const files = [...data.files];
    if (files.length > 0) {
      void this.add(files, blind);
      return true;
    }
    const text = data.getData("text/plain");
    if (text.length <= LONG_PASTE) return false;
    const count = this.attachments.filter(({ type }) => type === "document").length;
    this.attachments = [...this.attachments, pasted(text, count)];
    return true;
  }

  async add(files: readonly File[], blind: string): Promise<void> {
    this.refused = "";
    for (const file of files) {
      if (isPicture(file) && blind) {
        this.refused = blind;
        continue;
      }
      try {
        const made = await read(file);
        this.attachments = [...this.attachments, made];
      } catch (error) {
        this.refused = error instanceof Error ? error.message : String(error);
      }
    }
  }
}
