export { ConfError, type ConfProblem } from "./conf-error.ts";
export { isLocallyAdministered, macAddress } from "./mac-address.ts";
export { hasControlByte, quoted, unquoted, utf8Bytes, utf8Text } from "./quoted-string.ts";
export { faultText, type Row, rowsOf } from "./row.ts";
export { type Line, readRows, rowProblems, Section, writeRows } from "./section.ts";
export { type Ssid, ssidBytes, ssidCodec, ssidOf } from "./ssid.ts";
export {
  choice,
  countryCode,
  directory,
  filePath,
  flag,
  integer,
  integers,
  interfaceName,
  passphrase,
  presharedKey,
  text,
  type ValueCodec,
} from "./value-codec.ts";
