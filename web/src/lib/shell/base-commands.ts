/** The commands that are there on every page. */
import { commands, type Command } from "$lib/commands.svelte";
import { router } from "$lib/router.svelte";
import { theme } from "$lib/theme/theme.svelte";
import { MODES } from "$lib/theme/preference";
import { PALETTES, PALETTE_TITLES } from "$lib/theme/tokens";

import { sidebar } from "./sidebar.svelte";
import { toast } from "./toasts.svelte";

const MODE_TITLES = { system: "As the system", light: "Light", dark: "Dark", contrast: "High contrast" } as const;

export function baseCommands(): Command[] {
  const go = (id: string, title: string, path: string, keys: string[], words = ""): Command => ({ id, title, group: "Go to", keys, words, run: () => router.go(path) });
  return [
    { id: "palette", title: "Commands", group: "Page", keys: ["mod+k"], hidden: true, run: () => (commands.paletteOpen = !commands.paletteOpen) },
    { id: "help", title: "Keyboard shortcuts", group: "Page", keys: ["?", "mod+/"], run: () => (commands.helpOpen = true) },
    { id: "sidebar", title: "Show or hide the sidebar", group: "Page", keys: ["mod+b"], run: () => sidebar.toggle() },
    { id: "undo", title: "Undo, or what else the newest notice offers", group: "Page", keys: ["alt+z"], enabled: () => toast.newest !== undefined, run: () => toast.act(toast.newest) },
    // Browsers keep Ctrl+N for themselves in a tab; the second one always arrives.
    { id: "chat.new", title: "New chat", group: "Chat", keys: ["mod+n", "alt+n"], words: "session conversation", run: () => router.go("/chat") },
    go("go.chat", "Chat", "/chat", ["g c"]),
    go("go.models", "Models", "/models", ["g m"], "providers engines load pull"),
    go("go.compare", "Side by side", "/compare", ["g s"], "compare models columns arena"),
    go("go.settings", "Settings", "/settings", ["g ,"], "theme colours preferences"),
    ...MODES.map((mode): Command => ({ id: `theme.${mode}`, title: `Theme: ${MODE_TITLES[mode]}`, group: "Theme", words: "colour appearance", run: () => theme.setMode(mode) })),
    ...PALETTES.map((name): Command => ({ id: `palette.${name}`, title: `Palette: ${PALETTE_TITLES[name]}`, group: "Theme", words: "colour theme", run: () => theme.setPalette(name) })),
  ];
}
