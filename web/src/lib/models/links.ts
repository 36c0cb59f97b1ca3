/** Where other pages are, as far as this one leads there. */

export const chatWith = (model: string): string => `/chat?model=${encodeURIComponent(model)}`;
