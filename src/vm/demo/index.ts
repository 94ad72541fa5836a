export { KEPT_BYTES } from "./console-line.ts";
export type { DemoGround } from "./demo-machine.ts";
export { type DemoSize, LEAST_SIZE, MOST_SIZE } from "./demo-size.ts";
export { type DemoEnd, type DemoNews, type DemoRefusal, Demos, type DemosOptions } from "./demos.ts";
