/** Renders generated scenes by ray casting: perspective, diffuse and specular light, soft shadows, four samples for each pixel. */

import { createRandom } from "../../../random/keyed.js";
import { largest, smallest } from "../../../text/arrays.js";
import { type RawImage, rawImage } from "../../image.js";
import { type Hit, intersect } from "./intersect.js";
import { layOutScene, pictureBox, type SceneLayout, type SceneOptions, type Vector } from "./layout.js";
import type { Colour, Scene, SceneObject } from "./types.js";

/** Number of samples along each side of a pixel. */
const samples = 2;

/** Colours in linear light. */
const albedo: Readonly<Record<Colour, Vector>> = {
  grey: [0.2, 0.2, 0.21],
  red: [0.62, 0.045, 0.035],
  blue: [0.04, 0.1, 0.62],
  green: [0.04, 0.36, 0.06],
  brown: [0.22, 0.095, 0.035],
  purple: [0.3, 0.05, 0.46],
  cyan: [0.04, 0.46, 0.52],
  yellow: [0.78, 0.6, 0.03],
};

/** Intensities of the ambient light (its uniform part, and the part from above) and of the lamp. */
const ambientLight = 0.26;
const ambientFromAbove = 0.12;
const lampLight = 0.85;

/** Offsets of the lamp position for the four samples of a pixel: four points of a lamp give soft shadow edges. */
const lampOffsets: readonly (readonly [number, number])[] = [
  [-0.09, -0.04],
  [0.05, -0.09],
  [-0.05, 0.09],
  [0.09, 0.04],
];

/**
 * Generates image number `index` of the sequence `seed`, with a description of its content.
 *
 * The same arguments give the same bytes: all randomness comes from the seed, and the order of arithmetic is fixed.
 * @example const { image, scene } = generateScene(1, 0, { height: 64, width: 64, minCount: 1, maxCount: 9 })
 */
export function generateScene(seed: number, index: number, options: SceneOptions): { image: RawImage; scene: Scene } {
  const layout = layOutScene(seed, index, options);
  return { image: renderScene(layout, options.height, options.width), scene: layout.scene };
}

/** Renders a layout to height x width RGB pixels. */
export function renderScene(layout: SceneLayout, height: number, width: number): RawImage {
  const rows = height * samples;
  const columns = width * samples;
  const rays = castRays(layout, rows, columns);
  const objects = prepare(layout);
  const lamps = lampOffsets.map(([u, v]) => unit(layout.light[0] + u, layout.light[1], layout.light[2] + v));
  const image = new Uint8Array(height * width * 3);
  const sum = new Float64Array(3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      sum[0] = sum[1] = sum[2] = 0;
      for (let s = 0; s < samples * samples; s++) {
        const at = (y * samples + (s >> 1)) * columns + x * samples + (s & 1);
        if (rays.hit[at]! < 0) shadeGround(layout, objects, rays, at, lamps[s]!, sum);
        else shadeObject(layout, objects, rays, at, lamps[s]!, sum);
      }
      const to = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) {
        // The display curve is a square root: close to sRGB's, and exact on every machine, unlike a power.
        image[to + c] = Math.sqrt(Math.min(1, sum[c]! / (samples * samples))) * 255 + 0.5;
      }
    }
  }
  return rawImage(image, height, width, 3);
}

/** Results of every sample's ray: the nearest object (-1 for the ground), its distance, and the surface normal. */
interface Rays {
  readonly direction: Float64Array;
  readonly hit: Int16Array;
  readonly distance: Float64Array;
  readonly normal: Float64Array;
}

