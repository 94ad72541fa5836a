export { decodeText, encodeText, textCode, warmTextCode } from "./text-code.ts";
