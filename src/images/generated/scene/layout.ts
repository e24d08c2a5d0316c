/** Lays out generated scenes: camera, light, and objects that do not touch and are all visible. */
import { createRandom, type Random } from "../../../random/keyed.js";
import { type Colour, colours, type Scene, type SceneObject, type Shape, shapes } from "./types.js";

export type Vector = readonly [x: number, y: number, z: number];

/** The camera; `right`, `up` and `forward` are orthonormal. */
export interface Camera {
  readonly position: Vector;
  readonly right: Vector;
  readonly up: Vector;
  readonly forward: Vector;
  /** Distance of the image plane in units of half the image's smaller side. */
  readonly focal: number;
}

/** Everything that is needed to render an image. */
export interface SceneLayout {
  readonly scene: Scene;
  readonly camera: Camera;
  /** Unit vector towards the light, and the ground's colour in linear light. */
  readonly light: Vector;
  readonly ground: Vector;
}

/** Image size and range of object counts of scenes. */
export interface SceneOptions {
  readonly height: number;
  readonly width: number;
  readonly minCount: number;
  readonly maxCount: number;
  readonly shapes?: readonly Shape[];
  readonly colours?: readonly Colour[];
}

/** Half side of the square in which objects are placed, in scene units. */
export const reach = 2.35;
const radii = { small: 0.42, large: 0.68 } as const;
/** Boxes look larger than round shapes of equal radius; their half side is this fraction of the radius. */
const boxShare = 0.84;
/** Minimum distance on the ground between two objects. */
const gap = 0.2;
/** Maximum fraction of an object's bounding box in the image that another one's may cover. */
const maxOverlap = 0.2;
const triesPerObject = 60;
const layoutsPerScale = 12;

/**
 * Draws scene number `index` of the sequence `seed`: equal arguments give equal scenes, and images of one scene at different sizes show the
 * same objects.
 *
 * Objects are on the ground with space between them, completely inside the image, and overlap little in it, so that each one can be seen and
 * counted. If many objects do not fit after many attempts, all of them are made slightly smaller.
 */
export function layOutScene(seed: number, index: number, options: SceneOptions): SceneLayout {
  const { minCount, maxCount } = options;
  if (
    !(
      Number.isInteger(minCount) &&
      Number.isInteger(maxCount) &&
      minCount >= 1 &&
      maxCount >= minCount &&
      maxCount <= 12
    )
  ) {
    throw new Error(`invalid object counts from ${minCount} to ${maxCount}; expected 1 to 12 in ascending order`);
  }
  const random = createRandom("scene", seed, index);
  const count = minCount + random.integer(maxCount - minCount + 1);
  const camera = drawCamera(random);
  // The light comes from above and from one side, so that shadows fall beside objects rather than behind them.
  const side = random.uniform() < 0.5 ? -1 : 1;
  const light = normalise([side * random.range(0.35, 0.75), 1, random.range(0.1, 0.6)]);
  const brightness = random.range(0.22, 0.62);
  const ground: Vector = [brightness * random.range(0.88, 1.08), brightness, brightness * random.range(0.86, 1.1)];
  for (let attempt = 0; ; attempt++) {
    const scale = 0.93 ** Math.floor(attempt / layoutsPerScale);
    const objects = placeObjects(random, camera, count, scale, options);
    if (objects) return { scene: { objects: objects.sort((a, b) => a.distance - b.distance) }, camera, light, ground };
  }
}

function drawCamera(random: Random): Camera {
  const azimuth = random.range(-0.2, 0.2);
  const elevation = random.range(0.68, 0.9);
  const distance = random.range(10, 11);
  const level = Math.cos(elevation) * distance;
  const position: Vector = [Math.sin(azimuth) * level, Math.sin(elevation) * distance, Math.cos(azimuth) * level];
  const target: Vector = [0, 0.3, 0.1];
  const forward = normalise([target[0] - position[0], target[1] - position[1], target[2] - position[2]]);
  const right = normalise(cross(forward, [0, 1, 0]));
  return { position, forward, right, up: cross(right, forward), focal: 2.75 };
}

interface Placed {
  readonly object: SceneObject;
  readonly footprint: number;
  readonly box: PictureBox;
}

