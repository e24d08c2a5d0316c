/** Evaluates a graph once: for tests, small tools and one-off computations. Training uses programs (program.ts). */
import { type ArraysOf, type NumericArray, type Tensor, writeOnnx } from "../graph/index.js";
import { lackingNodes } from "./devices.js";
import type { Platform } from "./platform.js";
import { openSessionOn, type SessionOptions } from "./session.js";

/**
 * Computes the values of the given tensors from the named inputs. Throws if `feeds` lacks an input that the tensors depend on or has another
 * name, and the runtime's errors, with the device in the message.
 */
export async function evaluateOn<T extends Readonly<Record<string, Tensor>>>(
  platform: Platform,
  outputs: T,
  feeds: Readonly<Record<string, NumericArray>> = {},
  options: SessionOptions = {},
): Promise<ArraysOf<T>> {
  await using session = await openSessionOn(
    platform,
    writeOnnx(outputs, undefined, { lacking: lackingNodes[options.device ?? "cpu"] }),
    options,
  );
  return (await session.run(feeds)) as ArraysOf<T>;
}
