/** What is being written: text, attachments, settings that go with the next message. Kept over a reload, within limits. */
import type { Params, Part } from "../api/records";
import { LONG_PASTE, again, bare, isPicture, parts, pasted, read, type Attachment } from "./attachments";
import { Drafts, NEW, type Setup } from "./drafts";
import { Kept } from "./kept";

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
const kept = new Kept();

export class Composer {
  readonly key: string;
  text = $state("");
  attachments = $state.raw<readonly Attachment[]>([]);
  /** What could not be taken, in words. */
  refused = $state("");
  /** Why the text or the attachments would not outlive a reload, "" if they do. */
  textLost = $state("");
  filesLost = $state("");
  models = $state.raw<readonly string[]>([]);
  params = $state.raw<Params>({});
  system = $state("");
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** What was kept is not shown any more once the message is sent. */
  #sent = false;

  /** `session`: whose draft it is; "" before there is one. */
  constructor(session: string) {
    this.key = session || NEW;
    this.text = drafts.read(this.key);
    const setup = drafts.setup(this.key);
    if (setup) {
      this.models = setup.models;
      this.system = setup.system;
      this.params = setup.params;
    }
    void this.#restore();
  }

  readonly empty = $derived(this.text.trim() === "" && this.attachments.length === 0);

  write(text: string): void {
    this.text = text;
    this.refused = "";
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.keep();
    }, KEEP_MS);
  }

  /** Stores the draft now: the page goes away. */
  keep(): void {
    clearTimeout(this.#timer);
    const whole = drafts.write(this.key, this.text, this.#setup());
    this.textLost = whole ? "" : "This text is too long to be kept: it is lost on a reload.";
  }

  /** Takes what was chosen for a session that does not exist yet. */
  choose(setup: Partial<Setup>): void {
    this.models = setup.models ?? this.models;
    this.system = setup.system ?? this.system;
    this.params = setup.params ?? this.params;
    this.keep();
  }

  /** What is to be sent now, and how to take it out of the box once it is: what was added meanwhile stays. */
  taken(): { parts: Part[]; clear: () => void } {
    const { text, attachments } = this;
    const clear = (): void => {
      this.#sent = true;
      this.text = this.text.startsWith(text) ? this.text.slice(text.length) : this.text;
      this.refused = "";
      this.models = [];
      this.system = "";
      this.params = {};
      this.#attach(this.attachments.filter((one) => !attachments.includes(one)));
      this.keep();
    };
    return { parts: parts(text, attachments), clear };
  }

  remove(key: number): void {
    this.#attach(this.attachments.filter((one) => one.key !== key));
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
    this.#attach([...this.attachments, pasted(text, count)]);
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
        this.#attach([...this.attachments, made]);
      } catch (error) {
        this.refused = error instanceof Error ? error.message : String(error);
      }
    }
  }

  #setup(): Setup | undefined {
    const { models, system, params } = this;
    return models.length === 0 && system === "" && Object.keys(params).length === 0
      ? undefined
      : { models, system, params };
  }

  #attach(attachments: readonly Attachment[]): void {
    if (attachments.length === 0 && this.attachments.length === 0) return;
    this.attachments = attachments;
    void kept.write(this.key, bare(attachments)).then((why) => {
      if (this.attachments === attachments) this.filesLost = why;
    });
  }

  async #restore(): Promise<void> {
    const found = await kept.read(this.key);
    if (this.#sent || found.length === 0) return;
    const before = found.map(again);
    // What was added while the browser looked stands behind them.
    if (this.attachments.length > 0) this.#attach([...before, ...this.attachments]);
    else this.attachments = before;
  }
}
