/** Identifiers are 20 bytes, big-endian, aligned to the right; a circle of m bits uses the low m of the 160. */
export const ID_BYTES = 20;
export const ID_BITS = 160;

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));

/** hexOf returns an identifier's 40 hex digits, the page's name for a member. */
export function hexOf(id: Uint8Array, offset = 0): string {
  let text = "";
  for (let i = offset; i < offset + ID_BYTES; i++) text += HEX[id[i]];
  return text;
}

/** bytesOf parses 1 to 40 hex digits; it returns null for any other text. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[0-9a-fA-F]{1,40}$/.test(text)) return null;
  const padded = text.padStart(2 * ID_BYTES, "0");
  const id = new Uint8Array(ID_BYTES);
  for (let i = 0; i < ID_BYTES; i++) id[i] = Number.parseInt(padded.slice(2 * i, 2 * i + 2), 16);
  return id;
}

/** turnOf returns an identifier's position on a circle of 2^bits points, as a fraction of a full turn in [0, 1). */
export function turnOf(id: Uint8Array, bits: number, offset = 0): number {
  let value = 0;
  let weight = 1 / 256;
  // Seven significant bytes fill a double's 53 bits; leading zero bytes do not count.
  let taken = 0;
  for (let i = 0; i < ID_BYTES && taken < 8; i++) {
    const byte = id[offset + i];
    value += byte * weight;
    weight /= 256;
    if (taken > 0 || byte > 0) taken++;
  }
  const turn = value * 2 ** (ID_BITS - (bits || ID_BITS));
  return turn < 1 ? turn : 0;
}

/** clockwise returns the clockwise distance from a to b along the circle, in turns. */
export function clockwise(a: number, b: number): number {
  const d = b - a;
  return d < 0 ? d + 1 : d;
}

/** digitsOf returns the number of hex digits that the conductor writes for an identifier of the given number of bits. */
export function digitsOf(bits: number): number {
  return Math.ceil((bits || ID_BITS) / 4);
}

/** apiId returns an identifier as the API writes it. */
export function apiId(hex: string, bits: number): string {
  return hex.slice(2 * ID_BYTES - digitsOf(bits));
}

/** shortId returns an identifier's leading digits, enough to distinguish members at a glance. */
export function shortId(hex: string, bits: number, digits = 8): string {
  return apiId(hex, bits).slice(0, digits);
}

/** fingerStart returns (id + 2^slot) mod 2^bits as 40 hex digits. */
export function fingerStart(hex: string, slot: number, bits: number): string {
  const modulus = 1n << BigInt(bits || ID_BITS);
  const start = (BigInt(`0x${hex}`) + (1n << BigInt(slot))) % modulus;
  return start.toString(16).padStart(2 * ID_BYTES, "0");
}
