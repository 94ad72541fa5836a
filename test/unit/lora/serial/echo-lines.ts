import { MockBinding } from "../../../../node_modules/@serialport/binding-mock/dist/index.js";
import { openPty, type Pty } from "../../../../src/bench/pty.ts";
import type { BindingInterface } from "../../../../src/lora/serial/bindings-interface.ts";
import { linuxBinding } from "../../../../src/lora/serial/index.ts";

export interface EchoLine {
  binding: BindingInterface;
  path: string;
  close(): void;
}

/** A binding with lines that send back what they get: what is asked of every binding is asked of each of these. */
export const BINDINGS = [
  { name: "binding-mock", open: mockLine },
  { name: "ours, on a pseudo-terminal", open: ptyLine },
] satisfies { name: string; open: () => EchoLine }[];

let mocks = 0;

function mockLine(): EchoLine {
  const path = `/dev/echo${mocks++}`;
  MockBinding.createPort(path, { echo: true });
  // What its types say it extends is lost to them, as bindings-interface.ts says.
  const binding = MockBinding as typeof MockBinding & BindingInterface;
  return { binding, path, close: () => MockBinding.reset() };
}

function ptyLine(): EchoLine {
  const pty: Pty = openPty();
  pty.onData((bytes) => pty.write(bytes));
  return { binding: linuxBinding, path: pty.path, close: () => pty.hangUp() };
}
