/**
 * Writes the protobuf encodings that ONNX needs: varints, length-delimited fields, floats.
 * Wire format: https://protobuf.dev/programming-guides/encoding/
 */

/** Collects pieces; large byte arrays are kept by reference and copied once at the end. */
export class ProtobufWriter {
  private readonly pieces: Uint8Array[] = [];
  private current: number[] = [];
  length = 0;

  private flush(): void {
    if (this.current.length === 0) return;
    this.pieces.push(Uint8Array.from(this.current));
    this.current = [];
  }

  private byte(value: number): void {
    this.current.push(value);
    this.length++;
  }

  private varint(value: number | bigint): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 127n) {
      this.byte(Number(rest & 127n) | 128);
      rest >>= 7n;
    }
    this.byte(Number(rest));
  }

  private key(field: number, wireType: number): void {
    this.varint((field << 3) | wireType);
  }

  /** Writes a varint field; negative numbers take ten bytes, like protobuf's int64. */
  integer(field: number, value: number | bigint): void {
    this.key(field, 0);
    this.varint(value);
  }

  float(field: number, value: number): void {
    this.key(field, 5);
    for (const byte of new Uint8Array(Float32Array.of(value).buffer)) this.byte(byte);
  }

  bytes(field: number, value: Uint8Array): void {
    this.key(field, 2);
    this.varint(value.length);
    this.append(value);
  }

  string(field: number, value: string): void {
    this.bytes(field, new TextEncoder().encode(value));
  }

  /** Appends whole encoded fields of another message. */
  raw(fields: Uint8Array): void {
    this.append(fields);
  }

  message(field: number, write: (inner: ProtobufWriter) => void): void {
    const inner = new ProtobufWriter();
    write(inner);
    this.key(field, 2);
    this.varint(inner.length);
    inner.flush();
    for (const piece of inner.pieces) this.append(piece);
  }

  private append(value: Uint8Array): void {
    if (value.length < 64) {
      for (const byte of value) this.current.push(byte);
    } else {
      this.flush();
      this.pieces.push(value);
    }
    this.length += value.length;
  }

  finish(): Uint8Array {
    this.flush();
    const out = new Uint8Array(this.length);
    let offset = 0;
    for (const piece of this.pieces) {
      out.set(piece, offset);
      offset += piece.length;
    }
    return out;
  }
}
