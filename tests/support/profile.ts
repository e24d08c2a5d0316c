/** Which nodes the runtime really executed, after its optimiser, and where: read from its own trace. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tensor } from "../../src/graph/index.js";
import type { Device } from "../../src/runtime/index.js";
import { type Result, run, type Value } from "./run.js";

export interface ExecutedNode {
  /** The ONNX node type. */
  readonly type: string;
  /** The device that ran it. */
  readonly device: Device;
  /** Element types of its inputs, as the runtime writes them. */
  readonly inputs: readonly string[];
}

interface TraceEvent {
  readonly cat: string;
  readonly ts: number;
  readonly args?: {
    readonly op_name?: string;
    readonly provider?: string;
    readonly input_type_shape?: readonly Record<string, readonly number[]>[];
  };
}

/** The results of one run on a device, and the nodes it executed, in the order they started. */
export async function traced(
  outputs: Readonly<Record<string, Tensor>>,
  feeds: Readonly<Record<string, Value>>,
  device: Device = "cpu",
): Promise<{ results: Record<string, Result>; nodes: ExecutedNode[] }> {
  const folder = mkdtempSync(join(tmpdir(), "fovea-profile-"));
  try {
    const results = await run(outputs, feeds, { device, profilePrefix: join(folder, "trace") });
    const events = readdirSync(folder).flatMap(
      (file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as TraceEvent[],
    );
    const nodes = events
      .filter((event) => event.cat === "Node" && event.args?.provider !== undefined && event.args.provider !== "")
      .sort((a, b) => a.ts - b.ts)
      .map(({ args }) => ({
        type: args!.op_name!,
        device: (args!.provider === "CPUExecutionProvider" ? "cpu" : "webgpu") as Device,
        inputs: (args!.input_type_shape ?? []).flatMap((entry) => Object.keys(entry)),
      }));
    return { results, nodes };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The nodes of one run on a device, in the order they started. */
export const executedNodes = async (
  outputs: Readonly<Record<string, Tensor>>,
  feeds: Readonly<Record<string, Value>>,
  device: Device = "cpu",
): Promise<ExecutedNode[]> => (await traced(outputs, feeds, device)).nodes;
