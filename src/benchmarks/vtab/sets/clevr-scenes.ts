/** Reads CLEVR's files of scenes, hundreds of megabytes of JSON, one scene at a time. */
import * as z from "zod";
import { SourceError } from "../protocol/task.js";

/** The parts of a scene that the tasks need. */
export interface ClevrScene {
  /** The file name without folders. */
  readonly image: string;
  /** The distance of every object from the camera. */
  readonly depths: readonly number[];
}

const sceneSchema = z.object({
  image_filename: z.string().regex(/^[\w.-]+$/),
  objects: z.array(z.object({ pixel_coords: z.tuple([z.number(), z.number(), z.number()]) })),
});

const code = (character: string): number => character.charCodeAt(0);
const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = ['"', "\\", "{", "}", "[", "]"].map(code);

/** The largest accepted scene, in bytes; a scene of ten objects has a few kilobytes. */
const maxScene = 2 ** 20;

/**
 * Yields the scenes of a file `{"info": ..., "scenes": [...]}`.
 *
 * @throws SourceError with the file's name (`where`) when it has no list of scenes, is truncated, or a scene lacks a
 * field.
 */
export function* scenesIn(bytes: Uint8Array, where: string): Generator<ClevrScene> {
  const fail = (problem: string): SourceError =>
    new SourceError(`"${where}" ${problem}; unpack or fetch the dataset again`);
  const decoder = new TextDecoder();
  let depth = 0;
  let inString = false;
  let stringAt = 0;
  // The last string at the top level, which is the key of the value that follows.
  let key = "";
  let sceneAt = -1;
  let inScenes = false;
  let count = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === backslash) at++;
      else if (byte === quote) {
        inString = false;
        if (depth === 1) key = decoder.decode(bytes.subarray(stringAt, Math.min(at, stringAt + 100)));
      }
    } else if (byte === quote) {
      inString = true;
      stringAt = at + 1;
    } else if (byte === openBrace || byte === openBracket) {
      if (depth === 1 && byte === openBracket && key === "scenes") inScenes = true;
      if (depth === 2 && inScenes) sceneAt = at;
      depth++;
    } else if (byte === closeBrace || byte === closeBracket) {
      depth--;
      if (depth === 2 && inScenes) {
        yield parseScene(bytes.subarray(sceneAt, at + 1), (problem) => fail(`, scene ${count}: ${problem}`));
        count++;
      }
      if (depth === 1 && inScenes) return;
    }
    if (sceneAt >= 0 && depth > 2 && at - sceneAt > maxScene) throw fail(`is damaged: scene ${count} has no end`);
  }
  throw fail(inScenes ? `is cut off after ${count} scenes` : "has no list of scenes");
}

function parseScene(bytes: Uint8Array, fail: (problem: string) => SourceError): ClevrScene {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw fail("it is not valid JSON");
  }
  const scene = sceneSchema.safeParse(value);
  if (!scene.success) throw fail("it has no image_filename and objects with pixel_coords");
  return {
    image: scene.data.image_filename,
    depths: scene.data.objects.map(({ pixel_coords }) => pixel_coords[2]),
  };
}
