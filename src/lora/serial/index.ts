export { linuxBinding } from "./binding.ts";
export { BindingError } from "./binding-error.ts";
export { Line } from "./line.ts";
export { type LineInfo, type ListOptions, listLines } from "./list.ts";
export type { LineOpenOptions } from "./open-options.ts";
export { openSerialPort, type SerialPortOptions } from "./serial-port.ts";
