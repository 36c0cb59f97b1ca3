/** Engine logs as text: colours and cursor moves gone, progress that rewrites its line reduced to what it ends as. */

// ESC [ ... letter (colours, cursor), ESC ] ... BEL or ESC \ (titles), ESC and one more (the rest); C1 forms too.
const SEQUENCES =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[@-_a-z0-9=>]/g;
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

export function plain(line: string): string {
  const bare = line.replace(SEQUENCES, "").replace(/[\r\n]+$/, "");
  return bare.slice(bare.lastIndexOf("\r") + 1).replace(CONTROLS, "");
}
