/** What goes along with a message: pasted text, files, pictures. Knows: files of the browser. Pure but for reading them. */
import type { DocumentPart, ImagePart, Part } from "../api/records";

/** A longer paste (UTF-16 code units) becomes a document. */
export const LONG_PASTE = 4_000;
/** Larger files (bytes) are not taken: the whole session is sent with each turn. */
export const LARGEST = 10 * 1024 * 1024;

export type Attachment = (DocumentPart | ImagePart) & { readonly key: number };

let next = 1;

/** A part of a draft that was kept, as an attachment again. */
export function again(part: DocumentPart | ImagePart): Attachment {
  next += 1;
  return { ...part, key: next };
}

/** The parts themselves, as they are kept and sent. */
export function bare(attachments: readonly Attachment[]): (DocumentPart | ImagePart)[] {
  return attachments.map(({ key: _key, ...part }) => part as DocumentPart | ImagePart);
}

export function pasted(text: string, count: number): Attachment {
  next += 1;
  return { type: "document", name: `pasted-${count + 1}.txt`, text, key: next };
}

const PICTURE = /^image\/(png|jpeg|gif|webp)$/;

export function isPicture(file: File): boolean {
  return file.type.startsWith("image/");
}

/** Reads a file; an error's message says why it cannot be taken. */
export async function read(file: File): Promise<Attachment> {
  if (file.size > LARGEST) throw new Error(`${file.name} is larger than 10 MiB.`);
  next += 1;
  const key = next;
  if (isPicture(file)) {
    if (!PICTURE.test(file.type))
      throw new Error(`${file.name} is ${file.type}; pictures may be PNG, JPEG, GIF or WebP.`);
    return { type: "image", media_type: file.type, data: await base64(file), name: file.name, key };
  }
  const text = await file.text();
  if (text.includes("\u0000")) throw new Error(`${file.name} does not hold text.`);
  return { type: "document", name: file.name, text, key };
}

async function base64(file: File): Promise<string> {
  const address = await new Promise<string>((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => {
      done(String(reader.result));
    };
    reader.onerror = () => {
      failed(new Error(`${file.name} cannot be read.`));
    };
    reader.readAsDataURL(file);
  });
  return address.slice(address.indexOf(",") + 1);
}

/** A message's parts: attachments first, so that the question stands last. */
export function parts(text: string, attachments: readonly Attachment[]): Part[] {
  const along = bare(attachments);
  return text.trim() === "" ? along : [...along, { type: "text", text }];
}