function castRays({ camera, scene }: SceneLayout, rows: number, columns: number): Rays {
  const count = rows * columns;
  const rays: Rays = {
    direction: new Float64Array(count * 3),
    hit: new Int16Array(count).fill(-1),
    distance: new Float64Array(count).fill(Number.POSITIVE_INFINITY),
    normal: new Float64Array(count * 3),
  };
  const half = Math.min(rows, columns) / 2;
  const { forward, right, up, focal } = camera;
  for (let y = 0, at = 0; y < rows; y++) {
    const v = (rows / 2 - y - 0.5) / half;
    for (let x = 0; x < columns; x++, at += 3) {
      const u = (x + 0.5 - columns / 2) / half;
      const dx = forward[0] * focal + right[0] * u + up[0] * v;
      const dy = forward[1] * focal + right[1] * u + up[1] * v;
      const dz = forward[2] * focal + right[2] * u + up[2] * v;
      const n = 1 / Math.sqrt(dx * dx + dy * dy + dz * dz);
      rays.direction[at] = dx * n;
      rays.direction[at + 1] = dy * n;
      rays.direction[at + 2] = dz * n;
    }
  }
  const found: Hit = { distance: 0, nx: 0, ny: 0, nz: 0 };
  const [ox, oy, oz] = camera.position;
  for (const [i, object] of scene.objects.entries()) {
    // Only the samples in the object's bounding box can hit it.
    const box = pictureBox(camera, object);
    const left = Math.max(0, Math.floor(columns / 2 + box.left * half));
    const last = Math.min(columns - 1, Math.ceil(columns / 2 + box.right * half));
    const top = Math.max(0, Math.floor(rows / 2 - box.top * half));
    const bottom = Math.min(rows - 1, Math.ceil(rows / 2 - box.bottom * half));
    for (let y = top; y <= bottom; y++) {
      for (let at = y * columns + left; at <= y * columns + last; at++) {
        const d = at * 3;
        if (!intersect(object, ox, oy, oz, rays.direction[d]!, rays.direction[d + 1]!, rays.direction[d + 2]!, found))
          continue;
        if (found.distance >= rays.distance[at]!) continue;
        rays.distance[at] = found.distance;
        rays.hit[at] = i;
        rays.normal[d] = found.nx;
        rays.normal[d + 1] = found.ny;
        rays.normal[d + 2] = found.nz;
      }
    }
  }
  return rays;
}

/** The objects as flat arrays, which are faster in the inner loops, and the region that each one darkens. */
interface Prepared {
  readonly objects: readonly SceneObject[];
  readonly x: Float64Array;
  readonly y: Float64Array;
  readonly z: Float64Array;
  readonly radius: Float64Array;
  /** The rectangle of ground that an object's shadow or contact shadow can reach: minimum and maximum x, then z. */
  readonly reach: Float64Array;
}

function prepare({ scene: { objects }, light }: SceneLayout): Prepared {
  const list = (value: (object: SceneObject) => number): Float64Array => Float64Array.from(objects, value);
  const reach = new Float64Array(objects.length * 4);
  for (const [i, { position, radius }] of objects.entries()) {
    // The lamp's points are at most 0.1 beside its centre; a shadow ends where light over the top (height 2r) reaches the ground.
    const around = 2.2 * radius;
    for (const [axis, at] of [
      [0, position[0]],
      [2, position[2]],
    ] as const) {
      const shadow = [-0.1, 0.1].map((offset) => at - ((light[axis] + offset) / light[1]) * 2 * radius);
      reach[i * 4 + axis] = smallest([at - around, ...shadow.map((end) => end - 1.5 * radius)]);
      reach[i * 4 + axis + 1] = largest([at + around, ...shadow.map((end) => end + 1.5 * radius)]);
    }
  }
  return {
    objects,
    x: list((o) => o.position[0]),
    y: list((o) => o.position[1]),
    z: list((o) => o.position[2]),
    radius: list((o) => o.radius),
    reach,
  };
}

function shadeGround(
  { camera, ground }: SceneLayout,
  prepared: Prepared,
  rays: Rays,
  at: number,
  lamp: Vector,
  sum: Float64Array,
): void {
  // The camera always looks down, so a ray that hits no object hits the ground.
  const t = -camera.position[1] / rays.direction[at * 3 + 1]!;
  const px = camera.position[0] + rays.direction[at * 3]! * t;
  const pz = camera.position[2] + rays.direction[at * 3 + 2]! * t;
  const { x, z, radius, reach, objects } = prepared;
  let open = 1;
  let lit = lamp[1];
  for (let i = 0; i < objects.length; i++) {
    if (px < reach[i * 4]! || px > reach[i * 4 + 1]! || pz < reach[i * 4 + 2]! || pz > reach[i * 4 + 3]!) continue;
    const dx = x[i]! - px;
    const dz = z[i]! - pz;
    // Less ambient light reaches the ground close to an object.
    const near = 1 - Math.sqrt(dx * dx + dz * dz) / (2.2 * radius[i]!);
    if (near > 0) open *= 1 - 0.9 * near * near;
    if (lit > 0 && intersect(objects[i]!, px, 0, pz, lamp[0], lamp[1], lamp[2], shadowHit)) lit = 0;
  }
  // The lamp's light decreases with the distance from the centre of the scene.
  const diffuse = ((ambientLight + ambientFromAbove) * open + lampLight * lit) / (1 + 0.018 * (px * px + pz * pz));
  for (let c = 0; c < 3; c++) sum[c]! += ground[c]! * diffuse;
}

