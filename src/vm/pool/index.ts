export { type PoolPolicy, USUAL_POOL } from "./plan-pool.ts";
export { Pool, type PoolOptions } from "./pool.ts";
export { PoolError, type PoolGround } from "./pool-ground.ts";
export type { PooledMachine } from "./pooled-machine.ts";
export type { Shape, ShapeWish } from "./shape.ts";
