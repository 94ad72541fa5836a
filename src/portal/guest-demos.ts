import type { DemoNews, DemoRefusal, DemoSize } from "../vm/demo/index.ts";

/** What visitors may do with machines that the box lends them; `Demos` of src/vm/demo, where there is one. */
export interface GuestDemos {
  begin(station: string, size: DemoSize): Promise<{ id: string } | { refused: DemoRefusal }>;
  listen(id: string, station: string, hear: (news: DemoNews) => boolean): (() => void) | undefined;
  more(id: string): void;
  type(id: string, station: string, bytes: Uint8Array): boolean;
  leave(id: string, station: string): void;
}
