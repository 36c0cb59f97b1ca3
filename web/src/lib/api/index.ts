export { address, api, ApiError, asApiError, query, segment, send } from "./http";
export { applyDelta, foldMessages } from "./fold";
export type { LiveState } from "./fold";
export { live } from "./live.svelte";
export type * from "./records";
