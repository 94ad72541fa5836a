import { Option } from "commander";

/** Where a process that the box starts listens; given once for each address. */
export const listenOption = (): Option =>
  new Option("--listen <address:port>", "where to listen")
    .argParser((value, before: string[]) => [...before, value])
    .default([]);
