/** VIR_TYPED_PARAM_FIELD_LENGTH. */
const FIELD_BYTES = 80;
/** struct virTypedParameter: the name, an int, four bytes of nothing, a union of eight bytes. */
export const TYPED_PARAMETER_BYTES = 96;
const TYPE_AT = 80;
const VALUE_AT = 88;

/** virTypedParameterType. */
const INT = 1;
const UINT = 2;
const LLONG = 3;
const ULLONG = 4;
const DOUBLE = 5;
const BOOLEAN = 6;

/**
 * The numbers among libvirt's typed parameters, by name. Text is left out: it is a pointer elsewhere.
 * Numbers beyond 2^53 lose their last digits, which for nanoseconds begins after 104 days.
 */
export function readTypedParameters(view: DataView): Map<string, number> {
  const parameters = new Map<string, number>();
  const decoder = new TextDecoder();
  for (let at = 0; at + TYPED_PARAMETER_BYTES <= view.byteLength; at += TYPED_PARAMETER_BYTES) {
    const field = new Uint8Array(view.buffer, view.byteOffset + at, FIELD_BYTES);
    const end = field.indexOf(0);
    const value = valueAt(view, at);
    if (value !== undefined)
      parameters.set(decoder.decode(field.slice(0, end < 0 ? FIELD_BYTES : end)), value);
  }
  return parameters;
}

function valueAt(view: DataView, at: number): number | undefined {
  switch (view.getInt32(at + TYPE_AT, true)) {
    case INT:
      return view.getInt32(at + VALUE_AT, true);
    case UINT:
      return view.getUint32(at + VALUE_AT, true);
    case LLONG:
      return Number(view.getBigInt64(at + VALUE_AT, true));
    case ULLONG:
      return Number(view.getBigUint64(at + VALUE_AT, true));
    case DOUBLE:
      return view.getFloat64(at + VALUE_AT, true);
    case BOOLEAN:
      return view.getUint8(at + VALUE_AT);
    default:
      return undefined;
  }
}
