import type { Pointer } from "bun:ffi";
import { LibvirtError, LibvirtTimeoutError, LibvirtUnavailableError } from "./libvirt-error.ts";
import type { CallName, LaneReply, LaneRequest, LibvirtCalls } from "./libvirt-protocol.ts";

/** So many calls are under way at the most: one that saves a machine for seconds does not hold up one that stops another. */
const MOST_LANES = 4;

interface Job {
  request: LaneRequest;
  settle(reply: LaneReply): void;
  isOver: boolean;
}

interface Lane {
  worker: Worker;
  job: Job | undefined;
}

/**
 * Threads for calls that block. A call that is not answered in time is given up by who asked, but its thread is taken
 * for nothing else before it answers: nothing can end a thread that is in a C function.
 */
export class CallLanes {
  private readonly lanes: Lane[] = [];
  private readonly queue: Job[] = [];
  private lastId = 0;
  private isClosed = false;

  /**
   * @throws {LibvirtError} libvirt refused
   * @throws {LibvirtTimeoutError} it has not answered, or no thread was free in time
   * @throws {LibvirtUnavailableError} there is no libvirt here
   */
  ask<Name extends CallName>(
    call: Name,
    connection: Pointer | undefined,
    args: LibvirtCalls[Name]["arguments"],
    timeoutMs: number,
  ): Promise<LibvirtCalls[Name]["result"]> {
    if (this.isClosed) return Promise.reject(new LibvirtUnavailableError("the connection is closed"));
    this.lastId += 1;
    // The name and its arguments belong together by the signature, which a union does not show to the compiler.
    const request = { id: this.lastId, connection, call, arguments: args } as LaneRequest;
    return new Promise((resolve, reject) => {
      const job: Job = {
        request,
        isOver: false,
        settle(reply) {
          clearTimeout(timer);
          if (job.isOver) return;
          job.isOver = true;
          if ("unavailable" in reply) reject(new LibvirtUnavailableError(reply.unavailable));
          else if ("error" in reply)
            reject(new LibvirtError(call, reply.error.message, reply.error.code, reply.error.domain));
          else resolve(reply.result as LibvirtCalls[Name]["result"]);
        },
      };
      const timer = setTimeout(() => {
        job.isOver = true;
        reject(new LibvirtTimeoutError(call, timeoutMs));
      }, timeoutMs);
      this.queue.push(job);
      this.next();
    });
  }

  /** Ends the threads that are idle at once, the others as soon as they answer. */
  close(): void {
    this.isClosed = true;
    for (const job of this.queue.splice(0))
      job.settle({ id: job.request.id, unavailable: "the connection is closed" });
    for (const lane of this.lanes) {
      if (lane.job === undefined) lane.worker.terminate();
      else lane.worker.unref();
    }
  }

  private next(): void {
    for (;;) {
      while (this.queue[0]?.isOver === true) this.queue.shift();
      if (this.queue.length === 0) return;
      const lane = this.lanes.find((candidate) => candidate.job === undefined) ?? this.newLane();
      if (lane === undefined) return;
      const job = this.queue.shift();
      if (job === undefined) return;
      lane.job = job;
      lane.worker.postMessage(job.request);
    }
  }

  private newLane(): Lane | undefined {
    if (this.lanes.length >= MOST_LANES) return undefined;
    const worker = new Worker(new URL("./libvirt-lane.ts", import.meta.url).href);
    const lane: Lane = { worker, job: undefined };
    const answered = (reply: LaneReply) => {
      lane.job?.settle(reply);
      lane.job = undefined;
      if (this.isClosed) worker.terminate();
      else this.next();
    };
    worker.onmessage = ({ data }: MessageEvent<LaneReply>) => answered(data);
    // It could not be started at all: libvirt's own errors come as answers.
    worker.onerror = ({ message }) => answered({ id: lane.job?.request.id ?? 0, unavailable: message });
    this.lanes.push(lane);
    return lane;
  }
}