/** A rectangle in the image, in units of half its smaller side from its centre. */
export interface PictureBox {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

function placeObjects(
  random: Random,
  camera: Camera,
  count: number,
  scale: number,
  options: SceneOptions,
): SceneObject[] | undefined {
  const placed: Placed[] = [];
  for (let i = 0; i < count; i++) {
    const kind = {
      shape: choose(random, options.shapes ?? shapes),
      colour: choose(random, options.colours ?? colours),
      size: choose(random, ["small", "large"] as const),
      material: choose(random, ["matte", "shiny"] as const),
    };
    const radius = radii[kind.size] * scale * (kind.shape === "box" ? boxShare : 1);
    const footprint = radius * (kind.shape === "box" ? Math.SQRT2 : 1);
    let found: Placed | undefined;
    for (let attempt = 0; attempt < triesPerObject && !found; attempt++) {
      const x = random.range(-reach, reach);
      const z = random.range(-reach, reach);
      const rotation = random.range(0, Math.PI / 2);
      // Check the cheap condition first: in a crowded scene most positions fail it.
      if (placed.some((other) => tooClose(x, z, footprint, other))) continue;
      const object = standObject(camera, { ...kind, radius, position: [x, radius, z], rotation }, options);
      const box = pictureBox(camera, object);
      if (inside(box) && placed.every((other) => overlapsLittle(box, other.box))) found = { object, footprint, box };
    }
    if (!found) return undefined;
    placed.push(found);
  }
  return placed.map(({ object }) => object);
}

function standObject(
  camera: Camera,
  object: Omit<SceneObject, "distance" | "pixel">,
  { height, width }: SceneOptions,
): SceneObject {
  const [x, y, z] = object.position;
  const [px, py] = project(camera, object.position);
  const half = Math.min(height, width) / 2;
  const distance = length([x - camera.position[0], y - camera.position[1], z - camera.position[2]]);
  return { ...object, distance, pixel: [width / 2 + px * half, height / 2 - py * half] };
}

function inside(box: PictureBox): boolean {
  return box.left > -0.97 && box.right < 0.97 && box.bottom > -0.97 && box.top < 0.97;
}

function tooClose(x: number, z: number, footprint: number, other: Placed): boolean {
  const dx = x - other.object.position[0];
  const dz = z - other.object.position[2];
  const least = footprint + other.footprint + gap;
  return dx * dx + dz * dz < least * least;
}

function overlapsLittle(a: PictureBox, b: PictureBox): boolean {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.top, b.top) - Math.max(a.bottom, b.bottom);
  if (width <= 0 || height <= 0) return true;
  return width * height <= maxOverlap * Math.min(area(a), area(b));
}

function area(box: PictureBox): number {
  return (box.right - box.left) * (box.top - box.bottom);
}

/** Bounding box of an object in the image. */
export function pictureBox(camera: Camera, object: SceneObject): PictureBox {
  const [x, , z] = object.position;
  const r = object.radius;
  const cos = object.shape === "box" ? Math.cos(object.rotation) : 1;
  const sin = object.shape === "box" ? Math.sin(object.rotation) : 0;
  let [left, right, top, bottom] = [Infinity, -Infinity, -Infinity, Infinity];
  for (let corner = 0; corner < 8; corner++) {
    const u = corner & 1 ? r : -r;
    const v = corner & 2 ? r : -r;
    const [px, py] = project(camera, [x + u * cos + v * sin, corner & 4 ? 2 * r : 0, z - u * sin + v * cos]);
    left = Math.min(left, px);
    right = Math.max(right, px);
    top = Math.max(top, py);
    bottom = Math.min(bottom, py);
  }
  return { left, right, top, bottom };
}

/** Position of a point in the image, in units of half its smaller side from its centre, y upwards. */
export function project(camera: Camera, point: Vector): readonly [number, number] {
  const p: Vector = [point[0] - camera.position[0], point[1] - camera.position[1], point[2] - camera.position[2]];
  const depth = dot(p, camera.forward);
  return [(camera.focal * dot(p, camera.right)) / depth, (camera.focal * dot(p, camera.up)) / depth];
}

function choose<T>(random: Random, from: readonly T[]): T {
  return from[random.integer(from.length)]!;
}

function dot(a: Vector, b: Vector): number {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function length(a: Vector): number {
  return Math.sqrt(dot(a, a));
}

function normalise(a: Vector): Vector {
  const n = length(a);
  return [a[0] / n, a[1] / n, a[2] / n];
}

function cross(a: Vector, b: Vector): Vector {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}
