const words: Readonly<Record<string, number>> = {
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  nan: Number.NaN,
};

/** The float that the engine, or JavaScript, printed. */
export function parseFloatText(text: string): number {
  return words[text] ?? Number(text);
}

const scratch = new DataView(new ArrayBuffer(8));

/** The canonical text of a float: its bits as a number, as the type map has it. */
export function floatBitsText(text: string, bits: 32 | 64): string {
  const value = parseFloatText(text);
  if (Number.isNaN(value)) return 'nan';
  if (bits === 32) {
    scratch.setFloat32(0, value);
    return String(scratch.getUint32(0));
  }
  scratch.setFloat64(0, value);
  return String(scratch.getBigUint64(0));
}