function shadeObject(
  { camera }: SceneLayout,
  prepared: Prepared,
  rays: Rays,
  at: number,
  lamp: Vector,
  sum: Float64Array,
): void {
  const d = at * 3;
  const hit = rays.hit[at]!;
  const object = prepared.objects[hit]!;
  const t = rays.distance[at]!;
  const dx = rays.direction[d]!;
  const dy = rays.direction[d + 1]!;
  const dz = rays.direction[d + 2]!;
  const nx = rays.normal[d]!;
  const ny = rays.normal[d + 1]!;
  const nz = rays.normal[d + 2]!;
  const facing = nx * lamp[0] + ny * lamp[1] + nz * lamp[2];
  const shaded =
    facing <= 0 ||
    inShadow(
      prepared,
      hit,
      camera.position[0] + dx * t,
      camera.position[1] + dy * t,
      camera.position[2] + dz * t,
      lamp,
    );
  const lit = shaded ? 0 : facing;
  const diffuse = ambientLight + ambientFromAbove * ny + lampLight * lit;
  const shiny = object.material === "shiny";
  const towards = -(dx * nx + dy * ny + dz * nz);
  let extra = 0;
  if (lit > 0) {
    // Blinn's specular highlight: the angle between the surface normal and the half vector of lamp and camera.
    const hx = lamp[0] - dx;
    const hy = lamp[1] - dy;
    const hz = lamp[2] - dz;
    const h = Math.max(0, nx * hx + ny * hy + nz * hz) / Math.sqrt(hx * hx + hy * hy + hz * hz);
    const h2 = h * h;
    const h8 = h2 * h2 * h2 * h2;
    const h16 = h8 * h8;
    extra = shiny ? 0.75 * h16 * h16 * h16 * h16 : 0.05 * h8;
  }
  // Reflection of a bright sky by a shiny surface, stronger at grazing angles.
  if (shiny) extra += Math.max(0, dy + 2 * towards * ny) * (0.06 + 0.3 * (1 - towards) * (1 - towards));
  const base = albedo[object.colour];
  for (let c = 0; c < 3; c++) sum[c]! += base[c]! * diffuse + extra;
}

/** Whether another object is between a point of object `self` and the lamp. */
function inShadow(
  { objects, x, y, z, radius }: Prepared,
  self: number,
  px: number,
  py: number,
  pz: number,
  lamp: Vector,
): boolean {
  for (let i = 0; i < objects.length; i++) {
    // Every shape is convex, so it casts no shadow on its own side that faces the lamp.
    if (i === self) continue;
    const cx = x[i]! - px;
    const cy = y[i]! - py;
    const cz = z[i]! - pz;
    const along = cx * lamp[0] + cy * lamp[1] + cz * lamp[2];
    const square = cx * cx + cy * cy + cz * cz;
    // The circumscribed sphere of a box has sqrt(3) radii, that of the other shapes at most sqrt(2).
    const bound = 3 * radius[i]! * radius[i]!;
    if (square - along * along > bound || (along < 0 && square > bound)) continue;
    if (intersect(objects[i]!, px, py, pz, lamp[0], lamp[1], lamp[2], shadowHit)) return true;
  }
  return false;
}

const shadowHit: Hit = { distance: 0, nx: 0, ny: 0, nz: 0 };

function unit(x: number, y: number, z: number): Vector {
  const n = 1 / Math.sqrt(x * x + y * y + z * z);
  return [x * n, y * n, z * n];
}

/** Derives a seed for one split of a dataset, so that its images differ from those of other splits. */
export function splitSeed(seed: number, split: string): number {
  return createRandom("split", seed, split).next();
}
