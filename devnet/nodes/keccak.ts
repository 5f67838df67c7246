const mask = (1n << 64n) - 1n;
const rounds = roundConstants();
const rotations = rotationOffsets();

/** Keccak-256 as Ethereum uses it: node:crypto has only the later SHA-3, which pads otherwise. */
export function keccak256(message: Buffer): Buffer {
  const rate = 136;
  const padded = Buffer.alloc((Math.floor(message.length / rate) + 1) * rate);
  message.copy(padded);
  padded[message.length] = 0x01;
  padded[padded.length - 1] = (padded.at(-1) ?? 0) | 0x80;
  let lanes = new Array<bigint>(25).fill(0n);
  for (let block = 0; block < padded.length; block += rate) {
    lanes = permute(
      lanes.map((value, lane) => (lane * 8 < rate ? value ^ padded.readBigUInt64LE(block + lane * 8) : value)),
    );
  }
  const out = Buffer.alloc(32);
  for (let lane = 0; lane < 4; lane += 1) out.writeBigUInt64LE(lanes[lane] ?? 0n, lane * 8);
  return out;
}

/** Lane (x, y) is at x + 5y. */
function permute(start: readonly bigint[]): bigint[] {
  let lanes = [...start];
  const at = (x: number, y: number) => lanes[(x % 5) + 5 * (y % 5)] ?? 0n;
  for (const constant of rounds) {
    const columns = [0, 1, 2, 3, 4].map((x) => at(x, 0) ^ at(x, 1) ^ at(x, 2) ^ at(x, 3) ^ at(x, 4));
    const theta = (x: number) => (columns[(x + 4) % 5] ?? 0n) ^ rotate(columns[(x + 1) % 5] ?? 0n, 1);
    lanes = lanes.map((lane, index) => lane ^ theta(index % 5));
    const moved = new Array<bigint>(25).fill(0n);
    for (let index = 0; index < 25; index += 1) {
      const [x, y] = [index % 5, Math.floor(index / 5)];
      moved[y + 5 * ((2 * x + 3 * y) % 5)] = rotate(at(x, y), rotations[index] ?? 0);
    }
    lanes = moved;
    lanes = lanes.map((lane, index) => {
      const [x, y] = [index % 5, Math.floor(index / 5)];
      return lane ^ (~at(x + 1, y) & mask & at(x + 2, y));
    });
    lanes[0] = (lanes[0] ?? 0n) ^ constant;
  }
  return lanes;
}

function rotate(value: bigint, bits: number): bigint {
  return bits === 0 ? value : ((value << BigInt(bits)) | (value >> BigInt(64 - bits))) & mask;
}

function rotationOffsets(): number[] {
  const offsets = new Array<number>(25).fill(0);
  let [x, y] = [1, 0];
  for (let step = 0; step < 24; step += 1) {
    offsets[x + 5 * y] = (((step + 1) * (step + 2)) / 2) % 64;
    [x, y] = [y, (2 * x + 3 * y) % 5];
  }
  return offsets;
}

/** The constants are the output of an 8-bit shift register; 24 rounds, bits at positions 2^j − 1. */
function roundConstants(): bigint[] {
  let register = 1;
  const constants: bigint[] = [];
  for (let round = 0; round < 24; round += 1) {
    let constant = 0n;
    for (let j = 0; j < 7; j += 1) {
      if (register & 1) constant |= 1n << BigInt((1 << j) - 1);
      register = register & 0x80 ? ((register << 1) ^ 0x171) & 0xff : register << 1;
    }
    constants.push(constant);
  }
  return constants;
}
