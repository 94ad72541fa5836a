export { type Identified, type IdentifyOptions, identify } from "./identify.ts";
export { type Candidate, rank } from "./rank.ts";
export { type Adapter, AdapterWatcher, type AdapterWatcherOptions } from "./watcher.ts";
