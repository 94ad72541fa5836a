import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readTypedParameters, TYPED_PARAMETER_BYTES } from "../../../../src/vm/libvirt/typed-parameters.ts";

type Put = (view: DataView, at: number) => void;

/** struct virTypedParameter of libvirt-common.h, laid out by hand for a 64-bit machine. */
function parameters(...entries: [name: string, type: number, put: Put][]): DataView {
  const bytes = Buffer.alloc(entries.length * TYPED_PARAMETER_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (const [index, [name, type, put]] of entries.entries()) {
    const at = index * TYPED_PARAMETER_BYTES;
    bytes.write(name, at, "latin1");
    view.setInt32(at + 80, type, true);
    put(view, at + 88);
  }
  return view;
}

describe("libvirt's typed parameters", () => {
  test("are read by their types, and text is left out", () => {
    const view = parameters(
      ["state.state", 1, (to, at) => to.setInt32(at, -1, true)],
      ["block.count", 2, (to, at) => to.setUint32(at, 4_000_000_000, true)],
      ["a.l", 3, (to, at) => to.setBigInt64(at, -5_000_000_000n, true)],
      ["cpu.time", 4, (to, at) => to.setBigUint64(at, 9_000_000_000_000n, true)],
      ["a.d", 5, (to, at) => to.setFloat64(at, 1.5, true)],
      ["a.b", 6, (to, at) => to.setUint8(at, 1)],
      ["block.0.name", 7, (to, at) => to.setBigUint64(at, 0x7fff_1234n, true)],
    );
    expect(Object.fromEntries(readTypedParameters(view))).toEqual({
      "state.state": -1,
      "block.count": 4_000_000_000,
      "a.l": -5_000_000_000,
      "cpu.time": 9_000_000_000_000,
      "a.d": 1.5,
      "a.b": 1,
    });
  });

  test("with a name of all 80 bytes, or of other bytes, are read as far as they go", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4 * TYPED_PARAMETER_BYTES }), (bytes) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        expect(readTypedParameters(view).size).toBeLessThanOrEqual(bytes.length / TYPED_PARAMETER_BYTES);
      }),
    );
    const view = parameters(["n".repeat(80), 1, () => undefined]);
    // The type's first byte follows the name at once.
    expect([...readTypedParameters(view).keys()]).toEqual(["n".repeat(80)]);
  });
});
