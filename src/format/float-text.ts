import { writeDouble, writePadded } from './digits.ts';

/** Floats as the shortest decimal that reads as the same value, written as Java does for whole numbers: 100.0. */
const largestWhole = 1e15;
const powers = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6] as const;

export function writeFloat64(to: Buffer, at: number, value: number): number {
  const size = Math.abs(value);
  if (size >= largestWhole || (size < 1e-4 && size !== 0)) return writeNumber(to, at, value);
  for (let places = 1; places < powers.length; places++) {
    const unit = powers[places] as number;
    const scaled = Math.round(size * unit);
    // Both sides of the division are exact, so it rounds as reading the decimal would.
    if (scaled <= Number.MAX_SAFE_INTEGER && scaled / unit === size) {
      return writePoint(to, at, value, scaled, places);
    }
  }
  return writeNumber(to, at, value);
}

export function writeFloat32(to: Buffer, at: number, value: number): number {
  const size = Math.abs(value);
  if (size >= largestWhole || (size < 1e-4 && size !== 0)) return writeShortest(to, at, value);
  for (let places = 1; places < powers.length; places++) {
    const unit = powers[places] as number;
    const scaled = Math.round(size * unit);
    if (scaled > Number.MAX_SAFE_INTEGER) break;
    const decimal = scaled / unit;
    if (Math.fround(decimal) !== size) continue;
    // Halfway between two floats a reader may take the other one.
    const other = 2 * decimal - size;
    if (decimal !== size && Math.fround(other) === other) continue;
    return writePoint(to, at, value, scaled, places);
  }
  return writeShortest(to, at, value);
}

function writePoint(to: Buffer, at: number, value: number, scaled: number, places: number): number {
  let place = at;
  if (value < 0 || Object.is(value, -0)) to[place++] = 45;
  const unit = powers[places] as number;
  const whole = Math.floor(scaled / unit);
  place = writeDouble(to, place, whole);
  to[place++] = 46;
  return writePadded(to, place, scaled - whole * unit, places);
}

/** 9 digits always tell a float from every other. */
function writeShortest(to: Buffer, at: number, value: number): number {
  for (let precision = 1; precision < 9; precision++) {
    const text = value.toPrecision(precision);
    if (Math.fround(Number(text)) === value) return writeNumber(to, at, Number(text));
  }
  return writeNumber(to, at, Number(value.toPrecision(9)));
}

/** NaN and the infinities, which JSON has no numbers for, as its other writers do: `"NaN"`, `"-Infinity"`. */
export function writeNotFinite(to: Buffer, at: number, value: number): number {
  return at + to.write(`"${value}"`, at, 'latin1');
}

function writeNumber(to: Buffer, at: number, value: number): number {
  const text = String(value);
  const isWhole = Number.isFinite(value) && !/[.e]/.test(text);
  return at + to.write(isWhole ? `${text}.0` : text, at, 'latin1');
}
