/** Saves and loads heads as safetensors files. */

import { WeightsError } from "../../formats/error.js";
import { readSafetensors, writeSafetensors } from "../../formats/safetensors.js";
import type { Head } from "./head.js";

/** Writes a head: kernel and bias rounded to float32, or the bank (float32) and labels of neighbours. */
export async function saveHead(file: string, head: Head): Promise<void> {
  const { width, classes } = head;
  if (head.kind === "linear") {
    await writeSafetensors(
      file,
      new Map([
        ["kernel", { dtype: "float32", shape: [width, classes], data: Float32Array.from(head.kernel) }],
        ["bias", { dtype: "float32", shape: [classes], data: Float32Array.from(head.bias) }],
      ]),
      new Map([["kind", head.kind]]),
    );
    return;
  }
  const { bank, labels, k, temperature, sharpness } = head;
  await writeSafetensors(
    file,
    new Map([
      ["bank", { dtype: "float32" as const, shape: [labels.length, width], data: bank }],
      ["labels", { dtype: "int32" as const, shape: [labels.length], data: labels }],
    ]),
    new Map([
      ["kind", head.kind],
      ["classes", `${classes}`],
      ["k", `${k}`],
      ["temperature", `${temperature}`],
      ["sharpness", `${sharpness}`],
    ]),
  );
}

/** Reads a file that `saveHead` wrote. Throws WeightsError for any other file. */
export async function loadHead(file: string): Promise<Head> {
  const { tensors, metadata } = await readSafetensors(file);
  const [kernel, bias, bank, labels] = ["kernel", "bias", "bank", "labels"].map((name) => tensors.get(name));
  if (metadata.get("kind") === "linear" && kernel?.shape.length === 2 && bias?.shape[0] === kernel.shape[1]) {
    const [width, classes] = kernel.shape as [number, number];
    return {
      kind: "linear",
      width,
      classes,
      kernel: Float64Array.from(kernel.data as Float32Array),
      bias: Float64Array.from(bias!.data as Float32Array),
    };
  }
  if (metadata.get("kind") === "neighbours" && bank?.shape.length === 2 && labels?.shape[0] === bank.shape[0]) {
    const number = (name: string): number => Number(metadata.get(name));
    const [classes, k, temperature, sharpness] = [
      number("classes"),
      number("k"),
      number("temperature"),
      number("sharpness"),
    ];
    const stored = labels!.data as Int32Array;
    const known = stored.every((label) => label >= 0 && label < classes);
    if (known && k >= 1 && k <= stored.length && temperature > 0 && sharpness > 0) {
      const width = bank.shape[1]!;
      const data = bank.data as Float32Array;
      return { kind: "neighbours", width, classes, k, temperature, sharpness, bank: data, labels: stored };
    }
  }
  throw new WeightsError(
    `${file} is not a head that fovea wrote: expected the tensors kernel and bias, or bank and labels, and the kind in its metadata`,
  );
}
