/** Exports in older versions of ONNX's operators: ONNX Runtime checks each node against the version, and gives the same. */
import { fromBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema } from "onnx-buf";
import { describe, expect, test } from "vitest";
import { ExportError, type ExportOptions, exportOnnx } from "../../src/export/index.js";
import { withOpset } from "../../src/export/opset.js";
import { onnxNode } from "../../src/graph/index.js";
import { convolutionStem } from "../../src/models/index.js";
import {
  channelsFirst,
  drawnPixels,
  drawnWeights,
  relativeDifference,
  run,
  scaled,
  tinyMixer,
  tinyResNet,
  tinyViT,
} from "./support.js";

const networks = {
  ViT: tinyViT(),
  "ViT with a mean, erf GELU": tinyViT({ pooling: "gap", gelu: "erf", preLogits: 20 }),
  "ViT with attention pooling": tinyViT({ pooling: "map", posEmbedding: "sincos2d" }),
  "ViT with convolutions": tinyViT({
    stem: { ...convolutionStem([8, 16]), groups: 4 },
    patchSize: 2,
    pooling: "gap",
  }),
  ResNet: tinyResNet(),
  "ResNet with non-local blocks": tinyResNet({ attention: { kind: "nonLocal", every: 1 } }),
  Mixer: tinyMixer(),
};

describe.each(Object.entries(networks))("%s", (_, config) => {
  const weights = drawnWeights(config, [32, 32, 3]);
  const images = channelsFirst(scaled(drawnPixels(3, weights.image)), weights.image);
  const calibration = channelsFirst(scaled(drawnPixels(4, weights.image, 5)), weights.image);
  const forms: Readonly<Record<string, ExportOptions>> = {
    fused: {},
    plain: { operators: "plain" },
    float16: { weights: "float16", operators: "plain" },
    int8: { weights: "int8", calibration },
  };

  test.each(Object.entries(forms))("%s", async (_, options) => {
    const newest = await run(await exportOnnx(weights, options), { pixel_values: images });
    for (const [opset, format] of [
      [17, 8],
      [18, 8],
      [19, 9],
      [20, 9],
      [21, 10],
    ] as const) {
      const model = await exportOnnx(weights, { ...options, opset });
      const { irVersion, opsetImport } = fromBinary(ModelProtoSchema, model.bytes);
      expect(Number(irVersion)).toBe(format);
      expect(Number(opsetImport.find(({ domain }) => domain === "")?.version)).toBe(opset);
      const found = await run(model, { pixel_values: images });
      expect(
        relativeDifference(found["logits"] ?? new Float32Array(), newest["logits"] ?? new Float32Array()),
      ).toBeLessThan(1e-6);
    }
  });
});

test("what a version does not have is refused by name", async () => {
  const graph = { name: "g", initializers: [], inputs: [], outputs: [] };
  const nodes = [
    onnxNode("GroupNormalization", ["x"], ["y"]),
    onnxNode("BitwiseXor", ["y", "y"], ["z"]),
    onnxNode("Relu", ["z"], ["w"]),
  ];
  expect(() => withOpset({ ...graph, nodes }, 18)).toThrow(ExportError);
  expect(() => withOpset({ ...graph, nodes }, 18)).toThrow(
    /version 18 of ONNX's operators does not have GroupNormalization, BitwiseXor as this network uses it; export for a later one, up to 21/,
  );
  expect(withOpset({ ...graph, nodes }, 21).nodes).toEqual(nodes);
  for (const opset of [16, 22]) {
    await expect(exportOnnx(drawnWeights(tinyViT(), [32, 32, 3]), { opset })).rejects.toThrow(
      new RegExp(`version ${opset} of ONNX's operators is not written; 17, 18, 19, 20, 21 are`),
    );
  }
});
